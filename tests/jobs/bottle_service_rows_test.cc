// Bottles that exist already: their addresses, many callers at once, and their
// end.

#include <chrono>
#include <filesystem>
#include <fstream>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/mutex.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jobs/bottle_fixture.h"

namespace bottled {
namespace {

namespace fs = std::filesystem;

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::NamesIn;
using testing::ReasonsIn;

constexpr std::chrono::hours kReservation(24);

class BottleRowsTest : public testing::BottleServiceFixture {
 protected:
  absl::StatusOr<Plan> TryReport(const std::string& slug,
                                 const std::string& subnet) {
    return bottles_->ReportConflict(slug, subnet, Engine(), CancelToken());
  }
  // A larger network, in which the bottle's lies.
  static std::string Around(const Plan& plan) {
    return plan.addresses.subnet.address.ToString() + "/27";
  }
  void ExpectSwept() {
    const absl::Status status = bottles_->Sweep(Engine(), CancelToken());
    EXPECT_TRUE(status.ok()) << status;
  }
  std::optional<LeaseState> StateOf(const Plan& plan) {
    const std::optional<AddressLease> lease = Row(plan.identity.slug).lease;
    return lease.has_value() ? std::optional(lease->state) : std::nullopt;
  }
};

// --- addresses ---------------------------------------------------------------

TEST_F(BottleRowsTest, AForeignNetworkMovesIt) {
  const Plan plan = Commit(New());
  const std::string slug = plan.identity.slug;
  SetNetworks({{"foreign", {Around(plan)}}});
  const Plan moved = Commit(Resume(slug));
  EXPECT_FALSE(moved.addresses.subnet.Overlaps(plan.addresses.subnet));
  EXPECT_EQ(moved.revision, 2);
  EXPECT_EQ(moved.identity.slug, slug);
  ASSERT_THAT(ReasonsIn(moved.warnings), ElementsAre("ADDRESSES_MOVED"));
  EXPECT_THAT(moved.warnings[0].message, HasSubstr("docker network foreign"));
  EXPECT_EQ(LeaseOf(slug), moved.addresses.subnet);
  ExpectFiles(moved);
  // It stays there, though its old place is free again.
  SetNetworks({});
  const Plan again = Commit(Resume(slug));
  EXPECT_EQ(again.addresses, moved.addresses);
  EXPECT_EQ(again.revision, 2);
  EXPECT_THAT(again.warnings, IsEmpty());
}

TEST_F(BottleRowsTest, ANewBottleAvoidsNetworksToo) {
  // Half of each pool; what is left is the other half.
  SetNetworks({{"foreign", {"203.0.113.0/25", "198.51.100.128/25"}}});
  for (int i = 0; i < 8; ++i) {
    const Ipv4Net subnet = Commit(New()).addresses.subnet;
    EXPECT_FALSE(subnet.Overlaps(*Ipv4Net::Parse("203.0.113.0/25")));
    EXPECT_FALSE(subnet.Overlaps(*Ipv4Net::Parse("198.51.100.128/25")));
  }
}

TEST_F(BottleRowsTest, ItsOwnNetworkDoesNotMoveIt) {
  const Plan plan = Commit(New());
  const std::string subnet = plan.addresses.subnet.ToString();
  SetNetworks({{plan.identity.network, {subnet}}});
  const Plan again = Commit(Resume(plan.identity.slug));
  EXPECT_EQ(again.addresses, plan.addresses);
  EXPECT_EQ(again.revision, 1);
  EXPECT_THAT(again.warnings, IsEmpty());
  // Another bottle's is in the way of this one.
  SetNetworks({{plan.identity.network + "x", {subnet}}});
  EXPECT_THAT(ReasonsIn(Commit(Resume(plan.identity.slug)).warnings),
              ElementsAre("ADDRESSES_MOVED"));
}

TEST_F(BottleRowsTest, AnEngineThatDoesNotAnswerIsSaid) {
  engine_.Stop();
  const Plan plan = Commit(New());
  EXPECT_FALSE(plan.addresses.docker_checked);
  EXPECT_THAT(ReasonsIn(plan.warnings), ElementsAre("DOCKER_NOT_CHECKED"));
  ExpectFiles(plan);
  // Nobody was to be asked.
  BottleQuery query = Resume(plan.identity.slug);
  query.engine.reset();
  EXPECT_THAT(Commit(query).warnings, IsEmpty());
  // A resumed bottle is not planned by what was seen seconds ago.
  engine_.Start();
  const Plan checked = Commit(Resume(plan.identity.slug));
  EXPECT_TRUE(checked.addresses.docker_checked);
  EXPECT_THAT(checked.warnings, IsEmpty());
  EXPECT_EQ(checked.revision, 1);
  EXPECT_EQ(checked.addresses.subnet, plan.addresses.subnet);
}

TEST_F(BottleRowsTest, AConflictMovesItOnce) {
  const Plan plan = Commit(New());
  const std::string slug = plan.identity.slug;
  const std::string refused = plan.addresses.subnet.ToString();
  const Plan moved = TryReport(slug, refused).value();
  EXPECT_FALSE(moved.addresses.subnet.Overlaps(plan.addresses.subnet));
  EXPECT_EQ(moved.revision, 2);
  ASSERT_THAT(ReasonsIn(moved.warnings), ElementsAre("ADDRESSES_MOVED"));
  EXPECT_THAT(moved.warnings[0].message, HasSubstr("docker refused"));
  ExpectFiles(moved);
  // A second launcher had the same trouble with the same plan.
  const Plan again = TryReport(slug, refused).value();
  EXPECT_EQ(again.addresses, moved.addresses);
  EXPECT_EQ(again.revision, 2);
  EXPECT_THAT(again.warnings, IsEmpty());
  EXPECT_EQ(LeaseOf(slug), moved.addresses.subnet);
}

TEST_F(BottleRowsTest, BadConflictReports) {
  const Plan plan = Commit(New());
  const std::string slug = plan.identity.slug;
  for (const char* subnet : {"", "nonsense", "10.0.0.0/33", "fd00::/64"}) {
    EXPECT_TRUE(HasReason(TryReport(slug, subnet).status(), "BAD_REQUEST"))
        << subnet;
  }
  for (const char* unknown : {"demo-00000", "../x"}) {
    EXPECT_TRUE(HasReason(TryReport(unknown, "10.0.0.0/28").status(),
                          "BOTTLE_NOT_FOUND"));
  }
  EXPECT_TRUE(HasReason(TryReport("", "10.0.0.0/28").status(), "BAD_REQUEST"));
  EXPECT_EQ(LeaseOf(slug), plan.addresses.subnet);
}

TEST_F(BottleRowsTest, AFullPoolRefusesAndARemovedBottleMakesRoom) {
  BottleService::Options options;
  options.pool.pools = {Ipv4Net::Parse("203.0.113.64/28").value()};
  OpenBottles(options);
  const Plan plan = Commit(New());
  EXPECT_EQ(ReasonOf(New()), "ADDRESSES_EXHAUSTED");
  EXPECT_EQ(bottles_->List().value().size(), 1U);
  EXPECT_THAT(NamesIn(index_.places().bottles()),
              ElementsAre(plan.identity.slug));
  ASSERT_TRUE(bottles_->Remove(plan.identity.slug).ok());
  EXPECT_EQ(Commit(New()).addresses.subnet, plan.addresses.subnet);
}

// --- many at once ------------------------------------------------------------

TEST_F(BottleRowsTest, PlansOfOneBottleAtOnce) {
  const std::string slug = Commit(New()).identity.slug;
  constexpr size_t kThreads = 2;
  std::vector<std::optional<Plan>> last(kThreads);
  std::vector<std::thread> threads;
  for (size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 20; ++i) {
        BottleQuery query = Resume(slug);
        query.engine.reset();
        BottleDraft draft = bottles_->Draft(query).value();
        // Large, so that writing it takes a while.
        draft.manifest.agent.prompt =
            std::string(1 << 20, static_cast<char>('a' + t));
        absl::StatusOr<Plan> done =
            bottles_->Commit(std::move(draft), CancelToken());
        ASSERT_TRUE(done.ok()) << done.status();
        last[t] = *std::move(done);
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  // What is on the disk is one plan, whole, and the one that the row is of.
  ASSERT_TRUE(last[0].has_value() && last[1].has_value());
  const std::string text = bottles_->PlanText(slug).value();
  const Plan& newest = text == PlanJson(*last[0]) ? *last[0] : *last[1];
  EXPECT_EQ(Row(slug).record.plan_digest, PlanDigest(newest));
  EXPECT_EQ(Row(slug).record.plan_revision, newest.revision);
  ExpectFiles(newest);
}

TEST_F(BottleRowsTest, NewBottlesAtOnceAreApart) {
  Mutex mu;
  std::set<std::string> slugs;
  std::set<Ipv4Net> subnets;
  std::set<Ipv4> loopbacks;
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 8; ++i) {
        const absl::StatusOr<Plan> plan = TryCommit(New());
        ASSERT_TRUE(plan.ok()) << plan.status();
        MutexLock lock(mu);
        slugs.insert(plan->identity.slug);
        subnets.insert(plan->addresses.subnet);
        loopbacks.insert(plan->addresses.loopback_ip);
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(slugs.size(), 16U);
  EXPECT_EQ(subnets.size(), 16U);
  EXPECT_EQ(loopbacks.size(), 16U);
}

// --- the end -----------------------------------------------------------------

TEST_F(BottleRowsTest, RemovingTakesRowAddressesAndFiles) {
  const Plan plan = Commit(New());
  const Plan other = Commit(New());
  const std::string slug = plan.identity.slug;
  // A gate's data, and what a crash left of a bottle of the same name.
  fs::create_directories(plan.directory / "supervise/queue/deep");
  fs::create_directories(index_.places().bottles() / (".removed-" + slug));
  Changes();
  const BottleView gone = bottles_->Remove(slug).value();
  EXPECT_EQ(gone.record.slug, slug);
  ASSERT_TRUE(gone.lease.has_value());
  EXPECT_EQ(gone.lease->subnet, plan.addresses.subnet.address.value);
  EXPECT_THAT(Changes(), ElementsAre("removed " + slug));
  EXPECT_EQ(bottles_->List().value().size(), 1U);
  EXPECT_THAT(NamesIn(index_.places().bottles()),
              ElementsAre(other.identity.slug));
  EXPECT_EQ(bottles_->PlanText(slug).value(), "");
  EXPECT_EQ(ReasonOf(Resume(slug)), "BOTTLE_NOT_FOUND");
  EXPECT_TRUE(HasReason(bottles_->Remove(slug).status(), "BOTTLE_NOT_FOUND"));
  ExpectFiles(other);
}

TEST_F(BottleRowsTest, ABottleWithoutFilesCanBeRemoved) {
  const Plan plan = Commit(New());
  fs::remove_all(plan.directory);
  EXPECT_TRUE(bottles_->Remove(plan.identity.slug).ok());
  ExpectNoBottle();
}

TEST_F(BottleRowsTest, ReservationsExpireAfterADay) {
  const Plan plan = Commit(New());
  const std::string slug = plan.identity.slug;
  Changes();
  clock_.Advance(kReservation);
  ExpectSwept();
  EXPECT_EQ(StateOf(plan), LeaseState::kReserved);
  EXPECT_THAT(Changes(), IsEmpty());
  clock_.Advance(std::chrono::milliseconds(1));
  ExpectSwept();
  EXPECT_EQ(StateOf(plan), std::nullopt);
  EXPECT_THAT(Changes(), ElementsAre("changed " + slug));
  // The bottle itself stays, and gets addresses when it is wanted again.
  ExpectFiles(plan);
  const Plan again = Commit(Resume(slug));
  EXPECT_EQ(LeaseOf(slug), again.addresses.subnet);
  EXPECT_EQ(again.addresses, plan.addresses) << "nobody took them";
  EXPECT_EQ(again.revision, 1);
}

TEST_F(BottleRowsTest, ResumingReservesForAnotherDay) {
  const Plan plan = Commit(New());
  clock_.Advance(kReservation);
  Commit(Resume(plan.identity.slug));
  clock_.Advance(kReservation);
  ExpectSwept();
  EXPECT_EQ(StateOf(plan), LeaseState::kReserved);
}

TEST_F(BottleRowsTest, WhatHasANetworkDoesNotExpire) {
  const Plan used = Commit(New());
  const Plan unused = Commit(New());
  SetNetworks({{used.identity.network, {used.addresses.subnet.ToString()}},
               {"claude-bottle-bundle-unknown", {"10.9.9.0/28"}}});
  clock_.Advance(10 * kReservation);
  ExpectSwept();
  EXPECT_EQ(StateOf(used), LeaseState::kActive);
  EXPECT_EQ(StateOf(unused), std::nullopt);
  // From then on the addresses last as long as the bottle.
  SetNetworks({});
  clock_.Advance(10 * kReservation);
  ExpectSwept();
  EXPECT_EQ(StateOf(used), LeaseState::kActive);
}

TEST_F(BottleRowsTest, NothingExpiresWhileTheEngineDoesNotAnswer) {
  const Plan plan = Commit(New());
  engine_.Stop();
  clock_.Advance(10 * kReservation);
  ExpectSwept();
  EXPECT_TRUE(bottles_->Sweep(std::nullopt, CancelToken()).ok());
  EXPECT_EQ(StateOf(plan), LeaseState::kReserved);
  // What was seen a moment ago does not count.
  engine_.Start();
  ExpectSwept();
  EXPECT_EQ(StateOf(plan), std::nullopt);
}

TEST_F(BottleRowsTest, SweepingRemovesWhatCrashesLeft) {
  EXPECT_TRUE(bottles_->Sweep(std::nullopt, CancelToken()).ok())
      << "there is no directory";
  const Plan plan = Commit(New());
  const fs::path dir = index_.places().bottles();
  fs::create_directories(dir / ".removed-demo-abcde/agent");
  std::ofstream(dir / ".removed-demo-abcde/agent/prompt.txt") << "left";
  std::ofstream(dir / ".removed-file") << "left";
  fs::create_directories(dir / "removed-not");
  engine_.Stop();
  ExpectSwept();
  EXPECT_THAT(NamesIn(dir), ::testing::UnorderedElementsAre(plan.identity.slug,
                                                            "removed-not"));
  ExpectFiles(plan);
}

}  // namespace
}  // namespace bottled
