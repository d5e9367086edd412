#include "jobs/hold.h"

#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jobs/published.h"
#include "jobs/tools.h"

namespace bottled {
namespace {

using ::testing::IsEmpty;
using testing::PublishFile;
using ::testing::SizeIs;
using testing::TestClock;
using testing::TestIndex;

std::string WhyNot(const absl::Status& status) {
  return status.ok() ? "OK" : GetErrorDetail(status).reason;
}

class HoldTest : public ::testing::Test {
 protected:
  HoldTest() {
    auto objects = Objects::Open(index_.places(), *index_, clock_);
    EXPECT_TRUE(objects.ok()) << objects.status();
    objects_ = *std::move(objects);
    artifact_ = PublishFile(*index_, *objects_, "job-1", "content", "key");
  }
  Hold::Deps Deps() {
    return {.leases = leases_, .index = *index_, .objects = *objects_};
  }
  std::unique_ptr<Hold> MustBegin() {
    auto hold = Hold::Begin(Deps(), artifact_.digest, "me");
    EXPECT_TRUE(hold.ok()) << hold.status();
    return hold.ok() ? *std::move(hold) : nullptr;
  }
  static std::string LostOf(Hold& hold) {
    const auto lost = hold.Lost();
    EXPECT_TRUE(lost.ok()) << lost.status();
    return lost.value_or("an error");
  }
  size_t LeaseCount() {
    const auto leases = leases_.List();
    EXPECT_TRUE(leases.ok()) << leases.status();
    return leases.ok() ? leases->size() : 99;
  }

  TestClock clock_;
  TestIndex index_;
  std::unique_ptr<Objects> objects_;
  Leases leases_{*index_, clock_};
  ArtifactRecord artifact_;
};

TEST_F(HoldTest, HoldsUntilItIsGone) {
  std::unique_ptr<Hold> hold = MustBegin();
  ASSERT_NE(hold, nullptr);
  EXPECT_EQ(hold->artifact().digest, artifact_.digest);
  EXPECT_EQ(hold->lease().holder, "me");
  EXPECT_EQ(LostOf(*hold), "");
  const auto held = objects_->RemoveUnlessHeld(artifact_, "EVICTED");
  ASSERT_TRUE(held.ok()) << held.status();
  EXPECT_THAT(*held, SizeIs(1));
  hold.reset();
  EXPECT_EQ(LeaseCount(), 1U);
  clock_.Advance(Leases::kStreamGrace);
  EXPECT_EQ(LeaseCount(), 0U);
}

TEST_F(HoldTest, ComesBackByTheLease) {
  std::unique_ptr<Hold> hold = MustBegin();
  ASSERT_NE(hold, nullptr);
  const std::string id = hold->lease().id;
  hold.reset();
  auto again = Hold::Resume(Deps(), id);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ((*again)->artifact().digest, artifact_.digest);
  clock_.Advance(10 * Leases::kStreamGrace);
  EXPECT_EQ(LeaseCount(), 1U);
}

TEST_F(HoldTest, ARestoredBackupIsHeld) {
  const std::filesystem::path path = objects_->Path(artifact_);
  std::filesystem::copy_file(path, path.native() + ".copy");
  std::filesystem::rename(path.native() + ".copy", path);
  const std::unique_ptr<Hold> hold = MustBegin();
  ASSERT_NE(hold, nullptr);
  EXPECT_TRUE(objects_->OpenObject(hold->artifact()).ok());
}

TEST_F(HoldTest, SaysWhyItIsLost) {
  const auto take = [&](const char* want, const auto& taking) {
    std::unique_ptr<Hold> hold = MustBegin();
    ASSERT_NE(hold, nullptr);
    taking(*hold);
    EXPECT_EQ(LostOf(*hold), want);
  };
  take("RELEASED",
       [&](Hold& hold) { EXPECT_TRUE(leases_.Release(hold.lease().id).ok()); });
  take("REMOVED",
       [&](Hold&) { EXPECT_TRUE(objects_->Remove(artifact_).ok()); });
  artifact_ = PublishFile(*index_, *objects_, "job-2", "content", "key");
  take("QUARANTINED", [&](Hold&) {
    EXPECT_TRUE(objects_->Quarantine(artifact_, "a test").ok());
  });
  artifact_ = PublishFile(*index_, *objects_, "job-3", "content", "key");
  take("MISSING", [&](Hold&) {
    std::filesystem::remove(objects_->Path(artifact_));
    EXPECT_TRUE(objects_->Lookup(artifact_.content_key).ok());
  });
  artifact_ = PublishFile(*index_, *objects_, "job-4", "content", "key");
  take("REMOVED", [&](Hold&) {
    EXPECT_TRUE(objects_->Remove(artifact_).ok());
    // The same bytes, made again before anybody looks.
    clock_.Advance(std::chrono::milliseconds(1));
    artifact_ = PublishFile(*index_, *objects_, "job-5", "content", "key");
  });
}

TEST_F(HoldTest, WhatIsNotThereIsNotHeld) {
  EXPECT_EQ(WhyNot(Hold::Begin(Deps(), Sha256Of("other"), "me").status()),
            "ARTIFACT_NOT_FOUND");
  EXPECT_EQ(WhyNot(Hold::Begin(Deps(), artifact_.digest, "").status()),
            "BAD_LEASE");
  EXPECT_EQ(WhyNot(Hold::Resume(Deps(), "nothing").status()),
            "LEASE_NOT_FOUND");
  std::filesystem::remove(objects_->Path(artifact_));
  EXPECT_EQ(WhyNot(Hold::Begin(Deps(), artifact_.digest, "me").status()),
            "ARTIFACT_MISSING");
  // And leaves nothing behind.
  const auto rows = index_->ListLeases();
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_THAT(*rows, IsEmpty());
}

}  // namespace
}  // namespace bottled
