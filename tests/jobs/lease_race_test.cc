// Leases against collection: whoever looked up and leased can open the path and
// finds the right bytes there, however busy the collector is.
// BOTTLED_LEASE_RUNS is the number of rounds of each of the eight threads;
// scripts/soak runs 100 000.

#include <array>
#include <atomic>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/sanitized.h"
#include "base/seed.h"
#include "fmt/format.h"
#include "gtest/gtest.h"
#include "jobs/cache_hit.h"
#include "jobs/collector.h"
#include "jobs/hold.h"
#include "jobs/published.h"
#include "jobs/tools.h"

namespace bottled {
namespace {

using testing::FileOf;
using testing::PublishFile;

constexpr int kRacers = 8;
constexpr size_t kRaceKeys = 6;
constexpr int kDefaultRuns = Turns(250);

int Runs() {
  const char* const text = std::getenv("BOTTLED_LEASE_RUNS");
  return text == nullptr ? kDefaultRuns : std::atoi(text);
}

std::string ContentOf(size_t which) {
  return std::string(1000 + which, static_cast<char>('a' + which));
}

class LeaseRace : public ::testing::Test {
 protected:
  LeaseRace() {
    auto objects = Objects::Open(index_.places(), *index_, Clock::System());
    EXPECT_TRUE(objects.ok()) << objects.status();
    objects_ = *std::move(objects);
    collector_ = std::make_unique<Collector>(
        Collector::Deps{.index = *index_,
                        .objects = *objects_,
                        .leases = leases_,
                        .clock = Clock::System()},
        // Everything that nobody holds goes, at once.
        CachePolicy{.max_bytes = 1,
                    .min_free_bytes = 1,
                    .min_keep_age = std::chrono::milliseconds(0)},
        Collector::Disk{
            .free_bytes = [] { return absl::StatusOr<int64_t>(1 << 30); },
            .total_bytes = [] { return absl::StatusOr<int64_t>(1 << 30); }});
  }

  void Fill(size_t which) {
    MutexLock lock(filling_.at(which));
    const auto there = objects_->Lookup(Sha256Of(fmt::format("k{}", which)));
    ASSERT_TRUE(there.ok()) << there.status();
    if (!there->has_value()) {
      PublishFile(*index_, *objects_, fmt::format("job-{}", ++jobs_),
                  ContentOf(which), fmt::format("k{}", which));
      ++misses_;
    }
  }

  void ExpectWhole(const ArtifactRecord& record, size_t which) {
    std::ifstream in(objects_->Path(record), std::ios::binary);
    ASSERT_TRUE(in.is_open()) << which;
    const std::string bytes((std::istreambuf_iterator<char>(in)), {});
    ASSERT_EQ(bytes, FileOf(ContentOf(which)));
  }

  // A stream's lease, as HoldLease takes it.
  void HoldOnce(const ArtifactRecord& record, size_t which) {
    const auto hold =
        Hold::Begin({.leases = leases_, .index = *index_, .objects = *objects_},
                    record.digest, "a stream");
    if (!hold.ok()) {
      ASSERT_EQ(GetErrorDetail(hold.status()).reason, "ARTIFACT_NOT_FOUND");
      return;
    }
    ++leased_;
    ExpectWhole(record, which);
    ASSERT_EQ((*hold)->Lost().value_or("an error"), "");
    ASSERT_TRUE(leases_.Release((*hold)->lease().id).ok());
  }

  // A lease for a time, as Pack takes it.
  void LeaseOnce(const ArtifactRecord& record, size_t which) {
    const auto lease =
        leases_.Acquire(record.digest, {.kind = LeaseKind::kTtl,
                                        .holder = "a thread",
                                        .ttl = std::chrono::minutes(10)});
    if (!lease.ok()) {
      ASSERT_EQ(GetErrorDetail(lease.status()).reason, "ARTIFACT_NOT_FOUND");
      return;
    }
    ++leased_;
    ExpectWhole(record, which);
    std::this_thread::yield();
    ExpectWhole(record, which);
    ASSERT_TRUE(leases_.Release(lease->id).ok());
  }

  void Work(uint64_t seed) {
    std::mt19937_64 random(seed);
    const int runs = Runs();
    for (int run = 0; run < runs && !HasFatalFailure(); ++run) {
      const size_t which = random() % kRaceKeys;
      const auto hit = FindCached(*index_, *objects_, Clock::System(),
                                  Sha256Of(fmt::format("k{}", which)), "");
      ASSERT_TRUE(hit.ok()) << hit.status();
      if (!hit->has_value()) {
        Fill(which);
      } else if (random() % 4 == 0) {
        HoldOnce(**hit, which);
      } else {
        LeaseOnce(**hit, which);
      }
    }
  }

  testing::TestIndex index_;
  std::unique_ptr<Objects> objects_;
  Leases leases_{*index_, Clock::System()};
  std::unique_ptr<Collector> collector_;
  std::array<Mutex, kRaceKeys> filling_;
  std::atomic<int64_t> jobs_ = 0;
  std::atomic<int64_t> misses_ = 0;
  std::atomic<int64_t> leased_ = 0;
};

TEST_F(LeaseRace, ALeasedPathIsWholeWhileTheCollectorRuns) {
  const uint64_t seed = TestSeed();
  fmt::print("seed {}\n", seed);
  std::atomic<bool> done = false;
  int64_t removed = 0;
  int64_t rounds = 0;
  std::thread collecting([&] {
    while (!done) {
      const auto collection = collector_->Collect(false, CancelToken());
      ASSERT_TRUE(collection.ok()) << collection.status();
      removed += collection->removed_count;
      ++rounds;
    }
  });
  std::vector<std::thread> threads;
  for (int i = 0; i < kRacers; ++i) {
    threads.emplace_back([this, seed, i] { Work(seed + i); });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  done = true;
  collecting.join();
  fmt::print("{} leases, {} misses, {} removed in {} collections\n",
             leased_.load(), misses_.load(), removed, rounds);
  // Or it would have shown nothing.
  EXPECT_GT(leased_, 0);
  EXPECT_GT(removed, 0);
  const auto left = leases_.List();
  ASSERT_TRUE(left.ok()) << left.status();
  EXPECT_TRUE(left->empty());
}

}  // namespace
}  // namespace bottled
