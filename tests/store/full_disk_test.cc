// A file system without room: a small tmpfs, which only root may mount.
#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "platform/file.h"
#include "platform/temp_dir.h"
#include "store/errors.h"
#include "store/schema.h"
#include "store/sqlite.h"
#include "store/statements.h"
#include "store/store_env.h"
#include "store/unsaved_leases.h"

namespace bottled {
namespace {

namespace fs = std::filesystem;
using testing::Disagreement;
using ::testing::ElementsAre;
using testing::KeyOf;
using testing::SidecarLike;
using testing::StoreEnv;

class FullDisk : public ::testing::Test {
 protected:
  void SetUp() override {
    mounted_ = ::mount("tmpfs", dir_.path().c_str(), "tmpfs", 0,
                       "size=3m,mode=0700") == 0;
    if (!mounted_) {
      if (std::getenv("CI") != nullptr) {
        FAIL() << "cannot mount a tmpfs";
      }
      GTEST_SKIP() << "cannot mount a tmpfs (not root?)";
    }
    env_ = std::make_unique<StoreEnv>(dir_.path());
    const absl::Status status = env_->Start();
    ASSERT_TRUE(status.ok()) << status;
  }
  void TearDown() override {
    env_.reset();
    if (mounted_) {
      EXPECT_EQ(::umount2(dir_.path().c_str(), MNT_DETACH), 0);
    }
  }

  fs::path Filler() { return dir_.path() / "filler"; }
  // Leaves about `left` bytes.
  void Fill(int64_t left) {
    const Fd fd(::open(Filler().c_str(),
                       O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
    ASSERT_TRUE(fd.valid());
    const std::string page(4096, 'f');
    while (*FreeBytes(dir_.path()) > left) {
      if (::write(fd.get(), page.data(), page.size()) <= 0) {
        break;
      }
    }
  }
  void Relieve() { fs::remove(Filler()); }
  // The index's log may have room of its own for a while.
  void WriteUntilRefused() {
    absl::Status status;
    for (int i = 0; i < 2000 && status.ok(); ++i) {
      JobRecord job;
      job.id = fmt::format("job{}", i);
      job.source = std::string(3000, 's');
      status = env_->index().InsertJob(job);
    }
    EXPECT_TRUE(HasReason(status, "NO_SPACE")) << status;
  }

  const TempDir dir_;
  bool mounted_ = false;
  std::unique_ptr<StoreEnv> env_;
};

// Whatever step runs out of room, nothing is half there, and the index works
// on once there is room again.
TEST_F(FullDisk, APublicationFailsCleanlyWhateverIsLeft) {
  env_->MustPublish(1000);
  int failed = 0;
  for (int pages = 0; pages < 40; ++pages) {
    const std::string job = fmt::format("job{}", pages);
    const auto staged = env_->Stage(job, SidecarLike(pages), KeyOf(pages));
    ASSERT_TRUE(staged.ok()) << staged.status();
    Fill(pages * 4096);
    const auto record =
        env_->objects().Publish(job, staged->file, staged->record);
    const auto hit = env_->objects().Lookup(KeyOf(1000));
    EXPECT_TRUE(hit.ok() && hit->has_value()) << hit.status();
    if (!record.ok()) {
      ++failed;
      EXPECT_TRUE(HasReason(record.status(), "NO_SPACE")) << record.status();
      EXPECT_NE(GetErrorDetail(record.status()).remedy, "");
      const absl::Status ended =
          env_->index().FinishJob(job, JobRowState::kFailed, Digest(), "{}", 1);
      EXPECT_TRUE(ended.ok() || HasReason(ended, "NO_SPACE")) << ended;
    }
    env_->objects().RemoveStage(job);
    Relieve();
    EXPECT_EQ(Disagreement(*env_), "") << pages;
    if (!record.ok()) {
      // The key is free, though its job could perhaps not be ended in time.
      const auto again =
          env_->Publish(job + "-again", SidecarLike(pages), KeyOf(pages));
      ASSERT_TRUE(again.ok()) << pages << ": " << again.status();
      EXPECT_EQ((*env_->index().FindJob(job))->state, JobRowState::kFailed);
    }
    const auto made = env_->index().FindByKey(KeyOf(pages));
    ASSERT_TRUE(made.ok() && made->has_value());
    ASSERT_TRUE(env_->objects().Remove(**made).ok());
  }
  EXPECT_GT(failed, 0);
}

TEST_F(FullDisk, TheStoreStartsAndServes) {
  const Digest digest = env_->MustPublish(1).digest;
  ASSERT_TRUE(env_->Stage("lost", SidecarLike(2), KeyOf(2)).ok());
  env_->Stop();
  Fill(0);
  const absl::Status status = env_->Start();
  ASSERT_TRUE(status.ok()) << status;
  const auto hit = env_->objects().Lookup(KeyOf(1));
  ASSERT_TRUE(hit.ok() && hit->has_value()) << hit.status();
  EXPECT_EQ((*hit)->digest, digest);
  Relieve();
  EXPECT_TRUE(env_->Publish("next", SidecarLike(2), KeyOf(2)).ok());
  EXPECT_EQ((*env_->index().FindJob("lost"))->state, JobRowState::kInterrupted);
  EXPECT_EQ(Disagreement(*env_), "");
}

TEST_F(FullDisk, IndexWritesGoOnAfterwards) {
  Fill(0);
  WriteUntilRefused();
  EXPECT_TRUE(env_->index().ListJobs(true, 0).ok());
  Relieve();
  JobRecord job;
  job.id = "after";
  EXPECT_TRUE(env_->index().InsertJob(job).ok());
  env_->Restart();
  EXPECT_TRUE(env_->index().FindJob("after")->has_value());
}

TEST_F(FullDisk, LeasesAreKeptInMemoryUntilThereIsRoom) {
  const Digest digest = env_->MustPublish(1).digest;
  Index& index = env_->index();
  const auto lease = [&digest](const std::string& id) {
    return ArtifactLease{.id = id,
                         .artifact = digest,
                         .kind = LeaseKind::kPid,
                         .holder = "x",
                         .created_ms = 1,
                         .pid = 7,
                         .identity = id};
  };
  const auto ids = [](Index& of) {
    std::vector<std::string> out;
    const auto leases = of.ListLeases();
    EXPECT_TRUE(leases.ok()) << leases.status();
    for (const ArtifactLease& each : *leases) {
      out.push_back(each.id);
    }
    return out;
  };
  ASSERT_TRUE(index.AddLease(lease("old")).ok());
  ASSERT_TRUE(index.AddLease(lease("released")).ok());
  ArtifactLease timed{.id = "timed",
                      .artifact = digest,
                      .holder = "x",
                      .created_ms = env_->clock().NowMs(),
                      .expires_ms = env_->clock().NowMs() + 1000};
  ASSERT_TRUE(index.AddLease(timed).ok());
  Fill(0);
  WriteUntilRefused();
  ASSERT_TRUE(index.AddLease(lease("new")).ok());
  ASSERT_TRUE(index.AddLease(lease("short")).ok());
  EXPECT_EQ(index.RemoveLease("short").value_or(false), true);
  EXPECT_EQ(index.RemoveLease("short").value_or(true), false);
  EXPECT_EQ(index.RemoveLease("released").value_or(false), true);
  EXPECT_EQ(index.RenewLease("timed", timed.expires_ms + 5).value_or(false),
            true);
  ArtifactLease lost = lease("lost");
  lost.artifact = KeyOf(2);
  EXPECT_TRUE(HasReason(index.AddLease(lost), kArtifactNotFound));
  EXPECT_THAT(ids(index), ElementsAre("new", "old", "timed"));
  const auto found = index.FindPidLease(digest, "x", 7, "new");
  ASSERT_TRUE(found.ok() && found->has_value()) << found.status();
  EXPECT_EQ((*found)->id, "new");
  // It holds, and nothing can be deleted anyway.
  const auto held =
      index.DeleteArtifactUnlessHeld(digest, "REMOVED", timed.created_ms);
  EXPECT_TRUE(HasReason(held.status(), "NO_SPACE")) << held.status();
  Relieve();
  const auto holders =
      index.DeleteArtifactUnlessHeld(digest, "REMOVED", timed.created_ms);
  ASSERT_TRUE(holders.ok()) << holders.status();
  EXPECT_EQ(holders->size(), 3U);
  env_->Restart();
  EXPECT_THAT(ids(env_->index()), ElementsAre("new", "old", "timed"));
  const auto leases = env_->index().ListLeases();
  EXPECT_EQ(leases->back().expires_ms, timed.expires_ms + 5);
}

// What makes room is asked once, and the write is made after all.
TEST_F(FullDisk, AWriteIsTriedAgainWhenThereIsRoom) {
  int asked = 0;
  bool gives = false;
  env_->index().set_on_full([&](const std::string& why) {
    ++asked;
    EXPECT_NE(why, "");
    if (gives) {
      Relieve();
    }
    return gives;
  });
  Fill(0);
  WriteUntilRefused();
  EXPECT_EQ(asked, 1);
  gives = true;
  JobRecord job;
  job.id = "after";
  EXPECT_TRUE(env_->index().InsertJob(job).ok());
  EXPECT_EQ(asked, 2);
  env_->index().set_on_full(nullptr);
}

// A schema is changed in one step, or not at all.
TEST_F(FullDisk, AMigrationIsAllOrNothing) {
  const std::span<const Migration> all = Migrations();
  int failed = 0;
  for (size_t from = 1; from < all.size(); ++from) {
    for (int pages = 0; pages < 24; pages += 4) {
      const fs::path path = dir_.path() / fmt::format("m{}-{}.db", from, pages);
      {
        auto old = Database::Open(path);
        ASSERT_TRUE(old.ok()) << old.status();
        ASSERT_TRUE(Migrate(*old, all.first(from)).ok());
      }
      Fill(pages * 4096);
      {
        auto db = Database::Open(path);
        const absl::Status status = db.ok() ? Migrate(*db, all) : db.status();
        if (!status.ok()) {
          ++failed;
          EXPECT_TRUE(HasReason(status, "NO_SPACE")) << status;
        }
      }
      Relieve();
      auto db = Database::Open(path);
      ASSERT_TRUE(db.ok()) << db.status();
      const absl::Status status = Migrate(*db, all);
      EXPECT_TRUE(status.ok()) << status;
      ASSERT_TRUE(MakeUnsavedLeases(*db).ok());
      EXPECT_TRUE(Statements::Prepare(*db).ok());
    }
    for (const std::string& name : testing::Names(dir_.path())) {
      if (name.starts_with('m')) {
        fs::remove(dir_.path() / name);
      }
    }
  }
  EXPECT_GT(failed, 0);
}

}  // namespace
}  // namespace bottled
