#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "store/bottle_fixture.h"
#include "store/errors.h"

namespace bottled::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

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

}  // namespace
}  // namespace bottled::testing
