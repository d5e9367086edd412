#include "client/options.h"

#include <string>
#include <vector>

#include "base/error.h"
#include "client/parse_options.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bottled::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(OptionsTest, ReadsPack) {
  const Options options =
      Good({"pack", "app:1", "-H", "unix:///e", "--cpus", "2", "--memory",
            "512", "--force", "-q", "--json"});
  EXPECT_EQ(options.command, Command::kPack);
  EXPECT_EQ(options.image, "app:1");
  EXPECT_EQ(options.engine, "unix:///e");
  EXPECT_EQ(options.cpus, 2);
  EXPECT_EQ(options.memory_mib, 512);
  EXPECT_TRUE(options.force && options.quiet && options.json);
}

TEST(OptionsTest, ReadsABuild) {
  const Options options =
      Good({"pack", "--build", "ctx", "-f", "F", "--build-arg", "A=1",
            "--build-arg", "B", "--secret", "id=x", "--ssh", "default",
            "--target", "t", "--pull", "--no-cache", "app:1"});
  EXPECT_EQ(options.build, "ctx");
  EXPECT_EQ(options.dockerfile, "F");
  EXPECT_THAT(options.build_args, ElementsAre("A=1", "B"));
  EXPECT_THAT(options.secrets, ElementsAre("id=x"));
  EXPECT_THAT(options.ssh, ElementsAre("default"));
  EXPECT_TRUE(options.pull && options.no_cache);
  EXPECT_EQ(options.image, "app:1");
}

TEST(OptionsTest, TakesGlobalFlagsBeforeAndBehindACommand) {
  EXPECT_TRUE(Good({"--no-start", "info"}).no_start);
  EXPECT_TRUE(Good({"info", "--no-start"}).no_start);
  EXPECT_TRUE(Good({"cache", "ls", "--json"}).json);
  EXPECT_EQ(Good({"info", "--socket", "/s"}).places.socket, "/s");
}

TEST(OptionsTest, ReadsEveryCommand) {
  EXPECT_EQ(Good({"watch", "j", "--after", "3"}).after_seq, 3);
  EXPECT_TRUE(Good({"jobs", "-a"}).all);
  EXPECT_EQ(Good({"cancel", "j"}).job_id, "j");
  EXPECT_EQ(Good({"cache", "ls"}).command, Command::kCacheList);
  EXPECT_EQ(Good({"cache", "show", "abc"}).command, Command::kCacheShow);
  EXPECT_THAT(Good({"cache", "rm", "abc", "def"}).digests,
              ElementsAre("abc", "def"));
  EXPECT_TRUE(Good({"cache", "verify", "--deep"}).deep);
  EXPECT_TRUE(Good({"cache", "verify", "--all", "--repair"}).repair);
  EXPECT_TRUE(Good({"socket", "--start"}).start);
  EXPECT_EQ(Good({"daemon", "start"}).command, Command::kDaemonStart);
  EXPECT_EQ(Good({"daemon", "stop"}).command, Command::kDaemonStop);
  EXPECT_EQ(Good({"daemon", "status"}).command, Command::kDaemonStatus);
  EXPECT_EQ(Good({"daemon", "logs", "-n", "7"}).lines, 7);
  EXPECT_EQ(Good({"completion", "zsh"}).shell, "zsh");
  EXPECT_EQ(Good({"version"}).command, Command::kVersion);
}

TEST(OptionsTest, WhatMakesNoSenseIsAUsageError) {
  const std::vector<std::vector<const char*>> command_lines = {
      {},
      {"pck"},
      {"pack"},
      {"pack", "a", "b"},
      {"pack", "a", "--archive", "f"},
      {"pack", "a", "--ref", "x"},
      {"pack", "a", "--build-arg", "A=b"},
      {"pack", "--build", "c", "--archive", "f"},
      {"pack", "--archive", "f", "-H", "unix:///x"},
      {"pack", "--archive", "-", "-d"},
      {"cache", "verify", "abcdef", "--all"},
      {"cache", "verify", "abcdef", "--repair"},
      {"pack", "a", "--cpus", "0"},
      {"pack", "a", "--cpus", "many"},
      {"pack", "a", "--memory", "1"},
      {"pack", "a", "--packer", "magic"},
      {"pack", "a", "-H", "x", "--context", "y"},
      {"pack", "a", "--color", "blue"},
      {"watch"},
      {"watch", "j", "--after", "-1"},
      {"cache"},
      {"cache", "show"},
      {"cache", "rm"},
      {"daemon"},
      {"daemon", "logs", "-n", "-2"},
      {"completion", "tcsh"},
      {"help", "nothing"},
      {"info", "--socket", ""},
  };
  for (const std::vector<const char*>& arguments : command_lines) {
    std::string text;
    for (const char* argument : arguments) {
      text += std::string(argument) + " ";
    }
    EXPECT_TRUE(HasReason(Parse(arguments).status(), "USAGE")) << text;
  }
}

TEST(OptionsTest, HelpIsTextNotAnError) {
  for (const std::vector<const char*>& arguments :
       {std::vector<const char*>{"help"}, std::vector<const char*>{"--help"}}) {
    const auto parsed = Parse(arguments);
    ASSERT_TRUE(parsed.ok());
    EXPECT_THAT(parsed->text, HasSubstr("pack"));
  }
  EXPECT_THAT(Parse({"help", "cache", "verify"})->text, HasSubstr("--deep"));
  EXPECT_THAT(Parse({"pack", "-h"})->text, HasSubstr("--archive"));
}

TEST(OptionsTest, CompletionKnowsEveryCommand) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const std::string script = CompletionScript(shell);
    for (const char* word : {"pack", "watch", "verify", "logs", "--deep",
                             "prepare", "bottles conflict", "--argv"}) {
      // fish spells long flags with "-l".
      const std::string wanted = std::string_view(shell) == "fish" &&
                                         std::string_view(word) == "--deep"
                                     ? "deep"
                                     : word;
      EXPECT_THAT(script, HasSubstr(wanted)) << shell;
    }
  }
}

}  // namespace
}  // namespace bottled::client
