#include "jobs/collector.h"

#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <map>
#include <memory>
#include <thread>

#include "base/error.h"
#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jobs/cache_fixture.h"
#include "jobs/tools.h"

namespace bottled {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::NamesIn;
using ::testing::SizeIs;
using testing::TestClock;
using testing::TestIndex;
using ::testing::UnorderedElementsAre;

namespace fs = std::filesystem;

constexpr std::chrono::milliseconds kDay = std::chrono::hours(24);

class CollectorTest : public testing::CacheFixture {
 protected:
  CollectorTest() { Use({.max_bytes = 100 * kBytes, .min_free_bytes = 1}); }

  void Use(const CachePolicy& policy) {
    collector_ = std::make_unique<Collector>(
        Collector::Deps{.index = *index_,
                        .objects = *objects_,
                        .leases = leases_,
                        .clock = clock_,
                        .changes = &feed_},
        policy,
        Collector::Disk{
            .free_bytes =
                [this] { return absl::StatusOr<int64_t>(free_bytes_); },
            .total_bytes =
                [] { return absl::StatusOr<int64_t>(int64_t{1} << 40); }});
  }

  Collection Collect(bool dry_run = false) {
    auto collection = collector_->Collect(dry_run, CancelToken());
    EXPECT_TRUE(collection.ok()) << collection.status();
    return collection.ok() ? *std::move(collection) : Collection();
  }
  std::vector<std::string> Texts(const Collection& collection) {
    std::vector<std::string> texts;
    for (const Verdict& verdict : collection.verdicts) {
      texts.push_back(fmt::format("{}{}:{}", verdict.remove ? "-" : "",
                                  names_[verdict.artifact], verdict.reason));
    }
    return texts;
  }
  std::vector<std::string> ToldGone() {
    std::vector<std::string> names;
    const auto batch = feed_.Since(first_change_, 1000);
    for (const Change& change : batch.changes) {
      EXPECT_EQ(change.kind, ChangeKind::kArtifactRemoved);
      names.push_back(names_[Digest::Parse(change.id).value_or(Digest())]);
    }
    return names;
  }

  ChangeFeed feed_{clock_};
  const int64_t first_change_ = feed_.last_seq();
  int64_t free_bytes_ = 1'000'000;
  std::unique_ptr<Collector> collector_;
};

TEST_F(CollectorTest, AnEmptyCacheIsLeftAlone) {
  const Collection collection = Collect();
  EXPECT_THAT(collection.verdicts, IsEmpty());
  EXPECT_EQ(collection.artifact_bytes, 0);
  EXPECT_EQ(collection.free_bytes, free_bytes_);
  EXPECT_EQ(collection.removed_count, 0);
}

TEST_F(CollectorTest, TheLeastRecentlyUsedGo) {
  const std::vector<ArtifactRecord> made = PublishDaily({"a", "b", "c", "d"});
  ASSERT_TRUE(index_->Touch(made[0].digest, "", clock_.NowMs()).ok());
  clock_.Advance(std::chrono::hours(1));
  Use({.max_bytes = 3 * kBytes, .min_free_bytes = 1});
  const Collection collection = Collect();
  EXPECT_THAT(Texts(collection),
              ElementsAre("-b:OVER_CAP", "-c:OVER_CAP", "d:WITHIN_LIMITS",
                          "a:WITHIN_LIMITS"));
  EXPECT_FALSE(collection.dry_run);
  EXPECT_EQ(collection.policy.max_bytes, 3 * kBytes);
  EXPECT_EQ(collection.artifact_bytes, 4 * kBytes);
  EXPECT_EQ(collection.removed_bytes, 2 * kBytes);
  EXPECT_EQ(collection.removed_count, 2);
  EXPECT_THAT(Left(), ElementsAre("a", "d"));
  EXPECT_THAT(ToldGone(), ElementsAre("b", "c"));
  EXPECT_FALSE(fs::exists(objects_->Path(made[1])));
  EXPECT_THAT(NamesIn(index_.places().trash()), IsEmpty());
  EXPECT_EQ(index_->MissReason(made[1].content_key, "").value_or(""),
            "EVICTED");
  // Nothing is left to do.
  EXPECT_EQ(Collect().removed_count, 0);
}

TEST_F(CollectorTest, ADryRunSaysWhatARunDoes) {
  const std::vector<ArtifactRecord> made =
      PublishDaily({"a", "b", "c", "d", "e"});
  ASSERT_TRUE(leases_.Pin(made[0].digest, "the demo").ok());
  Publish("young", "young");
  free_bytes_ = 0;
  Use({.max_bytes = 5 * kBytes, .min_free_bytes = 3 * kBytes});
  const Collection dry = Collect(/*dry_run=*/true);
  EXPECT_TRUE(dry.dry_run);
  EXPECT_THAT(Left(), SizeIs(6));
  EXPECT_THAT(ToldGone(), IsEmpty());
  const Collection real = Collect();
  EXPECT_THAT(Texts(real),
              ElementsAre("-b:OVER_CAP", "-c:OVER_CAP", "-d:LOW_SPACE",
                          "a:HELD", "young:YOUNG", "e:WITHIN_LIMITS"));
  EXPECT_EQ(Texts(dry), Texts(real));
  for (size_t i = 0; i < real.verdicts.size(); ++i) {
    EXPECT_EQ(dry.verdicts[i].detail, real.verdicts[i].detail);
    EXPECT_EQ(dry.verdicts[i].bytes, kBytes);
  }
  EXPECT_EQ(dry.artifact_bytes, real.artifact_bytes);
  EXPECT_EQ(dry.removed_bytes, real.removed_bytes);
  EXPECT_EQ(dry.removed_count, real.removed_count);
  EXPECT_THAT(Left(), ElementsAre("young", "e", "a"));
}

TEST_F(CollectorTest, PinsAndLeasesHold) {
  const std::vector<ArtifactRecord> made = PublishDaily({"a", "b", "c", "d"});
  ASSERT_TRUE(leases_.Pin(made[0].digest, "the demo").ok());
  const auto ttl = leases_.Acquire(
      made[1].digest,
      {.holder = "smolvm box", .ttl = std::chrono::seconds(60)});
  ASSERT_TRUE(ttl.ok()) << ttl.status();
  ASSERT_TRUE(leases_
                  .Acquire(made[2].digest, {.kind = LeaseKind::kPid,
                                            .holder = "an editor",
                                            .pid = ::getpid()})
                  .ok());
  // Of a process that has ended.
  ASSERT_TRUE(index_
                  ->AddLease({.id = "dead",
                              .artifact = made[3].digest,
                              .kind = LeaseKind::kPid,
                              .holder = "x",
                              .pid = ::getpid(),
                              .identity = "another"})
                  .ok());
  Use({.max_bytes = 1, .min_free_bytes = 1});
  const Collection held = Collect();
  EXPECT_THAT(Texts(held),
              ElementsAre("-d:OVER_CAP", "a:HELD", "b:HELD", "c:HELD"));
  EXPECT_EQ(held.verdicts[1].detail, "pinned: the demo");
  EXPECT_THAT(held.verdicts[2].detail,
              HasSubstr("leased by smolvm box until 2023-11-18T22:14:20"));
  EXPECT_EQ(held.verdicts[3].detail,
            fmt::format("leased by an editor (process {})", ::getpid()));
  EXPECT_EQ(leases_.Unpin(made[0].digest).value_or(false), true);
  clock_.Advance(std::chrono::minutes(1));
  EXPECT_THAT(Texts(Collect()),
              ElementsAre("-a:OVER_CAP", "-b:OVER_CAP", "c:HELD"));
  EXPECT_THAT(Left(), ElementsAre("c"));
}

TEST_F(CollectorTest, ASupersededOneGoesFirst) {
  const ArtifactRecord old = Publish("old", "key");
  clock_.Advance(kDay);
  const ArtifactRecord current = Publish("new", "key");
  clock_.Advance(kDay);
  ASSERT_TRUE(index_->Touch(old.digest, "", clock_.NowMs()).ok());
  clock_.Advance(std::chrono::hours(1));
  EXPECT_THAT(Texts(Collect()),
              ElementsAre("-old:SUPERSEDED", "new:WITHIN_LIMITS"));
  const auto found = objects_->Lookup(current.content_key);
  ASSERT_TRUE(found.ok() && found->has_value());
  EXPECT_EQ((*found)->digest, current.digest);
}

TEST_F(CollectorTest, AFileWithAnotherNameStays) {
  const std::vector<ArtifactRecord> made = PublishDaily({"a", "b"});
  const fs::path other = index_.places().cache_dir / "other-name";
  fs::create_hard_link(objects_->Path(made[0]), other);
  Use({.max_bytes = 1, .min_free_bytes = 1});
  EXPECT_THAT(Texts(Collect()), ElementsAre("-b:OVER_CAP", "a:LINKED"));
  fs::remove(other);
  EXPECT_THAT(Texts(Collect()), ElementsAre("-a:OVER_CAP"));
}

TEST_F(CollectorTest, MissingAndDamagedFilesStopNothing) {
  const std::vector<ArtifactRecord> made =
      PublishDaily({"missing", "damaged", "directory", "fine"});
  fs::remove(objects_->Path(made[0]));
  fs::permissions(objects_->Path(made[1]), fs::perms::owner_write,
                  fs::perm_options::add);
  fs::resize_file(objects_->Path(made[1]), 3);
  fs::remove(objects_->Path(made[2]));
  fs::create_directory(objects_->Path(made[2]));
  Use({.max_bytes = 1, .min_free_bytes = 1});
  EXPECT_THAT(Texts(Collect()),
              ElementsAre("-missing:OVER_CAP", "-damaged:OVER_CAP",
                          "-directory:OVER_CAP", "-fine:OVER_CAP"));
  EXPECT_THAT(Left(), IsEmpty());
  EXPECT_THAT(NamesIn(index_.places().trash()), IsEmpty());
}

TEST_F(CollectorTest, AFileThatCannotBeRemovedStopsNothing) {
  const std::vector<ArtifactRecord> made = PublishDaily({"a", "b"});
  // Nothing is renamed through a link.
  const fs::path dir = objects_->Path(made[0]).parent_path();
  ASSERT_NE(dir, objects_->Path(made[1]).parent_path());
  fs::rename(dir, index_.places().cache_dir / "elsewhere");
  fs::create_directory_symlink(index_.places().cache_dir / "elsewhere", dir);
  Use({.max_bytes = 1, .min_free_bytes = 1});
  const Collection collection = Collect();
  EXPECT_THAT(Texts(collection), ElementsAre("-a:OVER_CAP", "-b:OVER_CAP"));
  EXPECT_THAT(collection.verdicts[0].detail, HasSubstr("could not be removed"));
  EXPECT_EQ(collection.removed_count, 2);
  // What is still on the disk does not count.
  EXPECT_EQ(collection.removed_bytes, kBytes);
  EXPECT_THAT(ToldGone(), ElementsAre("a", "b"));
  EXPECT_THAT(Left(), IsEmpty());
  fs::remove(dir);
}

// Between the look and the removal is nothing that a test could wait for but
// the news of the removal before.
TEST_F(CollectorTest, APinThatComesBetweenIsHonoured) {
  const std::vector<ArtifactRecord> made = PublishDaily({"a", "b", "c", "d"});
  const int64_t id = feed_.Subscribe([&] {
    EXPECT_TRUE(leases_.Pin(made[1].digest, "just in time").ok());
    EXPECT_TRUE(index_->Touch(made[2].digest, "", clock_.NowMs()).ok());
  });
  Use({.max_bytes = 1, .min_free_bytes = 1});
  const Collection collection = Collect();
  feed_.Unsubscribe(id);
  EXPECT_THAT(Texts(collection),
              ElementsAre("-a:OVER_CAP", "-d:OVER_CAP", "b:HELD", "c:HELD"));
  EXPECT_EQ(collection.verdicts[2].detail, "pinned: just in time");
  EXPECT_EQ(collection.verdicts[3].detail, "used meanwhile");
  EXPECT_EQ(collection.removed_count, 2);
  EXPECT_EQ(collection.removed_bytes, 2 * kBytes);
  EXPECT_THAT(Left(), UnorderedElementsAre("b", "c"));
}

TEST_F(CollectorTest, OneThatSomebodyRemovesMeanwhileIsNotCounted) {
  const std::vector<ArtifactRecord> made = PublishDaily({"a", "b"});
  const int64_t id =
      feed_.Subscribe([&] { EXPECT_TRUE(objects_->Remove(made[1]).ok()); });
  Use({.max_bytes = 1, .min_free_bytes = 1});
  const Collection collection = Collect();
  feed_.Unsubscribe(id);
  EXPECT_EQ(collection.removed_count, 1);
  EXPECT_EQ(collection.removed_bytes, kBytes);
  EXPECT_THAT(collection.verdicts[1].detail, HasSubstr("removed it meanwhile"));
  EXPECT_THAT(ToldGone(), ElementsAre("a"));
}

TEST_F(CollectorTest, StopsBetweenTwoRemovals) {
  PublishDaily({"a", "b", "c"});
  CancelSource cancel;
  const int64_t id = feed_.Subscribe([&] { cancel.Cancel(); });
  Use({.max_bytes = 1, .min_free_bytes = 1});
  const auto collection = collector_->Collect(false, cancel.token());
  feed_.Unsubscribe(id);
  EXPECT_EQ(collection.status().code(), absl::StatusCode::kCancelled);
  EXPECT_THAT(Left(), ElementsAre("c", "b"));
}

TEST_F(CollectorTest, TheLimitsFollowFromTheDisk) {
  Use({});
  const Collection collection = Collect();
  EXPECT_EQ(collection.policy.max_bytes, 100'000'000'000);
  EXPECT_EQ(collection.policy.min_free_bytes, (int64_t{1} << 40) / 10);
}

TEST_F(CollectorTest, ADiskThatCannotBeMeasuredIsAnError) {
  PublishDaily({"a"});
  Collector collector(
      {.index = *index_,
       .objects = *objects_,
       .leases = leases_,
       .clock = clock_},
      {.max_bytes = 1},
      {.free_bytes =
           [] { return absl::StatusOr<int64_t>(ErrnoError(EIO, "statvfs")); },
       .total_bytes = [] { return absl::StatusOr<int64_t>(1); }});
  const auto collection = collector.Collect(false, CancelToken());
  ASSERT_FALSE(collection.ok());
  EXPECT_EQ(GetErrorDetail(collection.status()).reason, "IO_ERROR");
  EXPECT_THAT(Left(), ElementsAre("a"));
}

// Whoever gets a lease has the file, however the collector runs.
TEST_F(CollectorTest, LeasesAndCollectionsInManyThreads) {
  constexpr int kRounds = 20;
  Use({.max_bytes = 1, .min_free_bytes = 1, .min_keep_age = {}});
  for (int round = 0; round < kRounds; ++round) {
    const ArtifactRecord record =
        Publish(fmt::format("r{}", round), fmt::format("r{}", round));
    absl::StatusOr<ArtifactLease> lease;
    std::thread taker([&] {
      lease = leases_.Acquire(record.digest,
                              {.holder = "x", .ttl = std::chrono::seconds(60)});
    });
    std::thread other([&] { Collect(); });
    const Collection collection = Collect();
    taker.join();
    other.join();
    if (lease.ok()) {
      EXPECT_TRUE(objects_->OpenObject(record).ok());
      EXPECT_TRUE(leases_.Release(lease->id).ok());
    } else {
      EXPECT_EQ(GetErrorDetail(lease.status()).reason, "ARTIFACT_NOT_FOUND");
    }
  }
}

}  // namespace
}  // namespace bottled
