// The table of recovery.h, row by row.
#include "store/recovery.h"

#include <sys/stat.h>

#include <filesystem>

#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "platform/temp_dir.h"
#include "store/errors.h"
#include "store/object_record.h"
#include "store/store_env.h"

namespace bottled {
namespace {

namespace fs = std::filesystem;
using testing::Disagreement;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::KeyOf;
using testing::Names;
using testing::Overwrite;
using testing::ReadAll;
using testing::SidecarLike;
using ::testing::SizeIs;
using testing::StoreEnv;
using testing::WriteAllTo;

class RecoveryTest : public ::testing::Test {
 protected:
  RecoveryTest() : env_(dir_.path()) {
    const absl::Status status = env_.Start();
    EXPECT_TRUE(status.ok()) << status;
  }

  const Places& places() { return env_.places(); }
  const RecoveryReport& report() { return env_.report(); }
  fs::path Object(const ArtifactRecord& record) {
    return places().object(record.digest.hex());
  }
  fs::path ObjectRecord(const ArtifactRecord& record) {
    return places().object_record(record.digest.hex());
  }
  bool Known(int seed) {
    return env_.index().FindByKey(KeyOf(seed))->has_value();
  }
  JobRowState StateOf(const std::string& id) {
    return (*env_.index().FindJob(id))->state;
  }
  // A job that had synced everything and said so when the process died.
  ArtifactRecord Publishing(const std::string& id, int seed) {
    const auto staged = env_.Stage(id, SidecarLike(seed), KeyOf(seed));
    EXPECT_TRUE(staged.ok()) << staged.status();
    fs::rename(staged->file,
               staged->file.parent_path() / Object(staged->record).filename());
    EXPECT_TRUE(env_.index().MarkPublishing(id, staged->record).ok());
    return staged->record;
  }
  // The row goes behind the store's back.
  void ForgetRow(const ArtifactRecord& record) {
    EXPECT_TRUE(env_.index().DeleteArtifact(record.digest, "REMOVED", 1).ok());
  }
  // With the time of the last change as it was.
  void FlipBitSecretly(const fs::path& path) {
    const auto time = fs::last_write_time(path);
    std::string bytes = ReadAll(path);
    bytes[100] = static_cast<char>(bytes[100] ^ 1);
    Overwrite(path, bytes);
    fs::last_write_time(path, time);
  }

  const TempDir dir_;
  StoreEnv env_;
};

TEST_F(RecoveryTest, AHealthyStoreStaysAsItIs) {
  for (int i = 0; i < 10; ++i) {
    env_.MustPublish(i);
  }
  env_.Restart();
  EXPECT_FALSE(report().index_rebuilt);
  EXPECT_EQ(report().adopted + report().quarantined + report().missing +
                report().interrupted_jobs + report().stages_removed +
                report().left_alone + report().without_row +
                report().finished_publications,
            0);
  EXPECT_EQ(env_.index().Totals()->count, 10);
  EXPECT_EQ(Disagreement(env_), "");
}

TEST_F(RecoveryTest, QueuedAndRunningJobsAreInterrupted) {
  JobRecord queued;
  queued.id = "queued";
  ASSERT_TRUE(env_.index().InsertJob(queued).ok());
  ASSERT_TRUE(env_.Stage("running", SidecarLike(1), KeyOf(1)).ok());
  env_.Restart();
  for (const char* id : {"queued", "running"}) {
    const auto job = env_.index().FindJob(id);
    EXPECT_EQ((*job)->state, JobRowState::kInterrupted) << id;
    EXPECT_EQ((*job)->finished_ms, env_.clock().NowMs());
    EXPECT_THAT((*job)->failure_json, HasSubstr("\"reason\":\"INTERRUPTED\""));
    EXPECT_THAT((*job)->failure_json, HasSubstr("\"remedy\":\"Ask"));
  }
  EXPECT_EQ(report().interrupted_jobs, 2);
  EXPECT_EQ(report().stages_removed, 1);
  EXPECT_EQ(Disagreement(env_), "");
  EXPECT_TRUE(env_.Publish("next", SidecarLike(1), KeyOf(1)).ok());
}

TEST_F(RecoveryTest, PublishingWithTheStagedFileIsFinished) {
  Publishing("job", 1);
  env_.Restart();
  EXPECT_EQ(report().finished_publications, 1);
  EXPECT_EQ(report().interrupted_jobs, 0);
  EXPECT_EQ(StateOf("job"), JobRowState::kSucceeded);
  EXPECT_TRUE(env_.objects().Lookup(KeyOf(1))->has_value());
  // Its mode comes from the packer: 0400 only after a real Publish().
  ASSERT_EQ(Names(places().stage()).size(), size_t{0});
}

TEST_F(RecoveryTest, PublishingWithABadStagedFileIsInterrupted) {
  const ArtifactRecord record = Publishing("job", 1);
  FlipBitSecretly(places().job_stage("job") / Object(record).filename());
  env_.Restart();
  EXPECT_EQ(StateOf("job"), JobRowState::kInterrupted);
  EXPECT_EQ(Disagreement(env_), "");
  EXPECT_FALSE(Known(1));
}

TEST_F(RecoveryTest, PublishingWithTheObjectIsFinished) {
  const ArtifactRecord record = Publishing("job", 1);
  const fs::path staged = places().job_stage("job") / Object(record).filename();
  fs::create_directory(Object(record).parent_path());
  ASSERT_EQ(::chmod(Object(record).parent_path().c_str(), 0700), 0);
  ASSERT_EQ(::chmod(staged.c_str(), 0400), 0);
  fs::rename(staged, Object(record));
  env_.Restart();
  EXPECT_EQ(report().finished_publications, 1);
  EXPECT_EQ(StateOf("job"), JobRowState::kSucceeded);
  EXPECT_EQ(Disagreement(env_), "");
}

TEST_F(RecoveryTest, PublishingWithABadObjectIsInterrupted) {
  const ArtifactRecord record = Publishing("job", 1);
  const fs::path staged = places().job_stage("job") / Object(record).filename();
  FlipBitSecretly(staged);
  fs::create_directory(Object(record).parent_path());
  ASSERT_EQ(::chmod(Object(record).parent_path().c_str(), 0700), 0);
  fs::rename(staged, Object(record));
  env_.Restart();
  EXPECT_EQ(StateOf("job"), JobRowState::kInterrupted);
  EXPECT_EQ(report().quarantined, 1);
  EXPECT_THAT(Names(places().quarantine()), SizeIs(1));
  EXPECT_EQ(Disagreement(env_), "");
}

TEST_F(RecoveryTest, PublishingWithNeitherIsInterrupted) {
  const ArtifactRecord record = Publishing("job", 1);
  fs::remove(places().job_stage("job") / Object(record).filename());
  env_.Restart();
  EXPECT_EQ(StateOf("job"), JobRowState::kInterrupted);
  EXPECT_EQ(report().interrupted_jobs, 1);
  EXPECT_EQ(Disagreement(env_), "");
}

TEST_F(RecoveryTest, ARowWithoutAFileGoes) {
  const ArtifactRecord record = env_.MustPublish(1);
  env_.MustPublish(2);
  fs::remove(Object(record));
  env_.Restart();
  EXPECT_EQ(report().missing, 1);
  EXPECT_EQ(*env_.index().MissReason(KeyOf(1), ""), "MISSING");
  EXPECT_TRUE(Known(2));
  // Its record went with it.
  EXPECT_EQ(Disagreement(env_), "");
}

TEST_F(RecoveryTest, ARowWhoseFileDiffersGoesToQuarantine) {
  const ArtifactRecord cut = env_.MustPublish(1);
  const ArtifactRecord flipped = env_.MustPublish(2);
  const ArtifactRecord linked = env_.MustPublish(3);
  env_.MustPublish(4);
  fs::resize_file(Object(cut), 4000);
  std::string bytes = ReadAll(Object(flipped));
  bytes[9] = static_cast<char>(bytes[9] ^ 1);
  Overwrite(Object(flipped), bytes);
  fs::rename(Object(linked), dir_.path() / "away");
  fs::create_symlink(dir_.path() / "away", Object(linked));
  env_.Restart();
  EXPECT_EQ(report().quarantined, 3);
  for (int seed : {1, 2, 3}) {
    EXPECT_EQ(*env_.index().MissReason(KeyOf(seed), ""), "QUARANTINED");
  }
  EXPECT_TRUE(Known(4));
  EXPECT_EQ(Disagreement(env_), "");
}

TEST_F(RecoveryTest, ARestoredBackupIsVerifiedAndKept) {
  const ArtifactRecord record = env_.MustPublish(1);
  const std::string bytes = ReadAll(Object(record));
  fs::rename(Object(record), dir_.path() / "backup");
  WriteAllTo(Object(record), bytes);
  ASSERT_EQ(::chmod(Object(record).c_str(), 0400), 0);
  env_.Restart();
  EXPECT_EQ(report().quarantined, 0);
  EXPECT_TRUE(env_.objects().Lookup(KeyOf(1))->has_value());
  EXPECT_EQ(Disagreement(env_), "");
}

TEST_F(RecoveryTest, AnotherDeviceNumberIsNoChange) {
  ArtifactRecord record = env_.MustPublish(1);
  record.device += 1;
  ASSERT_TRUE(env_.index().UpdateFile(record).ok());
  env_.Restart();
  EXPECT_EQ(report().quarantined, 0);
  EXPECT_TRUE(env_.objects().Lookup(KeyOf(1))->has_value());
}

TEST_F(RecoveryTest, AGoodFileWithoutARowIsAdopted) {
  const ArtifactRecord record = env_.MustPublish(1);
  ForgetRow(record);
  env_.clock().Advance(1000);
  env_.Restart();
  EXPECT_EQ(report().adopted, 1);
  const auto found = env_.objects().Lookup(KeyOf(1));
  ASSERT_TRUE(found.ok() && found->has_value());
  EXPECT_EQ((*found)->references, record.references);
  EXPECT_EQ((*found)->created_ms, record.created_ms);
  EXPECT_EQ((*found)->last_used_ms, env_.clock().NowMs());
  EXPECT_EQ(Disagreement(env_), "");
}

TEST_F(RecoveryTest, AnAdoptedFileDoesNotTakeTheKeyOfANewerOne) {
  const ArtifactRecord older = env_.MustPublish(1);
  ForgetRow(older);
  env_.clock().Advance(1000);
  const auto newer = env_.Publish("newer", SidecarLike(77), KeyOf(1));
  ASSERT_TRUE(newer.ok());
  env_.Restart();
  EXPECT_EQ(report().adopted, 1);
  EXPECT_EQ(env_.index().FindByKey(KeyOf(1))->value().digest, newer->digest);
  EXPECT_TRUE(env_.index().FindByDigest(older.digest)->has_value());
}

TEST_F(RecoveryTest, ABadFileWithoutARowGoesToQuarantine) {
  const ArtifactRecord flipped = env_.MustPublish(1);
  const ArtifactRecord unrecorded = env_.MustPublish(2);
  const ArtifactRecord misrecorded = env_.MustPublish(3);
  env_.MustPublish(4);
  for (const ArtifactRecord& record : {flipped, unrecorded, misrecorded}) {
    ForgetRow(record);
  }
  FlipBitSecretly(Object(flipped));
  fs::remove(ObjectRecord(unrecorded));
  Overwrite(ObjectRecord(misrecorded),
            EncodeObjectRecord(testing::RecordOf("other", KeyOf(9))));
  env_.Restart();
  EXPECT_EQ(report().quarantined, 3);
  EXPECT_EQ(report().adopted, 0);
  EXPECT_EQ(env_.index().Totals()->count, 1);
  EXPECT_EQ(Disagreement(env_), "");
}

TEST_F(RecoveryTest, ForeignNamesInObjGoToQuarantine) {
  const ArtifactRecord record = env_.MustPublish(1);
  const fs::path dir = Object(record).parent_path();
  WriteAllTo(dir / "notes.txt", "mine");
  WriteAllTo(dir / (std::string(64, 'z') + ".smolmachine"), "x");
  // Right name, wrong directory.
  const std::string hex =
      std::string(64, record.digest.hex()[0] == '0' ? '1' : '0');
  WriteAllTo(dir / (hex + ".smolmachine"), "x");
  fs::create_symlink("/etc/passwd", dir / "link");
  env_.Restart();
  EXPECT_EQ(report().quarantined, 4);
  EXPECT_THAT(Names(places().quarantine()), SizeIs(4));
  EXPECT_TRUE(fs::exists("/etc/passwd"));
  EXPECT_EQ(Disagreement(env_), "");
}

TEST_F(RecoveryTest, WhatLiesBesideTheDirectoriesIsLeftAlone) {
  env_.MustPublish(1);
  WriteAllTo(places().objects() / "README", "mine");
  const fs::path outside = dir_.path() / "outside";
  fs::create_directory(outside);
  WriteAllTo(outside / "precious", "x");
  std::string name = "00";
  while (fs::exists(places().objects() / name)) {
    ++name[1];
  }
  fs::create_directory_symlink(outside, places().objects() / name);
  env_.Restart();
  EXPECT_EQ(report().left_alone, 2);
  EXPECT_EQ(report().quarantined, 0);
  EXPECT_TRUE(fs::exists(outside / "precious"));
  EXPECT_TRUE(Known(1));
}

TEST_F(RecoveryTest, AFileWithoutARecordGetsOneFromItsRow) {
  const ArtifactRecord record = env_.MustPublish(1);
  const std::string text = ReadAll(ObjectRecord(record));
  fs::remove(ObjectRecord(record));
  env_.Restart();
  EXPECT_EQ(ReadAll(ObjectRecord(record)), text);
  EXPECT_EQ(Disagreement(env_), "");
}

TEST_F(RecoveryTest, ARecordWithoutAFileGoes) {
  const ArtifactRecord record = env_.MustPublish(1);
  ForgetRow(record);
  fs::remove(Object(record));
  env_.Restart();
  EXPECT_EQ(report().adopted + report().quarantined, 0);
  EXPECT_EQ(Disagreement(env_), "");
}

TEST_F(RecoveryTest, StageAndTrashAreEmptied) {
  fs::create_directories(places().stage() / "old" / "deep");
  WriteAllTo(places().stage() / "old" / "deep" / "file", "x");
  WriteAllTo(places().stage() / "stray", "x");
  WriteAllTo(places().trash() / "gone", "x");
  env_.Restart();
  EXPECT_EQ(report().stages_removed, 2);
  EXPECT_EQ(Disagreement(env_), "");
}

TEST_F(RecoveryTest, ManyFilesWithoutRowsAreLeftAlone) {
  std::vector<ArtifactRecord> records;
  for (int i = 0; i < 8; ++i) {
    records.push_back(env_.MustPublish(i));
  }
  for (int i = 0; i < 6; ++i) {
    ForgetRow(records[static_cast<size_t>(i)]);
  }
  env_.Restart();
  EXPECT_EQ(report().without_row, 6);
  EXPECT_EQ(report().adopted + report().quarantined, 0);
  for (const ArtifactRecord& record : records) {
    EXPECT_TRUE(fs::exists(Object(record)));
    EXPECT_TRUE(fs::exists(ObjectRecord(record)));
  }
  // What the message advises helps.
  env_.Stop();
  fs::rename(places().database(), dir_.path() / "aside");
  ASSERT_TRUE(env_.Start().ok());
  EXPECT_EQ(report().adopted, 8);
  EXPECT_EQ(Disagreement(env_), "");
}

TEST_F(RecoveryTest, FewFilesWithoutRowsAreSettled) {
  std::vector<ArtifactRecord> records;
  for (int i = 0; i < 5; ++i) {
    records.push_back(env_.MustPublish(i));
    ForgetRow(records.back());
  }
  env_.Restart();
  EXPECT_EQ(report().adopted, 5);
}

TEST_F(RecoveryTest, ManySmallFilesWithoutRowsAreSettled) {
  ASSERT_TRUE(
      env_.Publish("big", SidecarLike(100, 1'000'000), KeyOf(100)).ok());
  for (int i = 0; i < 8; ++i) {
    ForgetRow(env_.MustPublish(i));
  }
  env_.Restart();
  EXPECT_EQ(report().adopted, 8);
}

}  // namespace
}  // namespace bottled
