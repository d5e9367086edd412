#include "store/objects.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "platform/file.h"
#include "platform/temp_dir.h"
#include "store/errors.h"
#include "store/store_env.h"

namespace bottled {
namespace {

namespace fs = std::filesystem;
using testing::Disagreement;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::KeyOf;
using testing::Names;
using testing::Overwrite;
using testing::ReadAll;
using testing::SidecarLike;
using ::testing::SizeIs;
using testing::StoreEnv;
using testing::WriteAllTo;

class ObjectsTest : public ::testing::Test {
 protected:
  ObjectsTest() : env_(dir_.path()) {
    const absl::Status status = env_.Start();
    EXPECT_TRUE(status.ok()) << status;
  }
  Objects& objects() { return env_.objects(); }
  bool Hit(int seed) {
    const auto record = objects().Lookup(KeyOf(seed));
    EXPECT_TRUE(record.ok()) << record.status();
    return record.ok() && record->has_value();
  }

  const TempDir dir_;
  StoreEnv env_;
};

TEST_F(ObjectsTest, MakesPrivateDirectories) {
  for (const fs::path& dir :
       {env_.places().cache_dir, env_.places().objects(), env_.places().stage(),
        env_.places().quarantine(), env_.places().trash()}) {
    struct stat info = {};
    ASSERT_EQ(::lstat(dir.c_str(), &info), 0) << dir;
    EXPECT_EQ(info.st_mode & 07777, mode_t{0700}) << dir;
  }
}

TEST_F(ObjectsTest, RefusesUnsafeDirectories) {
  env_.Stop();
  const fs::path cache = env_.places().cache_dir;
  ASSERT_EQ(::chmod(cache.c_str(), 0777), 0);
  EXPECT_TRUE(HasReason(env_.Start(), "UNSAFE_DIRECTORY"));
  env_.Stop();
  ASSERT_EQ(::chmod(cache.c_str(), 0700), 0);

  const fs::path real = dir_.path() / "real";
  for (const fs::path& dir : {cache, env_.places().objects()}) {
    fs::rename(dir, real);
    fs::create_symlink(real, dir);
    EXPECT_TRUE(HasReason(env_.Start(), "UNSAFE_DIRECTORY")) << dir;
    env_.Stop();
    fs::remove(dir);
    fs::rename(real, dir);
  }
  EXPECT_TRUE(env_.Start().ok());
}

TEST_F(ObjectsTest, AStageIsPrivateAndEmpty) {
  auto stage = objects().MakeStage("job-1");
  ASSERT_TRUE(stage.ok()) << stage.status();
  WriteAllTo(*stage / "old", "x");
  stage = objects().MakeStage("job-1");
  ASSERT_TRUE(stage.ok());
  EXPECT_THAT(Names(*stage), IsEmpty());
  struct stat info = {};
  ASSERT_EQ(::stat(stage->c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, mode_t{0700});
  objects().RemoveStage("job-1");
  EXPECT_THAT(Names(env_.places().stage()), IsEmpty());
}

TEST_F(ObjectsTest, AJobIdIsAPlainName) {
  for (const char* id :
       {"", ".", "..", "../x", "a/b", "a b", "/etc", "a\n", "\xc3\xa4"}) {
    EXPECT_FALSE(objects().MakeStage(id).ok()) << id;
  }
  EXPECT_FALSE(objects().MakeStage(std::string(300, 'a')).ok());
  objects().RemoveStage("../obj");
  EXPECT_TRUE(fs::exists(env_.places().objects()));
}

TEST_F(ObjectsTest, WhatWasPublishedIsFound) {
  EXPECT_FALSE(Hit(1));
  const ArtifactRecord record = env_.MustPublish(1);
  const auto found = objects().Lookup(KeyOf(1));
  ASSERT_TRUE(found.ok() && found->has_value());
  EXPECT_EQ((*found)->digest, record.digest);
  EXPECT_EQ(ReadAll(objects().Path(**found)), SidecarLike(1));
  const auto fd = objects().OpenObject(record);
  ASSERT_TRUE(fd.ok()) << fd.status();
  std::string bytes(5000, '\0');
  ASSERT_TRUE(PreadAll(fd->get(), bytes, 0).ok());
  EXPECT_EQ(bytes, SidecarLike(1));
  EXPECT_EQ(Disagreement(env_), "");
}

TEST_F(ObjectsTest, AFileThatIsGoneIsAMiss) {
  const ArtifactRecord record = env_.MustPublish(1);
  fs::remove(objects().Path(record));
  EXPECT_TRUE(
      HasReason(objects().OpenObject(record).status(), kArtifactMissing));
  EXPECT_FALSE(Hit(1));
  EXPECT_EQ(*env_.index().MissReason(KeyOf(1), ""), "MISSING");
  EXPECT_EQ(env_.index().Totals()->count, 0);
  env_.MustPublish(1);
  EXPECT_TRUE(Hit(1));
  EXPECT_EQ(Disagreement(env_), "");
}

// What can happen to a published file; each must be seen on the next hit.
struct Damage {
  const char* name;
  void (*inflict)(const fs::path& path);
};

class DamagedObject : public ObjectsTest,
                      public ::testing::WithParamInterface<Damage> {};

TEST_P(DamagedObject, IsQuarantinedOnTheNextHitAndMadeAgain) {
  const ArtifactRecord record = env_.MustPublish(1);
  GetParam().inflict(objects().Path(record));
  EXPECT_TRUE(
      HasReason(objects().OpenObject(record).status(), kArtifactDamaged));
  EXPECT_FALSE(Hit(1));
  EXPECT_EQ(*env_.index().MissReason(KeyOf(1), ""), "QUARANTINED");
  EXPECT_EQ(env_.index().Totals()->count, 0);
  // The file and its record.
  EXPECT_THAT(Names(env_.places().quarantine()), SizeIs(2));
  env_.MustPublish(1);
  EXPECT_TRUE(Hit(1));
  EXPECT_EQ(Disagreement(env_), "");
}

INSTANTIATE_TEST_SUITE_P(
    All, DamagedObject,
    ::testing::Values(
        Damage{"BitFlip",
               [](const fs::path& path) {
                 std::string bytes = ReadAll(path);
                 bytes[2000] = static_cast<char>(bytes[2000] ^ 1);
                 Overwrite(path, bytes);
               }},
        Damage{"Truncation",
               [](const fs::path& path) { fs::resize_file(path, 4999); }},
        Damage{"TruncationToNothing",
               [](const fs::path& path) { fs::resize_file(path, 0); }},
        Damage{"Growth",
               [](const fs::path& path) { fs::resize_file(path, 5001); }},
        Damage{"ReplacementWithTheSameSizeAndTime",
               [](const fs::path& path) {
                 const auto time = fs::last_write_time(path);
                 std::string bytes = ReadAll(path);
                 bytes[2000] = static_cast<char>(bytes[2000] ^ 1);
                 fs::rename(path, path.native() + ".old");
                 WriteAllTo(path, bytes);
                 fs::remove(path.native() + ".old");
                 fs::last_write_time(path, time);
               }},
        Damage{"Symlink",
               [](const fs::path& path) {
                 const fs::path away =
                     path.parent_path().parent_path().parent_path() / "away";
                 fs::rename(path, away);
                 fs::create_symlink(away, path);
               }},
        Damage{"Directory",
               [](const fs::path& path) {
                 fs::remove(path);
                 fs::create_directory(path);
               }},
        Damage{"Fifo",
               [](const fs::path& path) {
                 fs::remove(path);
                 ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
               }}),
    [](const auto& test) { return test.param.name; });

TEST_F(ObjectsTest, ARestoredBackupIsReadInFullOnce) {
  const ArtifactRecord record = env_.MustPublish(1);
  const fs::path path = objects().Path(record);
  const std::string bytes = ReadAll(path);
  fs::rename(path, path.native() + ".old");
  WriteAllTo(path, bytes);
  fs::remove(path.native() + ".old");
  EXPECT_TRUE(
      HasReason(objects().OpenObject(record).status(), kArtifactDamaged));
  const auto found = objects().Lookup(KeyOf(1));
  ASSERT_TRUE(found.ok() && found->has_value()) << found.status();
  EXPECT_NE((*found)->inode, record.inode);
  EXPECT_TRUE(objects().OpenObject(**found).ok()) << "the row knows it now";
  // The same file, written to, but with the same bytes.
  fs::last_write_time(path, fs::file_time_type::clock::now());
  EXPECT_TRUE(Hit(1));
  EXPECT_THAT(Names(env_.places().quarantine()), IsEmpty());
}

TEST_F(ObjectsTest, AStopEndsTheReadingOfABackup) {
  const ArtifactRecord record = env_.MustPublish(1);
  const fs::path path = objects().Path(record);
  fs::last_write_time(path, fs::file_time_type::clock::now());
  objects().CancelReads();
  EXPECT_TRUE(absl::IsCancelled(objects().Lookup(KeyOf(1)).status()));
  EXPECT_TRUE(env_.index().FindByKey(KeyOf(1))->has_value());
}

TEST_F(ObjectsTest, AFooterThatWasCutOutIsSeen) {
  const ArtifactRecord record = env_.MustPublish(1);
  std::string bytes = SidecarLike(1);
  bytes.replace(bytes.size() - 64, 8, "smolpack");
  const fs::path path = objects().Path(record);
  const auto time = fs::last_write_time(path);
  Overwrite(path, bytes);
  fs::last_write_time(path, time);
  EXPECT_FALSE(Hit(1));
  EXPECT_EQ(*env_.index().MissReason(KeyOf(1), ""), "QUARANTINED");
}

TEST_F(ObjectsTest, NothingIsMovedThroughALinkedDirectory) {
  const ArtifactRecord record = env_.MustPublish(1);
  const fs::path dir = objects().Path(record).parent_path();
  const fs::path away = dir_.path() / "away";
  fs::rename(dir, away);
  fs::create_directory_symlink(away, dir);
  EXPECT_FALSE(Hit(1));
  EXPECT_THAT(Names(away), SizeIs(2));
  EXPECT_THAT(Names(env_.places().quarantine()), IsEmpty());
  EXPECT_EQ(*env_.index().MissReason(KeyOf(1), ""), "QUARANTINED");
  // Publishing into it is refused as well, in so many words.
  const auto again = env_.Publish("again", SidecarLike(1), KeyOf(1));
  EXPECT_TRUE(HasReason(again.status(), "UNSAFE_DIRECTORY")) << again.status();
}

TEST_F(ObjectsTest, Remove) {
  const ArtifactRecord record = env_.MustPublish(1);
  const ArtifactRecord other = env_.MustPublish(2);
  ASSERT_TRUE(objects().Remove(record).ok());
  EXPECT_FALSE(Hit(1));
  EXPECT_TRUE(Hit(2));
  EXPECT_EQ(*env_.index().MissReason(KeyOf(1), ""), "REMOVED");
  EXPECT_EQ(Disagreement(env_), "");
  EXPECT_TRUE(objects().Remove(record).ok());
  env_.MustPublish(1);
  EXPECT_TRUE(Hit(1));
}

TEST_F(ObjectsTest, RemoveUnlessHeldLeavesWhatIsHeldAsItIs) {
  const ArtifactRecord record = env_.MustPublish(1);
  ASSERT_TRUE(
      env_.index().SetPin({.artifact = record.digest, .note = "mine"}).ok());
  for (const char* why : {"REMOVED", "EVICTED"}) {
    const auto holders = objects().RemoveUnlessHeld(record, why);
    ASSERT_TRUE(holders.ok()) << holders.status();
    EXPECT_THAT(*holders, ElementsAre("pinned: mine"));
    EXPECT_TRUE(Hit(1));
    EXPECT_EQ(Disagreement(env_), "");
  }
  // To remove it all the same is a decision of the caller.
  ASSERT_TRUE(objects().Remove(record).ok());
  EXPECT_FALSE(Hit(1));
  EXPECT_THAT(*env_.index().ListPins(), IsEmpty());
}

TEST_F(ObjectsTest, RemoveUnlessHeldRemovesRowAndFileAndKeepsWhy) {
  int seed = 0;
  for (const char* why : {"REMOVED", "EVICTED"}) {
    ++seed;
    const ArtifactRecord record = env_.MustPublish(seed);
    env_.MustPublish(100);
    const auto holders = objects().RemoveUnlessHeld(record, why);
    ASSERT_TRUE(holders.ok()) << holders.status();
    EXPECT_THAT(*holders, IsEmpty());
    EXPECT_FALSE(fs::exists(objects().Path(record)));
    EXPECT_FALSE(Hit(seed));
    EXPECT_TRUE(Hit(100));
    EXPECT_EQ(*env_.index().MissReason(KeyOf(seed), ""), why);
    EXPECT_EQ(Disagreement(env_), "");
    EXPECT_THAT(*objects().RemoveUnlessHeld(record, why), IsEmpty()) << "again";
    env_.MustPublish(seed);
    EXPECT_TRUE(Hit(seed));
  }
}

TEST_F(ObjectsTest, RemoveUnlessHeldSparesWhatWasUsedSinceItWasJudged) {
  const ArtifactRecord touched = env_.MustPublish(1);
  const ArtifactRecord replaced = env_.MustPublish(2);
  const ArtifactRecord idle = env_.MustPublish(3);
  env_.clock().Advance(100'000);
  ASSERT_TRUE(
      env_.index().Touch(touched.digest, "", env_.clock().NowMs()).ok());
  EXPECT_EQ(env_.MustPublish(2).digest, replaced.digest);
  for (const ArtifactRecord& record : {touched, replaced}) {
    const auto why_not = objects().RemoveUnlessHeld(record, "EVICTED", true);
    ASSERT_TRUE(why_not.ok()) << why_not.status();
    EXPECT_THAT(*why_not, ElementsAre("used meanwhile"));
    EXPECT_TRUE(fs::exists(objects().Path(record)));
  }
  EXPECT_TRUE(Hit(1));
  EXPECT_TRUE(Hit(2));
  EXPECT_THAT(*objects().RemoveUnlessHeld(idle, "EVICTED", true), IsEmpty());
  EXPECT_FALSE(fs::exists(objects().Path(idle)));
  EXPECT_FALSE(Hit(3));
  EXPECT_THAT(*objects().RemoveUnlessHeld(idle, "EVICTED", true), IsEmpty())
      << "again";
  // Who does not ask for it removes it all the same.
  EXPECT_THAT(*objects().RemoveUnlessHeld(touched, "REMOVED"), IsEmpty());
  EXPECT_FALSE(Hit(1));
  EXPECT_EQ(Disagreement(env_), "");
}

TEST_F(ObjectsTest, ALeaseEndsByTheClockOfTheObjects) {
  const ArtifactRecord record = env_.MustPublish(1);
  ASSERT_TRUE(env_.index()
                  .AddLease({.id = "l",
                             .artifact = record.digest,
                             .holder = "me",
                             .expires_ms = env_.clock().NowMs() + 1000})
                  .ok());
  EXPECT_THAT(*objects().RemoveUnlessHeld(record, "EVICTED"), SizeIs(1));
  env_.clock().Advance(1000);
  EXPECT_THAT(*objects().RemoveUnlessHeld(record, "EVICTED"), IsEmpty());
  EXPECT_FALSE(Hit(1));
}

TEST_F(ObjectsTest, AReaderKeepsWhatItOpened) {
  const ArtifactRecord record = env_.MustPublish(1);
  const auto fd = objects().OpenObject(record);
  ASSERT_TRUE(fd.ok());
  ASSERT_TRUE(objects().Remove(record).ok());
  std::string bytes(5000, '\0');
  EXPECT_TRUE(PreadAll(fd->get(), bytes, 0).ok());
  EXPECT_EQ(bytes, SidecarLike(1));
}

TEST_F(ObjectsTest, Quarantine) {
  const ArtifactRecord record = env_.MustPublish(1);
  ASSERT_TRUE(objects().Quarantine(record, "a deep check").ok());
  EXPECT_FALSE(Hit(1));
  EXPECT_EQ(*env_.index().MissReason(KeyOf(1), ""), "QUARANTINED");
  EXPECT_THAT(Names(env_.places().quarantine()), SizeIs(2));
  EXPECT_EQ(Disagreement(env_), "");
}

}  // namespace
}  // namespace bottled
