#include "jobs/event.h"

#include <array>

namespace bottled {
namespace {

struct Name {
  Stage stage;
  std::string_view text;
};

constexpr std::array<Name, 10> kNames = {{
    {Stage::kNone, ""},
    {Stage::kIdentify, "identify"},
    {Stage::kBuild, "build"},
    {Stage::kRead, "read"},
    {Stage::kMerge, "merge"},
    {Stage::kAssemble, "assemble"},
    {Stage::kPush, "push"},
    {Stage::kPack, "pack"},
    {Stage::kVerify, "verify"},
    {Stage::kPublish, "publish"},
}};

}  // namespace

std::string_view StageName(Stage stage) {
  for (const Name& name : kNames) {
    if (name.stage == stage) {
      return name.text;
    }
  }
  return "";
}

Stage ParseStage(std::string_view text) {
  for (const Name& name : kNames) {
    if (name.text == text) {
      return name.stage;
    }
  }
  return Stage::kNone;
}

}  // namespace bottled
