#include <string>
#include <vector>

#include "base/error.h"
#include "client/options.h"
#include "client/parse_options.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bottled::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

bool MakesNoSense(const std::vector<const char*>& arguments) {
  return HasReason(Parse(arguments).status(), "USAGE");
}

TEST(OptionsWarmTest, ReadsSources) {
  const Options images = Good({"warm", "a:1", "b:1", "--keep", "-H",
                               "unix:///e", "--cpus", "2", "--json"});
  EXPECT_EQ(images.command, Command::kWarm);
  EXPECT_THAT(images.images, ElementsAre("a:1", "b:1"));
  EXPECT_TRUE(images.keep && images.json);
  EXPECT_EQ(images.engine, "unix:///e");
  EXPECT_EQ(images.cpus, 2);
  const Options build = Good({"warm", "--build", ".", "-f", "D", "a:1"});
  EXPECT_EQ(build.build, ".");
  EXPECT_EQ(build.dockerfile, "D");
  EXPECT_THAT(build.images, ElementsAre("a:1"));
  EXPECT_FALSE(build.keep);
  const Options agents =
      Good({"warm", "--agent", "x", "--agent", "y", "--bottle", "dev"});
  EXPECT_THAT(agents.agents, ElementsAre("x", "y"));
  EXPECT_THAT(agents.bottles, ElementsAre("dev"));
}

TEST(OptionsWarmTest, AddIsKeep) {
  const Options add = Good({"warm", "add", "--build", ".", "a:1"});
  EXPECT_EQ(add.command, Command::kWarm);
  EXPECT_TRUE(add.keep);
  EXPECT_EQ(add.build, ".");
  EXPECT_THAT(add.images, ElementsAre("a:1"));
}

TEST(OptionsWarmTest, ReadsItsCommands) {
  EXPECT_EQ(Good({"warm", "ls"}).command, Command::kWarmList);
  const Options remove = Good({"warm", "rm", "x", "y"});
  EXPECT_EQ(remove.command, Command::kWarmRemove);
  EXPECT_THAT(remove.targets, ElementsAre("x", "y"));
  EXPECT_EQ(Good({"warm", "resume", "x"}).command, Command::kWarmResume);
}

TEST(OptionsWarmTest, WhatMakesNoSenseIsRefused) {
  EXPECT_TRUE(MakesNoSense({"warm"}));
  EXPECT_TRUE(MakesNoSense({"warm", "--keep"}));
  EXPECT_TRUE(MakesNoSense({"warm", "add"}));
  EXPECT_TRUE(MakesNoSense({"warm", "rm"}));
  EXPECT_TRUE(MakesNoSense({"warm", "--build", ".", "a", "b"}));
  EXPECT_TRUE(MakesNoSense({"warm", "a:1", "--pull"}));
}

TEST(OptionsWarmTest, IsInHelpAndCompletion) {
  const auto help = Parse({"warm", "--help"});
  ASSERT_TRUE(help.ok()) << help.status();
  EXPECT_THAT(help->text, HasSubstr("resume"));
  EXPECT_THAT(CompletionScript("bash"), HasSubstr("warm resume"));
}

}  // namespace
}  // namespace bottled::client
