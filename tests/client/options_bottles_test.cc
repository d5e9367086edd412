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

TEST(OptionsBottlesTest, ReadsPrepare) {
  const Options options =
      Good({"prepare",    "--bottle", "base",      "--bottle",   "dev",
            "researcher", "--cwd",    "/w",        "--copy-cwd", "--endpoint",
            "loopback",   "-H",       "unix:///e", "--image",    "app:1",
            "--cpus",     "2",        "--memory",  "512",        "--verify",
            "box",        "-q",       "--json"});
  EXPECT_EQ(options.command, Command::kPrepare);
  EXPECT_EQ(options.agent, "researcher");
  EXPECT_THAT(options.bottles, ElementsAre("base", "dev"));
  EXPECT_EQ(options.cwd, "/w");
  EXPECT_EQ(options.endpoint, "loopback");
  EXPECT_EQ(options.engine, "unix:///e");
  EXPECT_EQ(options.image, "app:1");
  EXPECT_EQ(options.cpus, 2);
  EXPECT_EQ(options.memory_mib, 512);
  EXPECT_EQ(options.verify, "box");
  EXPECT_TRUE(options.copy_cwd && options.quiet && options.json);
  EXPECT_EQ(options.argv, ArgvFormat::kNone);
}

TEST(OptionsBottlesTest, PrepareBuildsAndReadsArchives) {
  const Options built =
      Good({"prepare", "a", "--build", "ctx", "-f", "F", "--build-arg", "A=1",
            "--secret", "id=x", "--pull", "--rebuild"});
  EXPECT_EQ(built.build, "ctx");
  EXPECT_EQ(built.agent, "a");
  EXPECT_TRUE(built.pull && built.rebuild);
  const Options archive =
      Good({"prepare", "--archive", "f.tar", "--ref", "x", "a"});
  EXPECT_EQ(archive.archive, "f.tar");
  EXPECT_EQ(archive.reference, "x");
}

TEST(OptionsBottlesTest, ArgvTakesItsFormatBehindAnEqualsSignOnly) {
  EXPECT_EQ(Good({"prepare", "--argv", "a"}).argv, ArgvFormat::kShell);
  EXPECT_EQ(Good({"prepare", "--argv", "a"}).agent, "a");
  EXPECT_EQ(Good({"prepare", "a", "--argv=shell"}).argv, ArgvFormat::kShell);
  EXPECT_EQ(Good({"prepare", "a", "--argv=nul"}).argv, ArgvFormat::kNul);
}

TEST(OptionsBottlesTest, AnAgentMayBeCalledLikeACommand) {
  EXPECT_EQ(Good({"prepare", "watch"}).agent, "watch");
  EXPECT_EQ(Good({"plan", "plan", "--explain"}).agent, "plan");
}

TEST(OptionsBottlesTest, ReadsEveryCommand) {
  EXPECT_TRUE(Good({"prepare", "--resume", "a-12345", "--no-pack"}).no_pack);
  EXPECT_TRUE(Good({"prepare", "a", "-d"}).detach);
  EXPECT_EQ(Good({"plan", "a"}).command, Command::kPlan);
  EXPECT_EQ(Good({"plan", "--resume", "a-12345"}).resume, "a-12345");
  EXPECT_TRUE(Good({"plan", "a", "--bottle", "b", "--explain"}).explain);
  EXPECT_EQ(Good({"bottles", "ls"}).command, Command::kBottlesList);
  EXPECT_THAT(Good({"bottles", "show", "a"}).slugs, ElementsAre("a"));
  EXPECT_THAT(Good({"bottles", "rm", "a", "b"}).slugs, ElementsAre("a", "b"));
  const Options conflict =
      Good({"bottles", "conflict", "a-12345", "172.16.0.0/28", "-H", "x:1"});
  EXPECT_EQ(conflict.command, Command::kBottlesConflict);
  EXPECT_THAT(conflict.slugs, ElementsAre("a-12345"));
  EXPECT_EQ(conflict.subnet, "172.16.0.0/28");
  EXPECT_EQ(conflict.engine, "x:1");
  EXPECT_EQ(Good({"events", "--after", "4"}).after_seq, 4);
  EXPECT_EQ(Good({"events", "--json"}).command, Command::kEvents);
  EXPECT_EQ(Good({"doctor", "--no-start"}).command, Command::kDoctor);
}

TEST(OptionsBottlesTest, WhatMakesNoSenseIsAUsageError) {
  const std::vector<std::vector<const char*>> command_lines = {
      {"prepare"},
      {"prepare", ""},
      {"prepare", "a", "b"},
      {"prepare", "a", "--resume", "a-12345"},
      {"prepare", "--resume", "a-12345", "--bottle", "b"},
      {"prepare", "--resume", "a-12345", "--cwd", "/w"},
      {"prepare", "--resume", "a-12345", "--copy-cwd"},
      {"prepare", "a", "--image", "i", "--build", "c"},
      {"prepare", "a", "--image", "i", "--archive", "f"},
      {"prepare", "a", "--build", "c", "--archive", "f"},
      {"prepare", "a", "--archive", "-"},
      {"prepare", "a", "--ref", "x"},
      {"prepare", "a", "--build-arg", "A=b"},
      {"prepare", "a", "--pull"},
      {"prepare", "a", "--rebuild", "--image", "i"},
      {"prepare", "a", "--no-pack", "--image", "i"},
      {"prepare", "a", "--no-pack", "--rebuild"},
      {"prepare", "a", "--no-pack", "--cpus", "2"},
      {"prepare", "a", "--no-pack", "-d"},
      {"prepare", "a", "--argv", "--json"},
      {"prepare", "a", "--argv=fish"},
      {"prepare", "a", "-d", "--argv"},
      {"prepare", "a", "-d", "--verify", "m"},
      {"prepare", "a", "--verify", ""},
      {"prepare", "a", "--endpoint", "tcp"},
      {"prepare", "a", "-H", "x", "--context", "y"},
      {"prepare", "a", "--cpus", "0"},
      {"plan"},
      {"plan", "a", "--resume", "a-12345"},
      {"plan", "a", "--image", "i"},
      {"bottles"},
      {"bottles", "show"},
      {"bottles", "show", "a", "b"},
      {"bottles", "rm"},
      {"bottles", "conflict", "a"},
      {"events", "--after", "-1"},
      {"events", "x"},
      {"doctor", "x"},
  };
  for (const std::vector<const char*>& arguments : command_lines) {
    std::string text;
    for (const char* argument : arguments) {
      text += std::string(argument) + " ";
    }
    EXPECT_TRUE(HasReason(Parse(arguments).status(), "USAGE")) << text;
  }
}

TEST(OptionsBottlesTest, HelpTellsOfThem) {
  EXPECT_THAT(Parse({"help", "bottles", "conflict"})->text,
              HasSubstr("SUBNET"));
  EXPECT_THAT(Parse({"prepare", "-h"})->text, HasSubstr("--resume"));
}

}  // namespace
}  // namespace bottled::client
