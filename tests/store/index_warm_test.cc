#include <vector>

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "platform/temp_dir.h"
#include "store/index.h"
#include "store/store_env.h"

namespace bottled {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::KeyOf;
using testing::RecordOf;
using testing::StoreEnv;

WarmTarget TargetOf(const std::string& id, int64_t created_ms) {
  return {.id = id,
          .kind = WarmKind::kBuild,
          .name = "/src/" + id,
          .spec = "{\"build\":\"" + id + "\"}",
          .created_ms = created_ms};
}

class WarmTargetRows : public ::testing::Test {
 protected:
  WarmTargetRows() : env_(dir_.path()) {
    const absl::Status status = env_.Start();
    EXPECT_TRUE(status.ok()) << status;
  }
  Index& index() { return env_.index(); }
  WarmTarget Add(const WarmTarget& target) {
    const auto added = index().AddWarmTarget(target);
    EXPECT_TRUE(added.ok()) << added.status();
    return added.value_or(WarmTarget());
  }
  std::vector<WarmTarget> List() {
    const auto targets = index().ListWarmTargets();
    EXPECT_TRUE(targets.ok()) << targets.status();
    return targets.value_or(std::vector<WarmTarget>());
  }
  ArtifactRecord Put(bool warmed) {
    ArtifactRecord record = RecordOf("content", KeyOf(1));
    record.warmed = warmed;
    EXPECT_TRUE(index().InsertArtifact(record, "", 1).ok());
    return record;
  }
  bool Warmed(const Digest& digest) {
    const auto found = index().FindByDigest(digest);
    EXPECT_TRUE(found.ok() && found->has_value());
    return found.ok() && found->has_value() && (*found)->warmed;
  }

  TempDir dir_;
  StoreEnv env_;
};

TEST_F(WarmTargetRows, AreKeptOldestFirst) {
  const WarmTarget young = TargetOf("b", 20);
  WarmTarget old = TargetOf("a", 10);
  old.kind = WarmKind::kAgent;
  EXPECT_EQ(Add(young), young);
  EXPECT_EQ(Add(old), old);
  EXPECT_THAT(List(), ElementsAre(old, young));
}

TEST_F(WarmTargetRows, SurviveARestart) {
  const WarmTarget target = TargetOf("a", 10);
  Add(target);
  env_.Restart();
  EXPECT_THAT(List(), ElementsAre(target));
}

TEST_F(WarmTargetRows, AddingTheSameAgainResumesIt) {
  WarmTarget target = TargetOf("a", 10);
  Add(target);
  target.paused = "nobody asks";
  target.artifact = KeyOf(7);
  target.warmed_count = 5;
  target.unused_count = 3;
  target.checked_ms = 30;
  target.warmed_ms = 29;
  target.failure_json = "{}";
  target.failure_count = 2;
  const auto updated = index().UpdateWarmTarget(target);
  ASSERT_TRUE(updated.ok() && *updated);
  EXPECT_THAT(List(), ElementsAre(target));

  WarmTarget again = TargetOf("a", 40);
  again.name = "/src/other";
  again.spec = "{}";
  target.name = again.name;
  target.spec = again.spec;
  target.paused.clear();
  target.unused_count = 0;
  target.failure_json.clear();
  target.failure_count = 0;
  EXPECT_EQ(Add(again), target);
  EXPECT_THAT(List(), ElementsAre(target));
}

TEST_F(WarmTargetRows, GoOnce) {
  const WarmTarget target = TargetOf("a", 10);
  Add(target);
  const auto removed = index().RemoveWarmTarget("a");
  EXPECT_TRUE(removed.ok() && *removed);
  const auto again = index().RemoveWarmTarget("a");
  EXPECT_TRUE(again.ok() && !*again);
  const auto updated = index().UpdateWarmTarget(target);
  EXPECT_TRUE(updated.ok() && !*updated);
  EXPECT_THAT(List(), IsEmpty());
}

TEST_F(WarmTargetRows, AWarmedArtifactIsAskedForOnce) {
  const ArtifactRecord record = Put(true);
  EXPECT_TRUE(Warmed(record.digest));
  // Within the minute in which other hits are not written.
  ASSERT_TRUE(index().Touch(record.digest, "", record.last_used_ms + 1).ok());
  EXPECT_FALSE(Warmed(record.digest));
  // Made again by warming, it stays one that somebody wanted.
  Put(true);
  EXPECT_FALSE(Warmed(record.digest));
}

TEST_F(WarmTargetRows, WarmedIsForgottenWhenSomebodyMakesIt) {
  const ArtifactRecord record = Put(true);
  Put(false);
  EXPECT_FALSE(Warmed(record.digest));
}

}  // namespace
}  // namespace bottled
