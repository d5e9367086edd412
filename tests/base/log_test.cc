#include "base/log.h"

#include <algorithm>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bottled {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;
using testing::internal::CaptureStderr;
using testing::internal::GetCapturedStderr;

TEST(LogTest, LevelsAndFormat) {
  ASSERT_TRUE(InitLogging("warn", false));
  CaptureStderr();
  Log("jobs")->info("hidden");
  Log("jobs")->warn("shown {}", 7);
  EXPECT_EQ(GetCapturedStderr(), "warning jobs: shown 7\n");
}

TEST(LogTest, WithTime) {
  ASSERT_TRUE(InitLogging("info", true));
  CaptureStderr();
  Log("store")->error("broken");
  EXPECT_THAT(
      GetCapturedStderr(),
      MatchesRegex("[0-9]+-[0-9]+-[0-9]+T[0-9:.]+Z error store: broken\n"));
}

TEST(LogTest, AnUnknownLevelChangesNothing) {
  ASSERT_TRUE(InitLogging("error", false));
  EXPECT_FALSE(InitLogging("loud", false));
  EXPECT_FALSE(InitLogging("", false));
  CaptureStderr();
  Log("jobs")->warn("hidden");
  EXPECT_EQ(GetCapturedStderr(), "");
}

TEST(LogTest, ForeignTextCannotForgeALine) {
  ASSERT_TRUE(InitLogging("info", false));
  CaptureStderr();
  Log("engine")->info("{}", "evil\nerror store: \x1b[31mforged");
  const std::string text = GetCapturedStderr();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  EXPECT_THAT(text, EndsWith("forged\n"));
}

TEST(LogTest, OneLoggerPerLayerFromAnyThread) {
  std::vector<std::shared_ptr<spdlog::logger>> loggers(8);
  std::vector<std::thread> threads;
  for (auto& logger : loggers) {
    threads.emplace_back([&logger] { logger = Log("shared"); });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  for (const auto& logger : loggers) {
    EXPECT_EQ(logger, loggers[0]);
  }
  EXPECT_NE(Log("other"), loggers[0]);
}

}  // namespace
}  // namespace bottled
