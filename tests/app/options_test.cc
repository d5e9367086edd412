#include "app/options.h"

#include <fstream>
#include <string>
#include <vector>

#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "platform/map_env.h"
#include "platform/temp_dir.h"

namespace bottled {
namespace {

using ::testing::HasSubstr;

absl::StatusOr<ParsedOptions> Parse(std::vector<const char*> arguments,
                                    const GetEnv& env = MapEnv({})) {
  arguments.insert(arguments.begin(), "bottled");
  return ParseOptions(static_cast<int>(arguments.size()), arguments.data(),
                      env);
}

TEST(AppOptionsTest, DefaultsAreTheStructs) {
  const auto parsed = Parse({});
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(parsed->options.max_running_jobs, Options().max_running_jobs);
  EXPECT_FALSE(parsed->exit_now);
}

TEST(AppOptionsTest, FlagsWinOverTheFileAndTheFileOverDefaults) {
  const TempDir dir;
  std::filesystem::create_directories(dir.path() / "bottled");
  std::ofstream(dir.path() / "bottled/config.yaml")
      << "max-running-jobs: 5\nlog-level: debug\nstate-dir: /from/file\n";
  const GetEnv env = MapEnv({{"XDG_CONFIG_HOME", dir.path().string()}});
  const auto parsed = Parse({"--max-running-jobs", "7"}, env);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->options.max_running_jobs, 7);
  EXPECT_EQ(parsed->options.log_level, "debug");
  EXPECT_EQ(parsed->options.places.state_dir, "/from/file");
  EXPECT_EQ(parsed->options.max_watchers, Options().max_watchers);
}

TEST(AppOptionsTest, BadFlagsSaySo) {
  for (const std::vector<const char*>& arguments :
       {std::vector<const char*>{"--nonsense"},
        std::vector<const char*>{"--max-running-jobs", "0"},
        std::vector<const char*>{"--max-running-jobs", "x"},
        std::vector<const char*>{"stray"}}) {
    EXPECT_TRUE(HasReason(Parse(arguments).status(), "BAD_FLAG"));
  }
}

TEST(AppOptionsTest, AMissingNamedFileIsAnError) {
  EXPECT_FALSE(Parse({"--config", "/does/not/exist"}).ok());
}

TEST(AppOptionsTest, BadFilesNameTheLine) {
  struct Case {
    const char* yaml;
    const char* says;
  };
  for (const Case& each :
       {Case{"log-level: info\nmax-runing-jobs: 2\n", "f:2: unknown key"},
        Case{"max-running-jobs: lots\n", "f:1: max-running-jobs must be"},
        Case{"max-running-jobs: 65\n", "from 1 to 64"},
        Case{"max-running-jobs: [1]\n", "single value"},
        Case{"- a\n", "map of keys"}, Case{"a: b: c\n", "f:1"},
        Case{"? [x]\n: 1\n", "f:"}}) {
    Options options;
    const absl::Status status = ApplyConfig(each.yaml, "f", options);
    EXPECT_TRUE(HasReason(status, "BAD_CONFIG")) << each.yaml;
    EXPECT_THAT(std::string(status.message()), HasSubstr(each.says));
  }
  Options options;
  EXPECT_TRUE(ApplyConfig("", "f", options).ok());
  EXPECT_TRUE(ApplyConfig("# nothing\n", "f", options).ok());
}

TEST(AppOptionsTest, HelpAndVersionAreText) {
  EXPECT_THAT(Parse({"--help"})->text, HasSubstr("--state-dir"));
  EXPECT_THAT(Parse({"--version"})->text, HasSubstr("bottled "));
  EXPECT_TRUE(Parse({"--version"})->exit_now);
}

}  // namespace
}  // namespace bottled
