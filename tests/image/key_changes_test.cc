#include "image/key_changes.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "image/content_key.h"

namespace bottled {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

ImageConfig Base() {
  ImageConfig config;
  config.platform = {.os = "linux", .architecture = "amd64", .variant = ""};
  config.env = {"PATH=/bin", "TOKEN=hunter2", "SAME=1"};
  config.entrypoint = {"/e"};
  config.cmd = {"c"};
  config.working_dir = "/w";
  config.user = "u";
  config.diff_ids = {Sha256Of("1"), Sha256Of("2")};
  return config;
}

std::string Hide(std::string_view /*name*/, std::string_view value) {
  return "#" + std::to_string(value.size());
}

std::vector<InputChange> Compare(const ImageConfig& after,
                                 const PackOptions& options = {},
                                 const std::string& packer = "native/1") {
  return CompareKeyInputs(ContentKeyInputs(Base(), {}, "native/1"),
                          ContentKeyInputs(after, options, packer), Hide);
}

TEST(KeyChanges, EqualInputsDifferInNothing) {
  EXPECT_THAT(Compare(Base()), IsEmpty());
}

TEST(KeyChanges, EveryInputIsNamedWithBothValues) {
  ImageConfig config = Base();
  config.cmd = {"d", "e"};
  config.user = "";
  config.diff_ids = {Sha256Of("1"), Sha256Of("x"), Sha256Of("y")};
  config.env = {"PATH=/usr/bin", "SAME=1", "NEW=abc"};
  const auto text = [](const char* of) { return Sha256Of(of).ToString(); };
  EXPECT_THAT(
      Compare(config, {.cpus = 2, .memory_mib = 1024}, "push/1 smolvm 1.32.2"),
      ElementsAre(InputChange{"cmd", R"(["c"])", R"(["d","e"])"},
                  InputChange{"layer 2", text("2"), text("x")},
                  InputChange{"layer 3", "", text("y")},
                  InputChange{"env.NEW", "", "#3"},
                  InputChange{"env.PATH", "#4", "#8"},
                  InputChange{"env.TOKEN", "#7", ""},
                  InputChange{"options.cpus", "4", "2"},
                  InputChange{"options.memory_mib", "8192", "1024"},
                  InputChange{"packer", "native/1", "push/1 smolvm 1.32.2"},
                  InputChange{"user", "u", ""}));
}

TEST(KeyChanges, AnOrderOfVariablesIsAChange) {
  ImageConfig config = Base();
  std::swap(config.env[0], config.env[1]);
  EXPECT_THAT(Compare(config),
              ElementsAre(InputChange{"env", "", "another order"}));
}

TEST(KeyChanges, NoValueOfAVariableShows) {
  ImageConfig config = Base();
  config.env = {"TOKEN=correct horse", "BARE"};
  for (const InputChange& change : Compare(config)) {
    for (const std::string& text : {change.before, change.after}) {
      EXPECT_EQ(text.find("hunter2"), std::string::npos);
      EXPECT_EQ(text.find("horse"), std::string::npos);
    }
  }
}

TEST(KeyChanges, LongValuesAreCutAndMadePrintable) {
  ImageConfig config = Base();
  config.user = std::string(5000, 'x') + "\x1b";
  const auto changes = Compare(config);
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_LE(changes[0].after.size(), 256U);
}

TEST(KeyChanges, OtherTextsDifferInNothing) {
  const std::string inputs = ContentKeyInputs(Base(), {}, "native/1");
  for (const char* text : {"", "{", "[]", "7", "null"}) {
    EXPECT_THAT(CompareKeyInputs(text, inputs, Hide), IsEmpty());
    EXPECT_THAT(CompareKeyInputs(inputs, text, Hide), IsEmpty());
  }
  // Members of other types than ours are shown, and not relied on.
  EXPECT_THAT(
      CompareKeyInputs(R"({"diff_ids":1,"env":{},"options":[1]})",
                       R"({"diff_ids":"x","env":3,"options":null})", Hide),
      ElementsAre(InputChange{"env", "", "another order"}));
}

TEST(KeyChanges, AnotherRevisionOfThePackerIsAnotherFormat) {
  EXPECT_TRUE(IsFormatChange(Compare(Base(), {}, "native/2")));
  EXPECT_FALSE(IsFormatChange(Compare(Base(), {}, "smolvm/1")));
  EXPECT_FALSE(IsFormatChange(Compare(Base())));
  EXPECT_FALSE(IsFormatChange(
      Compare(Base(), {.cpus = 1, .memory_mib = 64}, "native/2")));
}

}  // namespace
}  // namespace bottled
