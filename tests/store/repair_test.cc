#include "store/repair.h"

#include <filesystem>
#include <string>
#include <thread>

#include "base/cancel.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "platform/temp_dir.h"
#include "store/errors.h"
#include "store/store_env.h"

namespace bottled {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using testing::Disagreement;
using ::testing::Field;
using ::testing::IsEmpty;
using testing::KeyOf;
using testing::Names;
using testing::ReadAll;
using ::testing::SizeIs;
using testing::StoreEnv;
using testing::WriteAllTo;
using Kind = RepairAction::Kind;

absl::Status GoOn(int64_t /*bytes*/) { return absl::OkStatus(); }

class RepairTest : public ::testing::Test {
 protected:
  RepairTest() : env_(dir_.path()) {
    const absl::Status status = env_.Start();
    EXPECT_TRUE(status.ok()) << status;
  }
  std::vector<RepairAction> MustRepair() {
    auto actions = Repair(env_.places(), env_.index(), env_.objects(), GoOn);
    EXPECT_TRUE(actions.ok()) << actions.status();
    return actions.ok() ? *std::move(actions) : std::vector<RepairAction>();
  }
  // The row goes, and the files stay.
  void Orphan(const ArtifactRecord& record) {
    ASSERT_TRUE(env_.index().DeleteArtifact(record.digest, "REMOVED", 1).ok());
  }
  void Flip(const ArtifactRecord& record) {
    const fs::path path = env_.objects().Path(record);
    const auto time = fs::last_write_time(path);
    std::string bytes = ReadAll(path);
    bytes[100] = static_cast<char>(bytes[100] ^ 1);
    testing::Overwrite(path, bytes);
    fs::last_write_time(path, time);
  }
  static auto Did(Kind kind, const std::string& subject) {
    return ::testing::AllOf(Field(&RepairAction::kind, kind),
                            Field(&RepairAction::subject, subject));
  }

  const TempDir dir_;
  StoreEnv env_;
};

TEST_F(RepairTest, ASoundCacheNeedsNone) {
  env_.MustPublish(1);
  EXPECT_THAT(MustRepair(), IsEmpty());
}

TEST_F(RepairTest, EveryDisagreementIsSettledAndTold) {
  const ArtifactRecord sound = env_.MustPublish(1);
  const ArtifactRecord orphan = env_.MustPublish(2);
  const ArtifactRecord rotten_orphan = env_.MustPublish(3);
  const ArtifactRecord lost = env_.MustPublish(4);
  const ArtifactRecord changed = env_.MustPublish(5);
  const ArtifactRecord no_record = env_.MustPublish(6);
  Orphan(orphan);
  Orphan(rotten_orphan);
  Flip(rotten_orphan);
  Orphan(no_record);
  fs::remove(env_.places().object_record(no_record.digest.hex()));
  fs::remove(env_.objects().Path(lost));
  testing::Overwrite(env_.objects().Path(changed), "x");
  const fs::path planted = env_.objects().Path(sound).parent_path() / "planted";
  WriteAllTo(planted, "?");
  const auto actions = MustRepair();
  EXPECT_THAT(actions, Contains(Did(Kind::kAdopted, orphan.digest.ToString())));
  for (const ArtifactRecord& bad : {rotten_orphan, changed, no_record}) {
    EXPECT_THAT(actions,
                Contains(Did(Kind::kQuarantined, bad.digest.ToString())));
  }
  EXPECT_THAT(actions, Contains(Did(Kind::kQuarantined, planted.native())));
  EXPECT_THAT(actions,
              Contains(Did(Kind::kRowRemoved, lost.digest.ToString())));
  EXPECT_THAT(
      actions,
      Contains(Did(Kind::kRecordRemoved,
                   env_.places().object_record(lost.digest.hex()).native())));
  EXPECT_THAT(actions, SizeIs(7));
  EXPECT_EQ(Disagreement(env_), "");
  EXPECT_TRUE(env_.objects().Lookup(KeyOf(1))->has_value());
  EXPECT_TRUE(env_.objects().Lookup(KeyOf(2))->has_value());
  EXPECT_THAT(MustRepair(), IsEmpty()) << "once is enough";
}

// At start, more than 5 files and a tenth of the bytes are left alone.
TEST_F(RepairTest, ManyFilesWithoutRowsAreTakenInAndServeTheSameKeys) {
  for (int i = 0; i < 30; ++i) {
    const ArtifactRecord record = env_.MustPublish(i);
    if (i > 0) {
      Orphan(record);
    }
  }
  env_.Restart();
  EXPECT_EQ(env_.report().without_row, 29);
  EXPECT_THAT(MustRepair(), SizeIs(29));
  EXPECT_EQ(Disagreement(env_), "");
  for (int i = 0; i < 30; ++i) {
    EXPECT_TRUE(env_.objects().Lookup(KeyOf(i))->has_value()) << i;
  }
}

TEST_F(RepairTest, ACancelStopsIt) {
  Orphan(env_.MustPublish(1));
  CancelSource cancel;
  cancel.Cancel();
  const auto actions = Repair(env_.places(), env_.index(), env_.objects(),
                              [&](int64_t) { return cancel.token().Check(); });
  EXPECT_EQ(actions.status().code(), absl::StatusCode::kCancelled);
  EXPECT_THAT(MustRepair(), SizeIs(1));
}

// While others publish and remove: nothing that is served goes, and nothing
// that was removed comes back for long.
TEST_F(RepairTest, GoesBesideEverythingElse) {
  std::thread worker([this] {
    for (int i = 100; i < 160; ++i) {
      const ArtifactRecord record = env_.MustPublish(i);
      if (i % 2 == 0) {
        EXPECT_TRUE(env_.objects().Remove(record).ok());
      }
    }
  });
  for (int round = 0; round < 20; ++round) {
    for (const RepairAction& action : MustRepair()) {
      EXPECT_NE(action.kind, Kind::kQuarantined) << action.subject;
    }
  }
  worker.join();
  MustRepair();
  for (int i = 101; i < 160; i += 2) {
    EXPECT_TRUE(env_.objects().Lookup(KeyOf(i))->has_value()) << i;
  }
}

}  // namespace
}  // namespace bottled
