// Index::Open(), and what a failing disk does to an open index.
#include <signal.h>
#include <sys/resource.h>

#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "platform/in_child.h"
#include "platform/temp_dir.h"
#include "store/errors.h"
#include "store/store_env.h"

namespace bottled {
namespace {

using testing::KeyOf;
using testing::RawSql;
using testing::RecordOf;
using testing::StoreEnv;

TEST(IndexOpen, RefusesWhatANewerReleaseWrote) {
  const TempDir dir;
  StoreEnv env(dir.path());
  ASSERT_TRUE(env.Start().ok());
  env.MustPublish(1);
  env.Stop();
  RawSql(env.places().database(), "PRAGMA user_version=77");
  const absl::Status status = env.Start();
  EXPECT_TRUE(HasReason(status, kIndexTooNew)) << status;
  env.Stop();
  // Nothing was moved away or changed.
  RawSql(env.places().database(), "PRAGMA user_version=1");
  ASSERT_TRUE(env.Start().ok());
  EXPECT_EQ(env.index().Totals()->count, 1);
}

TEST(IndexOpen, RefusesAForeignDatabase) {
  const TempDir dir;
  StoreEnv env(dir.path());
  std::filesystem::create_directory(env.places().state_dir);
  RawSql(env.places().database(), "CREATE TABLE theirs(a)");
  EXPECT_TRUE(HasReason(env.Start(), kIndexForeign));
  env.Stop();
  RawSql(env.places().database(), "INSERT INTO theirs VALUES(1)");
}

TEST(IndexOpen, ATableThatIsMissingIsDamage) {
  const TempDir dir;
  StoreEnv env(dir.path());
  ASSERT_TRUE(env.Start().ok());
  const Digest digest = env.MustPublish(1).digest;
  env.Stop();
  RawSql(env.places().database(), "DROP TABLE archive");
  ASSERT_TRUE(env.Start().ok());
  EXPECT_TRUE(env.report().index_rebuilt);
  EXPECT_EQ(env.index().FindByKey(KeyOf(1))->value().digest, digest);
}

TEST(IndexOpen, ANewIndexIsToBeRebuiltUntilRecoveryHasRun) {
  const TempDir dir;
  const Places places = testing::PlacesIn(dir.path());
  std::filesystem::create_directory(places.state_dir);
  auto lock = InstanceLock::Acquire(places.lock(), "test");
  ASSERT_TRUE(lock.ok());
  auto index = Index::Open(places.database(), *lock);
  ASSERT_TRUE(index.ok()) << index.status();
  EXPECT_TRUE(*(*index)->RebuildPending());
  ASSERT_TRUE((*index)->SetRebuilt().ok());
  EXPECT_FALSE(*(*index)->RebuildPending());
}

// RLIMIT_FSIZE makes every write beyond it fail with EFBIG: to SQLite, an I/O
// error like any other.
TEST(IndexOpen, AfterAnIoErrorItTakesNoWritesButReads) {
  const TempDir dir;
  const std::string problem = RunInChild([&]() -> std::string {
    StoreEnv env(dir.path());
    if (!env.Start().ok()) {
      return "no start";
    }
    env.MustPublish(1);
    ::signal(SIGXFSZ, SIG_IGN);
    rlimit limit = {};
    ::getrlimit(RLIMIT_FSIZE, &limit);
    const rlim_t before = limit.rlim_cur;
    limit.rlim_cur = 4096;
    ::setrlimit(RLIMIT_FSIZE, &limit);
    const absl::Status first =
        env.index().InsertArtifact(RecordOf("x", KeyOf(2)), "", 1);
    limit.rlim_cur = before;
    ::setrlimit(RLIMIT_FSIZE, &limit);
    if (!HasReason(first, "IO_ERROR")) {
      return "first: " + first.ToString();
    }
    const absl::Status second =
        env.index().InsertArtifact(RecordOf("y", KeyOf(3)), "", 1);
    if (!HasReason(second, kIndexDegraded)) {
      return "second: " + second.ToString();
    }
    const auto found = env.objects().Lookup(KeyOf(1));
    if (!found.ok() || !found->has_value()) {
      return "no hit: " + found.status().ToString();
    }
    if (env.index().FindByKey(KeyOf(2))->has_value()) {
      return "half a write";
    }
    // A restart is the way out.
    env.Stop();
    if (const absl::Status status = env.Start(); !status.ok()) {
      return "restart: " + status.ToString();
    }
    env.MustPublish(4);
    return testing::Disagreement(env);
  });
  EXPECT_EQ(problem, "");
}

}  // namespace
}  // namespace bottled
