#include "jobs/event.h"

#include <algorithm>
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

struct Share {
  Stage stage;
  double from;
  double to;
};

// Not every job has every stage. Those of a build lie before kRead, which is
// the longest one otherwise; smolvm's packer takes longer than all before it.
constexpr std::array<Share, 10> kShares = {{
    {Stage::kNone, 0, 0},
    {Stage::kIdentify, 0.05, 0.05},
    {Stage::kBuild, 0, 0.3},
    {Stage::kRead, 0.1, 0.7},
    {Stage::kMerge, 0.7, 0.75},
    {Stage::kAssemble, 0.75, 0.9},
    {Stage::kPush, 0.1, 0.4},
    {Stage::kPack, 0.4, 0.9},
    {Stage::kVerify, 0.9, 0.97},
    {Stage::kPublish, 0.97, 1},
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

double ShareDone(Stage stage, const Progress& progress) {
  for (const Share& share : kShares) {
    if (share.stage == stage) {
      const double part =
          progress.stage == stage && progress.total > 0
              ? std::clamp(static_cast<double>(progress.current) /
                               static_cast<double>(progress.total),
                           0.0, 1.0)
              : 0;
      return share.from + part * (share.to - share.from);
    }
  }
  return 0;
}

}  // namespace bottled
