#include <atomic>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "platform/temp_dir.h"
#include "store/errors.h"
#include "store/index.h"
#include "store/store_env.h"

namespace bottled {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::KeyOf;
using ::testing::SizeIs;
using testing::StoreEnv;

constexpr uint32_t kPool = 0xac10c000;

BottleRecord Wanted(const std::string& slug, int64_t now_ms = 100) {
  BottleRecord record;
  record.slug = slug;
  record.agent = "agent " + slug;
  record.cwd = "/work/x";
  record.copy_cwd = true;
  record.home = "/home/x";
  record.started_ms = now_ms;
  record.updated_ms = now_ms;
  record.compose_project = "claude-bottle-" + slug;
  record.backend = "smolmachines";
  record.bottles = {"base", "dev"};
  record.source = R"({"image":"a:1"})";
  record.endpoint_mode = "bridge";
  return record;
}

AddressLease Slot(uint32_t number) {
  AddressLease lease;
  lease.subnet = kPool + number * 16;
  lease.prefix = 28;
  lease.loopback = 0x7f500001 + number;
  return lease;
}

// Keeps what is there, else takes the lowest free slot.
absl::StatusOr<AddressLease> FirstFree(const std::optional<AddressLease>& own,
                                       std::span<const AddressLease> others) {
  if (own.has_value()) {
    return *own;
  }
  std::set<uint32_t> taken;
  for (const AddressLease& other : others) {
    taken.insert(other.subnet);
  }
  for (uint32_t number = 0;; ++number) {
    if (!taken.contains(Slot(number).subnet)) {
      return Slot(number);
    }
  }
}

// As Wanted() is stored, with its first plan.
BottleRecord Stored(const std::string& slug) {
  BottleRecord record = Wanted(slug);
  record.plan_revision = 1;
  record.plan_digest = "plan";
  record.manifest_digest = "manifest";
  record.planned_mode = "bridge";
  return record;
}

absl::StatusOr<PlanStamp> Planned(const AddressLease&) {
  return PlanStamp{.digest = "plan",
                   .manifest_digest = "manifest",
                   .endpoint_mode = "bridge"};
}

Index::ChooseLease Fixed(uint32_t number) {
  return [number](const auto&, auto) -> absl::StatusOr<AddressLease> {
    return Slot(number);
  };
}

class IndexBottles : public ::testing::Test {
 protected:
  IndexBottles() : env_(dir_.path()) {
    const absl::Status status = env_.Start();
    EXPECT_TRUE(status.ok()) << status;
  }

  Index& index() { return env_.index(); }
  PreparedBottle Prepare(const std::string& slug, bool is_new = true,
                         int64_t now_ms = 100,
                         const Index::ChooseLease& choose = FirstFree) {
    const auto prepared =
        index().PrepareBottle(Wanted(slug, now_ms), is_new, choose, Planned);
    EXPECT_TRUE(prepared.ok()) << prepared.status();
    return prepared.ok() ? *prepared : PreparedBottle();
  }
  // The revision of a plan of bottle "a".
  int64_t Save(const std::string& digest, const Digest& artifact = Digest()) {
    const auto prepared = index().PrepareBottle(
        Wanted("a"), false, FirstFree,
        [&](const AddressLease&) -> absl::StatusOr<PlanStamp> {
          return PlanStamp{.digest = digest,
                           .manifest_digest = "m" + digest,
                           .endpoint_mode = "loopback",
                           .artifact = artifact};
        });
    EXPECT_TRUE(prepared.ok()) << prepared.status();
    return prepared.ok() ? prepared->record.plan_revision : -1;
  }
  StoredBottle Get(const std::string& slug) {
    const auto bottle = index().FindBottle(slug);
    EXPECT_TRUE(bottle.ok() && bottle->has_value()) << slug;
    return bottle.ok() && bottle->has_value() ? **bottle : StoredBottle();
  }
  std::vector<std::string> Slugs() {
    std::vector<std::string> slugs;
    const auto bottles = index().ListBottles();
    EXPECT_TRUE(bottles.ok()) << bottles.status();
    for (const StoredBottle& bottle : *bottles) {
      slugs.push_back(bottle.record.slug);
    }
    return slugs;
  }

  const TempDir dir_;
  StoreEnv env_;
};

TEST_F(IndexBottles, ANewBottleIsStoredWithItsLease) {
  const PreparedBottle prepared = Prepare("a");
  EXPECT_EQ(prepared.record, Stored("a"));
  EXPECT_FALSE(prepared.lease_moved);
  AddressLease lease = Slot(0);
  lease.slug = "a";
  lease.updated_ms = 100;
  EXPECT_EQ(prepared.lease, lease);
  env_.Restart();
  EXPECT_EQ(Get("a").record, Stored("a"));
  EXPECT_EQ(Get("a").lease, lease);
}

TEST_F(IndexBottles, TextsComeBackByteForByte) {
  BottleRecord wanted = Wanted("a");
  wanted.cwd = std::string("/a'\";--\0\n\xff", 11);
  wanted.bottles = {"", "a\"b", "ü", "[]"};
  const auto prepared = index().PrepareBottle(wanted, true, FirstFree, Planned);
  ASSERT_TRUE(prepared.ok()) << prepared.status();
  EXPECT_EQ(prepared->record.cwd, wanted.cwd);
  EXPECT_EQ(prepared->record.bottles, wanted.bottles);
  wanted.bottles = {"\xff"};
  const auto broken = index().PrepareBottle(wanted, false, FirstFree, Planned);
  ASSERT_TRUE(broken.ok()) << broken.status();
  EXPECT_THAT(broken->record.bottles, SizeIs(1));
}

TEST_F(IndexBottles, NewMeansNewAndOldMeansOld) {
  EXPECT_TRUE(HasReason(
      index().PrepareBottle(Wanted("a"), false, FirstFree, Planned).status(),
      kBottleNotFound));
  EXPECT_THAT(Slugs(), IsEmpty());
  Prepare("a");
  BottleRecord other = Wanted("a", 500);
  other.agent = "somebody else";
  const auto again = index().PrepareBottle(other, true, FirstFree, Planned);
  EXPECT_TRUE(HasReason(again.status(), kBottleExists)) << again.status();
  EXPECT_EQ(again.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(Get("a").record, Stored("a"));
}

TEST_F(IndexBottles, AnUpdateKeepsItsStartItsPlanAndItsLease) {
  Prepare("a");
  const Digest artifact = KeyOf(7);
  EXPECT_EQ(Save("plan", artifact), 1);
  ASSERT_TRUE(index().MarkLeasesActive({"a"}, 160).ok());
  BottleRecord wanted = Wanted("a", 200);
  wanted.agent = "new";
  wanted.copy_cwd = false;
  wanted.bottles = {};
  wanted.plan_revision = 99;
  wanted.plan_digest = "ignored";
  const auto prepared =
      index().PrepareBottle(wanted, false, FirstFree, Planned);
  ASSERT_TRUE(prepared.ok()) << prepared.status();
  wanted.started_ms = 100;
  wanted.plan_revision = 1;
  wanted.plan_digest = "plan";
  wanted.manifest_digest = "manifest";
  wanted.planned_mode = "bridge";
  wanted.artifact = artifact;
  EXPECT_EQ(prepared->record, wanted);
  EXPECT_FALSE(prepared->lease_moved);
  EXPECT_EQ(prepared->lease.state, LeaseState::kActive);
  EXPECT_EQ(prepared->lease.updated_ms, 200);
  EXPECT_EQ(Get("a").lease, prepared->lease);
}

TEST_F(IndexBottles, ALeaseMayMove) {
  Prepare("a");
  ASSERT_TRUE(index().MarkLeasesActive({"a"}, 150).ok());
  const PreparedBottle moved = Prepare("a", false, 200, Fixed(5));
  EXPECT_TRUE(moved.lease_moved);
  EXPECT_EQ(moved.lease.subnet, Slot(5).subnet);
  EXPECT_EQ(moved.lease.state, LeaseState::kReserved);
  EXPECT_EQ(Get("a").lease, moved.lease);
  // What it had is free.
  EXPECT_EQ(Prepare("b").lease.subnet, Slot(0).subnet);
}

TEST_F(IndexBottles, ChooseSeesItsOwnAndAllOthers) {
  Prepare("a");
  Prepare("b");
  Prepare("c");
  std::optional<AddressLease> own;
  std::vector<std::string> others;
  Prepare("b", false, 200,
          [&](const std::optional<AddressLease>& mine,
              std::span<const AddressLease> theirs)
              -> absl::StatusOr<AddressLease> {
            own = mine;
            for (const AddressLease& lease : theirs) {
              others.push_back(lease.slug);
            }
            return *mine;
          });
  ASSERT_TRUE(own.has_value());
  EXPECT_EQ(own->slug, "b");
  EXPECT_THAT(others, ElementsAre("a", "c"));
}

TEST_F(IndexBottles, AFailedChoiceChangesNothing) {
  Prepare("a");
  const Index::ChooseLease full = [](const auto&,
                                     auto) -> absl::StatusOr<AddressLease> {
    return MakeError(absl::StatusCode::kResourceExhausted, "FULL", "full", "");
  };
  EXPECT_TRUE(HasReason(
      index().PrepareBottle(Wanted("b"), true, full, Planned).status(),
      "FULL"));
  EXPECT_TRUE(HasReason(
      index().PrepareBottle(Wanted("a", 900), false, full, Planned).status(),
      "FULL"));
  EXPECT_THAT(Slugs(), ElementsAre("a"));
  EXPECT_EQ(Get("a").record.updated_ms, 100);
  Prepare("b");
}

TEST_F(IndexBottles, TakenAddressesAreRefused) {
  Prepare("a");
  AddressLease same_loopback = Slot(1);
  same_loopback.loopback = Slot(0).loopback;
  for (const AddressLease& taken : {Slot(0), same_loopback}) {
    const auto refused = index().PrepareBottle(
        Wanted("b"), true,
        [&](const auto&, auto) -> absl::StatusOr<AddressLease> {
          return taken;
        },
        Planned);
    EXPECT_TRUE(HasReason(refused.status(), kIndexError)) << refused.status();
  }
  EXPECT_THAT(Slugs(), ElementsAre("a"));
  // It is no damage: the index still takes writes.
  EXPECT_EQ(Prepare("b").lease.subnet, Slot(1).subnet);
}

TEST_F(IndexBottles, HighAddressesSurvive) {
  const PreparedBottle prepared = Prepare(
      "a", true, 100, [](const auto&, auto) -> absl::StatusOr<AddressLease> {
        AddressLease lease;
        lease.subnet = 0xfffffff0;
        lease.loopback = 0xffffffff;
        return lease;
      });
  EXPECT_EQ(prepared.lease.subnet, 0xfffffff0);
  EXPECT_EQ(Get("a").lease, prepared.lease);
}

TEST_F(IndexBottles, RevisionsCountChangesOfThePlan) {
  EXPECT_EQ(Prepare("a").record.plan_revision, 1);
  EXPECT_EQ(Save("plan"), 1);
  EXPECT_EQ(Save(""), 2);
  EXPECT_EQ(Save(""), 2);
  EXPECT_EQ(Save("x"), 3);
  EXPECT_EQ(Save("plan"), 4);
  EXPECT_EQ(Save("x"), 5);
  EXPECT_EQ(Get("a").record.plan_revision, 5);
  EXPECT_EQ(Get("a").record.plan_digest, "x");
  EXPECT_EQ(Get("a").record.manifest_digest, "mx");
  EXPECT_EQ(Get("a").record.planned_mode, "loopback");
  EXPECT_TRUE(Get("a").record.artifact.empty());
  // The first artifact makes no new revision, nor does its absence, for which
  // the last one is kept; another one does.
  EXPECT_EQ(Save("x", KeyOf(1)), 5);
  EXPECT_EQ(Get("a").record.artifact, KeyOf(1));
  EXPECT_EQ(Save("x"), 5);
  EXPECT_EQ(Get("a").record.artifact, KeyOf(1));
  EXPECT_EQ(Save("x", KeyOf(2)), 6);
  EXPECT_EQ(Get("a").record.artifact, KeyOf(2));
}

TEST_F(IndexBottles, TheFirstPlanCountsThoughItsDigestIsEmpty) {
  const auto prepared =
      index().PrepareBottle(Wanted("a"), true, FirstFree,
                            [](const AddressLease&) { return PlanStamp(); });
  ASSERT_TRUE(prepared.ok()) << prepared.status();
  EXPECT_EQ(prepared->record.plan_revision, 1);
}

TEST_F(IndexBottles, APlanSeesItsAddressesAndMayFail) {
  Prepare("b");
  AddressLease seen;
  const auto refused = index().PrepareBottle(
      Wanted("a"), true, FirstFree,
      [&](const AddressLease& lease) -> absl::StatusOr<PlanStamp> {
        seen = lease;
        return MakeError(absl::StatusCode::kInternal, "UNRENDERABLE", "no", "");
      });
  EXPECT_EQ(seen.slug, "a");
  EXPECT_EQ(seen.subnet, Slot(1).subnet);
  EXPECT_TRUE(HasReason(refused.status(), "UNRENDERABLE")) << refused.status();
  // Neither the bottle nor its addresses stay.
  EXPECT_THAT(Slugs(), ElementsAre("b"));
  EXPECT_EQ(Prepare("c").lease.subnet, Slot(1).subnet);
}

TEST_F(IndexBottles, ListsTheLastStartedFirst) {
  Prepare("a", true, 200);
  Prepare("c", true, 100);
  Prepare("b", true, 300);
  Prepare("c", false, 900);
  EXPECT_THAT(Slugs(), ElementsAre("b", "a", "c"));
}

TEST_F(IndexBottles, RemovingFreesTheAddresses) {
  Prepare("a");
  Prepare("b");
  ASSERT_TRUE(index().RemoveBottle("a").ok());
  EXPECT_TRUE(HasReason(index().RemoveBottle("a"), kBottleNotFound));
  const auto gone = index().FindBottle("a");
  ASSERT_TRUE(gone.ok());
  EXPECT_FALSE(gone->has_value());
  EXPECT_THAT(Slugs(), ElementsAre("b"));
  EXPECT_EQ(Prepare("c").lease.subnet, Slot(0).subnet);
}

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
}  // namespace bottled
