#include <atomic>
#include <set>
#include <thread>
#include <vector>

#include "base/error.h"
#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "store/bottle_fixture.h"
#include "store/errors.h"

namespace bottled::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_F(IndexBottles, ReservedLeasesExpireAndActiveOnesDoNot) {
  Prepare("c", true, 100);
  Prepare("a", true, 100);
  Prepare("b", true, 100);
  Prepare("d", true, 200);
  ASSERT_TRUE(index().MarkLeasesActive({"b", "nobody"}, 100).ok());
  EXPECT_EQ(Get("b").lease->state, LeaseState::kActive);
  const auto none = index().ExpireLeases(100);
  ASSERT_TRUE(none.ok()) << none.status();
  EXPECT_THAT(*none, IsEmpty());
  const auto expired = index().ExpireLeases(200);
  ASSERT_TRUE(expired.ok()) << expired.status();
  EXPECT_THAT(*expired, ElementsAre("a", "c"));
  EXPECT_FALSE(Get("a").lease.has_value());
  EXPECT_TRUE(Get("b").lease.has_value());
  EXPECT_TRUE(Get("d").lease.has_value());
  // A resumed bottle gets a new one, which is not a move.
  const PreparedBottle again = Prepare("a", false, 300);
  EXPECT_FALSE(again.lease_moved);
  EXPECT_EQ(again.lease.subnet, Slot(0).subnet);
}

TEST_F(IndexBottles, ADisplacedLeaseStartsItsTimeAnew) {
  Prepare("a", true, 100);
  Prepare("a", false, 500);
  EXPECT_THAT(*index().ExpireLeases(400), IsEmpty());
}

TEST_F(IndexBottles, ManyThreadsGetDistinctAddresses) {
  constexpr int kThreads = 16;
  constexpr int kBottles = 1000;
  std::atomic<int> next = 0;
  std::atomic<int> failures = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int n = next++; n < kBottles; n = next++) {
        failures += index().PrepareBottle(Wanted(fmt::format("s-{}", n)), true,
                                          FirstFree, Planned)
                            .ok()
                        ? 0
                        : 1;
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(failures, 0);
  const auto bottles = index().ListBottles();
  ASSERT_TRUE(bottles.ok()) << bottles.status();
  EXPECT_THAT(*bottles, SizeIs(kBottles));
  std::set<uint32_t> subnets;
  std::set<uint32_t> loopbacks;
  for (const StoredBottle& bottle : *bottles) {
    ASSERT_TRUE(bottle.lease.has_value()) << bottle.record.slug;
    subnets.insert(bottle.lease->subnet);
    loopbacks.insert(bottle.lease->loopback);
  }
  EXPECT_THAT(subnets, SizeIs(kBottles));
  EXPECT_THAT(loopbacks, SizeIs(kBottles));
}

TEST_F(IndexBottles, OneOfManyCreatesABottle) {
  std::atomic<int> made = 0;
  std::atomic<int> existed = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([&] {
      const auto prepared =
          index().PrepareBottle(Wanted("a"), true, FirstFree, Planned);
      made += prepared.ok() ? 1 : 0;
      existed +=
          !prepared.ok() && HasReason(prepared.status(), kBottleExists) ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(made, 1);
  EXPECT_EQ(existed, 15);
}

}  // namespace
}  // namespace bottled::testing
