#include "store/quarantine.h"

#include <chrono>
#include <filesystem>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "platform/temp_dir.h"
#include "store/store_env.h"

namespace bottled {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using testing::Names;
using testing::PlacesIn;
using testing::WriteAllTo;

class QuarantineTest : public ::testing::Test {
 protected:
  QuarantineTest() { fs::create_directories(places_.quarantine()); }
  void Put(const std::string& name, size_t bytes) {
    WriteAllTo(places_.quarantine() / name, std::string(bytes, 'x'));
  }
  static int64_t NowMs() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
  }
  QuarantineTotals Trim(const QuarantineLimits& limits, int64_t now_ms) {
    const auto left = TrimQuarantine(places_, limits, now_ms);
    EXPECT_TRUE(left.ok()) << left.status();
    const auto measured = MeasureQuarantine(places_);
    EXPECT_TRUE(measured.ok()) << measured.status();
    EXPECT_EQ(left->count, measured->count);
    EXPECT_EQ(left->bytes, measured->bytes);
    return left.ok() ? *left : QuarantineTotals();
  }

  const TempDir dir_;
  const Places places_ = PlacesIn(dir_.path());
};

TEST_F(QuarantineTest, TheOldestGoUntilTheRestIsSmallEnough) {
  // In this order by name as well: times of one tick are equal.
  Put("a", 100);
  Put("b", 100);
  Put("c", 100);
  EXPECT_EQ(Trim({.max_bytes = 300}, NowMs()).count, 3);
  EXPECT_EQ(Trim({.max_bytes = 250}, NowMs()).bytes, 200);
  EXPECT_THAT(Names(places_.quarantine()), ElementsAre("b", "c"));
  EXPECT_EQ(Trim({.max_bytes = 0}, NowMs()).count, 0);
}

TEST_F(QuarantineTest, WhatIsOldGoes) {
  Put("a", 10);
  fs::create_directories(places_.quarantine() / "planted" / "deep");
  // The file's own age says nothing: it is that of the artifact.
  fs::last_write_time(
      places_.quarantine() / "a",
      fs::file_time_type::clock::now() - std::chrono::hours(24 * 365));
  const QuarantineLimits limits;
  const int64_t week = std::chrono::milliseconds(limits.max_age).count();
  EXPECT_EQ(Trim(limits, NowMs() + week - 60'000).count, 2);
  EXPECT_EQ(Trim(limits, NowMs() + week + 60'000).count, 0);
}

TEST_F(QuarantineTest, AClockThatWasSetBackDeletesNothing) {
  Put("a", 10);
  EXPECT_EQ(Trim(QuarantineLimits(), 0).count, 1);
  EXPECT_EQ(Trim(QuarantineLimits(), NowMs() - 1'000'000'000'000).count, 1);
}

}  // namespace
}  // namespace bottled
