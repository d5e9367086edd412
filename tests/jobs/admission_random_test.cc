// Admission's promises, for histories that nobody thought of: jobs come and go,
// artifacts are made, used and held, all on a disk that is mostly too small.

#include <cstdlib>
#include <list>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/sanitized.h"
#include "base/seed.h"
#include "fmt/format.h"
#include "gtest/gtest.h"
#include "jobs/collection_fixture.h"

namespace bottled {
namespace {

class AdmissionRandomTest : public testing::CollectionFixture {
 protected:
  struct Running {
    std::unique_ptr<Admission::Ticket> ticket;
    int64_t bytes = 0;
  };

  int64_t Below(int64_t end) {
    return static_cast<int64_t>(random_() % static_cast<uint64_t>(end));
  }
  int64_t Reserved() const {
    int64_t bytes = 0;
    for (const Running& job : running_) {
      bytes += job.bytes;
    }
    return bytes;
  }
  std::set<std::string> Names() {
    const std::vector<std::string> left = Left();
    return {left.begin(), left.end()};
  }
  // Those whose removal would be wrong.
  std::set<std::string> Protected() {
    std::set<std::string> names;
    const auto holders = leases_.Holders();
    EXPECT_TRUE(holders.ok()) << holders.status();
    for (const auto& [digest, sentences] : *holders) {
      names.insert(names_[digest]);
    }
    return names;
  }

  void AdmitOne();
  void CollectOne();
  void HoldOne();

  const uint64_t seed_ = TestSeed();
  std::mt19937_64 random_{seed_};
  std::list<Running> running_;
  int made_ = 0;
  int admitted_ = 0;
  int refused_ = 0;
};

void AdmissionRandomTest::AdmitOne() {
  const std::set<std::string> before = Names();
  const std::set<std::string> safe = Protected();
  const int64_t need = 1 + Below(9 * kBytes);
  const int64_t free = Space().free_bytes;
  CancelSource cancel;
  auto ticket = admission_->Admit(
      {.job_id = "job",
       .bytes = need,
       .stop = [](const absl::Status&) {},
       // It would wait for others: they do not end here.
       .tell = [&cancel](const std::string&) { cancel.Cancel(); }},
      cancel.token());
  const std::set<std::string> after = Names();
  for (const std::string& name : safe) {
    ASSERT_TRUE(after.contains(name)) << name << " was held";
  }
  if (ticket.ok()) {
    ++admitted_;
    running_.push_back({.ticket = *std::move(ticket), .bytes = need});
    ASSERT_GE(Space().free_bytes - Reserved(), kBytes);
    ASSERT_EQ(admission_->reserved_bytes(), Reserved());
    // Nothing went without a need.
    if (free - Reserved() >= kBytes) {
      ASSERT_EQ(before, after);
    }
  } else {
    ++refused_;
    ASSERT_TRUE(HasReason(ticket.status(), "DISK_FULL") ||
                HasReason(ticket.status(), "CANCELLED"))
        << ticket.status();
    ASSERT_EQ(before, after) << "it was refused, and yet something went";
  }
}

void AdmissionRandomTest::CollectOne() {
  const auto dry = collector_->Collect(/*dry_run=*/true, CancelToken());
  const auto real = collector_->Collect(/*dry_run=*/false, CancelToken());
  ASSERT_TRUE(dry.ok() && real.ok());
  ASSERT_EQ(dry->verdicts.size(), real->verdicts.size());
  for (size_t i = 0; i < real->verdicts.size(); ++i) {
    ASSERT_EQ(dry->verdicts[i].artifact, real->verdicts[i].artifact);
    ASSERT_EQ(dry->verdicts[i].remove, real->verdicts[i].remove);
    ASSERT_EQ(dry->verdicts[i].reason, real->verdicts[i].reason);
  }
  ASSERT_EQ(dry->removed_bytes, real->removed_bytes);
  ASSERT_EQ(dry->held_bytes, real->held_bytes);
  ASSERT_EQ(dry->reclaimable_bytes, real->reclaimable_bytes);
  const auto totals = index_->Totals();
  ASSERT_TRUE(totals.ok());
  // The cap holds, unless what is held or young is more.
  bool more_may_go = false;
  for (const Verdict& verdict : real->verdicts) {
    more_may_go = more_may_go || verdict.reason == "WITHIN_LIMITS";
  }
  if (more_may_go) {
    ASSERT_LE(totals->bytes, real->policy.max_bytes);
    ASSERT_GE(Space().free_bytes, real->policy.min_free_bytes);
  }
}

void AdmissionRandomTest::HoldOne() {
  const auto records = index_->ListArtifacts(0);
  ASSERT_TRUE(records.ok());
  if (records->empty()) {
    return;
  }
  const Digest& digest = (*records)[static_cast<size_t>(Below(
                                        static_cast<int64_t>(records->size())))]
                             .digest;
  switch (Below(3)) {
    case 0:
      ASSERT_TRUE(leases_.Pin(digest, "").ok());
      break;
    case 1:
      ASSERT_TRUE(leases_.Unpin(digest).ok());
      break;
    default:
      ASSERT_TRUE(
          leases_
              .Acquire(digest, {.holder = "x",
                                .ttl = std::chrono::seconds(1 + Below(7200))})
              .ok());
  }
}

TEST_F(AdmissionRandomTest, NobodyIsPromisedTheSameRoomTwice) {
  constexpr int kSteps = kSanitized ? 500 : 1500;
  SCOPED_TRACE(fmt::format("BOTTLED_TEST_SEED={}", seed_));
  room_ = 20 * kBytes;
  Use({.max_bytes = 15 * kBytes,
       .min_free_bytes = kBytes,
       .min_keep_age = std::chrono::minutes(10)});
  for (int step = 0; step < kSteps && !HasFatalFailure(); ++step) {
    clock_.Advance(std::chrono::seconds(Below(1200)));
    switch (Below(6)) {
      case 0:
      case 1:
        AdmitOne();
        break;
      case 2:
        // A job ends, mostly with an artifact.
        if (!running_.empty()) {
          if (running_.front().bytes >= kBytes && Below(4) != 0) {
            Publish(fmt::format("a{}", made_++));
          }
          running_.pop_front();
        }
        break;
      case 3:
        HoldOne();
        break;
      case 4:
        if (Space().free_bytes > 2 * kBytes) {
          Publish(fmt::format("a{}", made_++));
        }
        break;
      default:
        CollectOne();
    }
  }
  running_.clear();
  EXPECT_EQ(admission_->reserved_bytes(), 0);
  EXPECT_GT(admitted_, 20);
  EXPECT_GT(refused_, 20);
}

}  // namespace
}  // namespace bottled
