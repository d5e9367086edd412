// Every schema that was ever released becomes today's, although the process
// dies or the disk is full at any call of it (reliability.md, test 29).
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <string>

#include "base/error.h"
#include "fault/trace.h"
#include "fault/workload.h"
#include "fmt/format.h"
#include "gtest/gtest.h"
#include "platform/temp_dir.h"
#include "store/errors.h"
#include "store/schema.h"
#include "store/sqlite.h"
#include "store/store_env.h"

namespace bottled::testing {
namespace {

namespace fs = std::filesystem;

// A row of the first schema, which all later ones must keep.
constexpr char kOldRow[] =
    "INSERT INTO reference(name, key, updated_ms) VALUES('old', 'k', 1)";

// The database as a release with the first `count` migrations leaves it.
void MakeFixture(const Places& places, size_t count) {
  if (count == 0) {
    return;  // a first start
  }
  fs::create_directories(places.state_dir);
  fs::permissions(places.state_dir, fs::perms::owner_all);
  auto db = Database::Open(places.database());
  ASSERT_TRUE(db.ok()) << db.status();
  const absl::Status made = Migrate(*db, Migrations().first(count));
  ASSERT_TRUE(made.ok()) << made;
  ASSERT_TRUE(db->Execute(kOldRow).ok());
}

// Why the store does not open with the old row in today's schema, or "".
std::string NotMigrated(const fs::path& root, size_t count) {
  StoreEnv env(root);
  if (const absl::Status status = env.Start(); !status.ok()) {
    return status.ToString();
  }
  if (env.report().index_rebuilt) {
    return "it was rebuilt instead";
  }
  const auto why = count == 0 ? absl::StatusOr<std::string>("INPUT_CHANGED")
                              : env.index().MissReason(KeyOf(9), "old");
  if (!why.ok() || *why != "INPUT_CHANGED") {
    return "the old row is gone";
  }
  env.MustPublish(1);
  const std::string wrong = Disagreement(env);
  env.Stop();
  auto db = Database::Open(env.places().database());
  if (!db.ok()) {
    return db.status().ToString();
  }
  auto version = Statement::Prepare(*db, "PRAGMA user_version");
  Statement::Use use(*version);
  if (!use.Step().ok() ||
      use.Int(0) != static_cast<int64_t>(Migrations().size())) {
    return "it has another version";
  }
  return wrong;
}

// Calls `at_call` with the number of each call that opening makes.
absl::Status OpenWatched(const fs::path& root,
                         const std::function<int(int)>& at_call) {
  Recorder recorder(nullptr, root.native());
  int calls = 0;
  recorder.set_fail([&](FaultCall& call) {
    return call.op == FaultOp::kStat ? 0 : at_call(++calls);
  });
  const Observed observed(recorder);
  StoreEnv env(root);
  return env.Start();
}

TEST(MigrationFaults, KilledAtEveryCall) {
  int kills = 0;
  for (size_t count = 0; count <= Migrations().size(); ++count) {
    for (int call = 1;; ++call) {
      const TempDir dir;
      MakeFixture(PlacesIn(dir.path()), count);
      const int status = InChildProcess([&] {
        const absl::Status opened = OpenWatched(dir.path(), [&](int at) {
          return at == call ? ::kill(::getpid(), SIGKILL) : 0;
        });
        return opened.ok() ? 0 : 1;
      });
      ASSERT_EQ(NotMigrated(dir.path(), count), "")
          << "schema " << count << ", call " << call;
      if (WIFEXITED(status)) {
        ASSERT_EQ(WEXITSTATUS(status), 0);
        break;
      }
      ++kills;
    }
  }
  std::printf("%zu schemas, %d kills\n", Migrations().size(), kills);
}

TEST(MigrationFaults, NoSpaceAtEveryCall) {
  int failures = 0;
  int refusals = 0;
  for (size_t count = 0; count <= Migrations().size(); ++count) {
    bool reached = true;
    for (int call = 1; reached; ++call) {
      const TempDir dir;
      MakeFixture(PlacesIn(dir.path()), count);
      reached = false;
      const absl::Status opened = OpenWatched(dir.path(), [&](int at) {
        reached |= at >= call;
        return at >= call ? ENOSPC : 0;
      });
      failures += reached ? 1 : 0;
      if (!opened.ok()) {
        ++refusals;
        EXPECT_TRUE(HasReason(opened, "NO_SPACE"))
            << "schema " << count << ", call " << call << ": " << opened;
      }
      ASSERT_EQ(NotMigrated(dir.path(), count), "")
          << "schema " << count << ", call " << call;
    }
  }
  std::printf("%zu schemas, %d failures, %d refused to start\n",
              Migrations().size(), failures, refusals);
}

TEST(MigrationFaults, ANewerSchemaIsRefusedAndLeftAlone) {
  for (size_t count = 0; count < Migrations().size(); ++count) {
    const TempDir dir;
    const Places places = PlacesIn(dir.path());
    MakeFixture(places, Migrations().size());
    {
      auto db = Database::Open(places.database());
      ASSERT_TRUE(db.ok());
      const absl::Status opened = Migrate(*db, Migrations().first(count));
      EXPECT_TRUE(HasReason(opened, kIndexTooNew)) << opened;
    }
    EXPECT_EQ(NotMigrated(dir.path(), Migrations().size()), "");
  }
}

}  // namespace
}  // namespace bottled::testing
