#include <atomic>
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
using testing::RecordOf;
using ::testing::SizeIs;
using testing::StoreEnv;

class ArtifactLeases : public ::testing::Test {
 protected:
  ArtifactLeases() : env_(dir_.path()) {
    const absl::Status status = env_.Start();
    EXPECT_TRUE(status.ok()) << status;
  }
  Index& index() { return env_.index(); }
  // The same seed is the same artifact.
  Digest Put(int seed) {
    const ArtifactRecord record =
        RecordOf(fmt::format("content {}", seed), KeyOf(seed));
    EXPECT_TRUE(index().InsertArtifact(record, "", 1).ok());
    return record.digest;
  }
  void Add(const ArtifactLease& lease) {
    const absl::Status added = index().AddLease(lease);
    EXPECT_TRUE(added.ok()) << added;
  }
  void Pin(const ArtifactPin& pin) {
    const absl::Status set = index().SetPin(pin);
    EXPECT_TRUE(set.ok()) << set;
  }
  std::vector<std::string> LeaseIds() {
    std::vector<std::string> ids;
    const auto leases = index().ListLeases();
    EXPECT_TRUE(leases.ok()) << leases.status();
    for (const ArtifactLease& lease : *leases) {
      ids.push_back(lease.id);
    }
    return ids;
  }
  std::vector<std::string> Delete(const Digest& digest, int64_t now_ms,
                                  const ArtifactRecord* judged = nullptr) {
    auto holders =
        index().DeleteArtifactUnlessHeld(digest, "EVICTED", now_ms, judged);
    EXPECT_TRUE(holders.ok()) << holders.status();
    return holders.ok() ? *std::move(holders) : std::vector<std::string>();
  }
  bool There(const Digest& digest) {
    return index().FindByDigest(digest)->has_value();
  }

  const TempDir dir_;
  StoreEnv env_;
};

ArtifactLease Ttl(const std::string& id, const Digest& artifact,
                  int64_t expires_ms, int64_t created_ms = 1) {
  return {.id = id,
          .artifact = artifact,
          .kind = LeaseKind::kTtl,
          .holder = "holder " + id,
          .created_ms = created_ms,
          .expires_ms = expires_ms};
}

ArtifactLease OfProcess(const std::string& id, const Digest& artifact,
                        int64_t created_ms = 1) {
  return {.id = id,
          .artifact = artifact,
          .kind = LeaseKind::kPid,
          .holder = "holder " + id,
          .created_ms = created_ms,
          .pid = 123,
          .identity = "boot/7"};
}

TEST_F(ArtifactLeases, KeepEveryFieldAcrossARestart) {
  // A restart drops rows that have no file.
  const Digest a = env_.MustPublish(1).digest;
  const Digest b = env_.MustPublish(2).digest;
  const ArtifactLease second = Ttl("x", b, INT64_MAX, 20);
  const ArtifactLease first = OfProcess("y", a, 10);
  const ArtifactPin pin{.artifact = a, .note = "why \xc3\xa4", .created_ms = 5};
  const ArtifactPin plain{.artifact = b, .created_ms = 4};
  Add(second);
  Add(first);
  Pin(pin);
  Pin(plain);
  env_.Restart();
  const auto leases = index().ListLeases();
  ASSERT_TRUE(leases.ok()) << leases.status();
  EXPECT_THAT(*leases, ElementsAre(first, second));
  const auto pins = index().ListPins();
  ASSERT_TRUE(pins.ok()) << pins.status();
  EXPECT_THAT(*pins, ElementsAre(plain, pin));
}

TEST_F(ArtifactLeases, NeedAnArtifact) {
  const Digest gone = Put(1);
  ASSERT_TRUE(index().DeleteArtifact(gone, "REMOVED", 1).ok());
  for (const Digest& digest : {gone, KeyOf(99)}) {
    const absl::Status leased = index().AddLease(Ttl("x", digest, 100));
    EXPECT_TRUE(HasReason(leased, kArtifactNotFound)) << leased;
    const absl::Status pinned = index().SetPin({.artifact = digest});
    EXPECT_TRUE(HasReason(pinned, kArtifactNotFound)) << pinned;
  }
  EXPECT_THAT(LeaseIds(), IsEmpty());
  EXPECT_THAT(*index().ListPins(), IsEmpty());
  // Neither is a fault of the index.
  Add(Ttl("x", Put(1), 100));
}

TEST_F(ArtifactLeases, AreRenewedAndRemoved) {
  const Digest a = Put(1);
  Add(Ttl("x", a, 100));
  Add(OfProcess("y", a));
  EXPECT_TRUE(*index().RenewLease("x", 200));
  EXPECT_FALSE(*index().RenewLease("z", 200));
  // It has no end to be moved.
  EXPECT_FALSE(*index().RenewLease("y", 200));
  EXPECT_THAT(*index().ListLeases(),
              ElementsAre(Ttl("x", a, 200), OfProcess("y", a)));
  EXPECT_TRUE(*index().RemoveLease("x"));
  EXPECT_FALSE(*index().RemoveLease("x"));
  EXPECT_TRUE(*index().RemoveLease("y"));
  EXPECT_THAT(LeaseIds(), IsEmpty());
}

TEST_F(ArtifactLeases, AClockThatWasSetBackMakesNoneLonger) {
  constexpr int64_t kEnd = 10 * kMaxLeaseMs;
  constexpr int64_t kStart = kEnd - kMaxLeaseMs;
  const Digest a = Put(1);
  Add(Ttl("x", a, kEnd));
  for (const int64_t now_ms : {kStart, kStart + 1, kEnd - 1}) {
    EXPECT_THAT(Delete(a, now_ms), SizeIs(1)) << now_ms;
    EXPECT_THAT(LeaseIds(), SizeIs(1)) << now_ms;
  }
  for (const int64_t now_ms : {int64_t{0}, kStart - 1, kEnd}) {
    const Digest b = Put(2);
    Add(Ttl("y", b, kEnd));
    EXPECT_THAT(Delete(b, now_ms), IsEmpty()) << now_ms;
  }
  // How far away it ends is beyond what an integer holds.
  const Digest c = Put(3);
  Add(Ttl("far", c, INT64_MAX));
  EXPECT_THAT(Delete(c, -1), IsEmpty());
}

TEST_F(ArtifactLeases, ManyAreRemovedAtOnce) {
  const Digest a = Put(1);
  Add(Ttl("t", a, 100));
  Add(OfProcess("p", a));
  Add(OfProcess("q", a));
  ASSERT_TRUE(index().RemoveLeases({}).ok());
  EXPECT_THAT(LeaseIds(), SizeIs(3));
  const std::vector<std::string> ids = {"p", "not there", "t", "p"};
  ASSERT_TRUE(index().RemoveLeases(ids).ok());
  EXPECT_THAT(LeaseIds(), ElementsAre("q"));
}

TEST_F(ArtifactLeases, OfAProcessAreFoundByAllThatTheyAre) {
  const Digest a = Put(1);
  const Digest b = Put(2);
  ArtifactLease first = OfProcess("z", a, 10);
  first.holder = "me";
  ArtifactLease second = first;
  second.id = "a";
  second.created_ms = 20;
  ArtifactLease timed = Ttl("t", a, 100);
  timed.holder = "me";
  Add(second);
  Add(first);
  Add(timed);
  EXPECT_EQ(*index().FindPidLease(a, "me", 123, "boot/7"), first);
  EXPECT_EQ(*index().FindPidLease(b, "me", 123, "boot/7"), std::nullopt);
  EXPECT_EQ(*index().FindPidLease(a, "you", 123, "boot/7"), std::nullopt);
  EXPECT_EQ(*index().FindPidLease(a, "me", 124, "boot/7"), std::nullopt);
  EXPECT_EQ(*index().FindPidLease(a, "me", 123, "boot/8"), std::nullopt);
  EXPECT_EQ(*index().FindPidLease(a, "me", 0, ""), std::nullopt) << "the timed";
}

TEST_F(ArtifactLeases, WhatWasUsedSinceItWasJudgedStays) {
  const Digest a = Put(1);
  const ArtifactRecord judged = index().FindByDigest(a)->value();
  const int64_t later = judged.last_used_ms + 1'000'000;
  ASSERT_TRUE(index().Touch(a, "", later).ok());
  EXPECT_THAT(Delete(a, later, &judged), ElementsAre("used meanwhile"));
  EXPECT_TRUE(There(a));
  EXPECT_TRUE(index().FindByKey(KeyOf(1))->has_value());

  ArtifactRecord again = index().FindByDigest(a)->value();
  ArtifactRecord older = again;
  --older.created_ms;
  Pin({.artifact = a});
  // Not beside a holder.
  EXPECT_THAT(Delete(a, later, &older), ElementsAre("used meanwhile"));
  EXPECT_THAT(Delete(a, later, &again), ElementsAre("pinned"));
  EXPECT_TRUE(*index().RemovePin(a));
  EXPECT_THAT(Delete(a, later, &again), IsEmpty());
  EXPECT_FALSE(There(a));
  EXPECT_THAT(Delete(a, later, &judged), IsEmpty()) << "gone already";
}

TEST_F(ArtifactLeases, APinHasOneNote) {
  const Digest a = Put(1);
  Pin({.artifact = a, .note = "old", .created_ms = 5});
  Pin({.artifact = a, .note = "new", .created_ms = 6});
  EXPECT_THAT(
      *index().ListPins(),
      ElementsAre(ArtifactPin{.artifact = a, .note = "new", .created_ms = 5}));
  EXPECT_TRUE(*index().RemovePin(a));
  EXPECT_FALSE(*index().RemovePin(a));
  EXPECT_THAT(*index().ListPins(), IsEmpty());
}

TEST_F(ArtifactLeases, EveryHolderIsNamed) {
  const Digest a = Put(1);
  const Digest other = Put(2);
  Pin({.artifact = other, .note = "not of this one"});
  Add(Ttl("other", other, 1'767'323'045'678));
  Add(Ttl("expired", a, 1'767'323'045'000));
  Add(Ttl("late", a, 1'767'323'045'678, 20));
  Add(OfProcess("early", a, 10));
  Pin({.artifact = a});
  constexpr int64_t kNow = 1'767'323'045'000;
  EXPECT_THAT(
      Delete(a, kNow),
      ElementsAre("pinned", "leased by holder early (process 123)",
                  "leased by holder late until 2026-01-02T03:04:05.678Z"));
  Pin({.artifact = a, .note = "the\ndemo"});
  EXPECT_THAT(
      Delete(a, kNow),
      ElementsAre("pinned: the\\x0ademo",
                  "leased by holder early (process 123)",
                  "leased by holder late until 2026-01-02T03:04:05.678Z"));
  // Nothing has changed, for the key either.
  EXPECT_TRUE(There(a));
  EXPECT_TRUE(index().FindByKey(KeyOf(1))->has_value());
  EXPECT_THAT(LeaseIds(), SizeIs(4));
}

TEST_F(ArtifactLeases, EachHolderAloneKeepsAnArtifact) {
  const Digest pinned = Put(1);
  Pin({.artifact = pinned});
  EXPECT_THAT(Delete(pinned, 100), SizeIs(1));
  EXPECT_TRUE(*index().RemovePin(pinned));
  EXPECT_THAT(Delete(pinned, 100), IsEmpty());

  const Digest timed = Put(2);
  Add(Ttl("t", timed, 100));
  EXPECT_THAT(Delete(timed, 99), SizeIs(1));
  EXPECT_THAT(Delete(timed, 100), IsEmpty());

  const Digest process = Put(3);
  Add(OfProcess("p", process));
  EXPECT_THAT(Delete(process, INT64_MAX), SizeIs(1));
  EXPECT_TRUE(*index().RemoveLease("p"));
  EXPECT_THAT(Delete(process, 100), IsEmpty());

  for (const int seed : {1, 2, 3}) {
    EXPECT_FALSE(index().FindByKey(KeyOf(seed))->has_value());
    EXPECT_EQ(*index().MissReason(KeyOf(seed), ""), "EVICTED");
  }
  // Those that did not count are gone with it.
  EXPECT_THAT(LeaseIds(), IsEmpty());
  EXPECT_THAT(Delete(pinned, 100), IsEmpty()) << "again";
}

TEST_F(ArtifactLeases, GoWithTheirArtifactWhenItIsDeletedAllTheSame) {
  const Digest a = Put(1);
  const Digest b = Put(2);
  Add(Ttl("x", a, 100));
  Add(Ttl("y", b, 100));
  Pin({.artifact = a});
  ASSERT_TRUE(index().DeleteArtifact(a, "QUARANTINED", 1).ok());
  EXPECT_THAT(LeaseIds(), ElementsAre("y"));
  EXPECT_THAT(*index().ListPins(), IsEmpty());
}

TEST_F(ArtifactLeases, StayWhenTheSameArtifactIsPublishedAgain) {
  const Digest a = env_.MustPublish(1).digest;
  Add(Ttl("x", a, 100));
  Add(OfProcess("y", a));
  Pin({.artifact = a, .note = "mine"});
  EXPECT_EQ(env_.MustPublish(1).digest, a);
  EXPECT_THAT(LeaseIds(), ElementsAre("x", "y"));
  EXPECT_THAT(*index().ListPins(), SizeIs(1));
  // For another key, too.
  const auto again = env_.Publish("again", testing::SidecarLike(1), KeyOf(2));
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->digest, a);
  EXPECT_THAT(Delete(a, 1), SizeIs(3));
}

// Whoever gets a lease has an artifact as long as he holds it.
TEST_F(ArtifactLeases, NoLeaseIsGivenOnWhatIsBeingDeleted) {
  constexpr int kRounds = 200;
  std::vector<Digest> artifacts;
  for (int i = 0; i < kRounds; ++i) {
    artifacts.push_back(Put(i));
  }
  std::atomic<int> round = 0;
  std::vector<char> deleted(kRounds, 0);
  std::vector<char> leased(kRounds, 0);
  std::atomic<int> strange = 0;
  std::thread remover([&] {
    for (int i = 0; i < kRounds; ++i) {
      round = i;
      deleted[i] = Delete(artifacts[i], 1).empty() ? 1 : 0;
    }
    round = kRounds;
  });
  std::thread holder([&] {
    for (int i = 0; i < kRounds; ++i) {
      while (round < i) {
        std::this_thread::yield();
      }
      const absl::Status status =
          index().AddLease(Ttl(fmt::format("{}", i), artifacts[i], 100));
      leased[i] = status.ok() ? 1 : 0;
      strange += status.ok() || HasReason(status, kArtifactNotFound) ? 0 : 1;
    }
  });
  remover.join();
  holder.join();
  EXPECT_EQ(strange, 0);
  for (int i = 0; i < kRounds; ++i) {
    EXPECT_NE(deleted[i], leased[i]) << i;
    EXPECT_EQ(There(artifacts[i]), leased[i] == 1) << i;
  }
}

}  // namespace
}  // namespace bottled
