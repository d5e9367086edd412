#include "jobs/warm_table.h"

#include <chrono>
#include <string>

#include "base/error.h"
#include "fmt/format.h"
#include "gtest/gtest.h"
#include "jobs/errors.h"
#include "jobs/warm_spec.h"
#include "store/failure_json.h"

namespace bottled {
namespace {

using std::chrono::milliseconds;

constexpr char kSomeEngine[] = "unix:///run/a.sock";

EngineEndpoint At(const std::string& host) {
  return {.host = host, .origin = "warm target"};
}

WarmTarget ImageRow(const std::string& reference,
                    const std::string& host = kSomeEngine) {
  PrepareSpec spec;
  spec.source = reference;
  spec.engine = At(host);
  return MakeWarmTarget(spec, 1).value();
}

WarmTarget BuildRow(const std::string& context) {
  PrepareSpec spec;
  spec.source = BuildSpec{.context = context};
  spec.engine = At(kSomeEngine);
  return MakeWarmTarget(spec, 2).value();
}

class WarmTableTest : public ::testing::Test {
 protected:
  WarmTableTest() {
    times_.settle = milliseconds(10);
    times_.longest_settle = milliseconds(25);
    times_.interval = milliseconds(1'000);
    times_.first_retry = milliseconds(100);
    times_.last_retry = milliseconds(350);
    times_.wait = milliseconds(40);
    table_.emplace(times_);
  }
  // A target that was looked at with success.
  WarmEntry& Settled(const WarmTarget& row) {
    WarmEntry& entry = table_->Put(row, Now());
    entry.row.artifact = Sha256Of("artifact");
    Step(100);
    EXPECT_EQ(table_->TakeDue(Now()), &entry);
    table_->EndLook(entry, Now());
    return entry;
  }
  WarmTable::Time Now() const { return now_; }
  void Step(int ms) { now_ += milliseconds(ms); }
  bool IsTouchedBy(WarmEntry& entry, const ImageEvent& event) {
    entry.touched = false;
    table_->TouchEngine(At(kSomeEngine), {event}, Now());
    return entry.touched;
  }

  WarmTimes times_;
  std::optional<WarmTable> table_;
  WarmTable::Time now_{std::chrono::hours(1)};
};

TEST_F(WarmTableTest, ABurstOfChangesIsOneLook) {
  WarmEntry& entry = Settled(ImageRow("a:1"));
  table_->Touch(entry, Now());
  EXPECT_EQ(entry.status(), WarmStatus::kPending);
  Step(9);
  table_->Touch(entry, Now());
  EXPECT_EQ(table_->TakeDue(Now() + milliseconds(9)), nullptr);
  // It does not wait for ever.
  Step(9);
  table_->Touch(entry, Now());
  EXPECT_EQ(table_->NextDue(), Now() + milliseconds(25 - 18));
  EXPECT_EQ(table_->TakeDue(Now() + milliseconds(7)), &entry);
  EXPECT_EQ(table_->TakeDue(Now() + milliseconds(7)), nullptr);
}

TEST_F(WarmTableTest, AChangeDuringALookCausesAnother) {
  WarmEntry& entry = Settled(ImageRow("a:1"));
  table_->Touch(entry, Now());
  Step(10);
  ASSERT_EQ(table_->TakeDue(Now()), &entry);
  table_->Touch(entry, Now());
  EXPECT_EQ(table_->TakeDue(Now() + milliseconds(10)), nullptr) << "busy";
  table_->EndLook(entry, Now());
  EXPECT_EQ(table_->NextDue(), Now() + milliseconds(10));
}

TEST_F(WarmTableTest, WhenItIsDueAgainFollowsFromHowItEnded) {
  WarmEntry& entry = Settled(ImageRow("a:1"));
  EXPECT_EQ(entry.status(), WarmStatus::kReady);
  EXPECT_EQ(table_->NextDue(), Now() + milliseconds(1'000));

  entry.row.failure_json = EncodeFailure(WarmTargetNotFound("x"));
  for (const int pause : {100, 200, 350, 350}) {
    ++entry.row.failure_count;
    table_->EndLook(entry, Now());
    EXPECT_EQ(table_->NextDue(), Now() + milliseconds(pause));
  }
  EXPECT_EQ(entry.status(), WarmStatus::kFailed);

  entry.waiting = "battery";
  table_->EndLook(entry, Now());
  EXPECT_EQ(table_->NextDue(), Now() + milliseconds(40));
  EXPECT_EQ(entry.status(), WarmStatus::kWaiting);

  entry.row.paused = "unused";
  EXPECT_EQ(entry.status(), WarmStatus::kPaused);
  table_->Touch(entry, Now());
  Step(10'000);
  EXPECT_EQ(table_->TakeDue(Now()), nullptr);
  EXPECT_EQ(table_->NextDue(), std::nullopt);
}

TEST_F(WarmTableTest, WithoutAnIntervalOnlyACauseCounts) {
  times_.interval = milliseconds(0);
  table_.emplace(times_);
  Settled(ImageRow("a:1"));
  EXPECT_EQ(table_->NextDue(), std::nullopt);
}

TEST_F(WarmTableTest, EventsTouchThoseThatTheyCanBeAbout) {
  WarmEntry& image = Settled(ImageRow("fx/a:1"));
  WarmEntry& other = Settled(ImageRow("fx/b:1"));
  EXPECT_TRUE(IsTouchedBy(image, {.action = "tag", .reference = "fx/a:1"}));
  // podman spells it out.
  EXPECT_TRUE(
      IsTouchedBy(image, {.action = "tag", .reference = "docker.io/fx/a:1"}));
  EXPECT_FALSE(IsTouchedBy(other, {.action = "tag", .reference = "fx/a:1"}));
  EXPECT_FALSE(IsTouchedBy(image, {.action = "tag", .reference = "fx/a:2"}));
  // Without a name, or with none that can be one, it may be any.
  EXPECT_TRUE(IsTouchedBy(image, {.action = "load", .reference = ""}));
  EXPECT_TRUE(
      IsTouchedBy(image, {.action = "load", .reference = "/var/x.tar"}));
  EXPECT_TRUE(IsTouchedBy(image, {}));
}

TEST_F(WarmTableTest, ABuildDependsOnItsFilesUnlessItsImageGoes) {
  WarmEntry& build = Settled(BuildRow("/src"));
  EXPECT_FALSE(IsTouchedBy(build, {.action = "tag", .reference = "a:1"}));
  EXPECT_TRUE(IsTouchedBy(build, {.action = "delete", .reference = ""}));
  EXPECT_TRUE(IsTouchedBy(build, {}));
}

TEST_F(WarmTableTest, AnEngineTouchesItsOwnTargets) {
  WarmEntry& here = Settled(ImageRow("a:1"));
  WarmEntry& there = Settled(ImageRow("a:1", "unix:///run/b.sock"));
  table_->TouchEngine(At(kSomeEngine), Now());
  EXPECT_TRUE(here.touched);
  EXPECT_FALSE(there.touched);
}

TEST_F(WarmTableTest, FindsByIdAndByNamesThatAreUnique) {
  const WarmTarget here = ImageRow("a:1");
  table_->Put(here, Now());
  EXPECT_EQ(table_->FindNamed("a:1").value()->row.id, here.id);
  table_->Put(ImageRow("a:1", "unix:///run/b.sock"), Now());
  EXPECT_EQ(table_->FindNamed(here.id).value()->row.id, here.id);
  EXPECT_TRUE(
      HasReason(table_->FindNamed("a:1").status(), "WARM_TARGET_AMBIGUOUS"));
  EXPECT_TRUE(
      HasReason(table_->FindNamed("b:1").status(), "WARM_TARGET_NOT_FOUND"));
}

}  // namespace
}  // namespace bottled
