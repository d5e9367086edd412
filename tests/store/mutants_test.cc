// Whatever becomes of the database's files, a daemon starts and serves what is
// true, or refuses in a way that a person can act on, and every time the same.
#include <stdlib.h>

#include <cstdio>
#include <filesystem>
#include <map>
#include <random>
#include <set>
#include <string>

#include "base/error.h"
#include "base/sanitized.h"
#include "base/seed.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "store/errors.h"
#include "store/repair.h"
#include "store/store_env.h"

namespace bottled {
namespace {

namespace fs = std::filesystem;
using testing::Disagreement;
using testing::KeyOf;
using testing::Names;
using testing::RawSql;
using testing::ReadAll;
using testing::StoreEnv;
using testing::Tree;
using testing::WriteAllTo;

constexpr int kKeys = 6;
constexpr int kMutants = Turns(500);
constexpr int kParts = 4;
constexpr size_t kPage = 4096;

// Files by their paths below a directory.
using Snapshot = std::map<std::string, std::string>;

Snapshot Take(const fs::path& dir) {
  Snapshot files;
  for (const std::string& name : Tree(dir)) {
    files[name] = ReadAll(dir / name);
  }
  return files;
}

void PutBack(const fs::path& dir, const Snapshot& files) {
  for (const auto& [name, bytes] : files) {
    if (!fs::exists(dir / name)) {
      fs::create_directories((dir / name).parent_path());
      WriteAllTo(dir / name, bytes);
      fs::permissions(dir / name, fs::perms::owner_read);
    }
  }
}

// In memory where there is such a directory: nothing here is about fsync.
struct MemoryDir {
  MemoryDir() {
    std::string name = fs::is_directory("/dev/shm") ? "/dev/shm" : "/tmp";
    name += "/bottled-XXXXXX";
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    path = name;
  }
  ~MemoryDir() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  fs::path path;
};

class MutantsTest : public ::testing::Test {
 protected:
  MutantsTest() : env_(dir_.path) {
    const absl::Status status = env_.Start();
    EXPECT_TRUE(status.ok()) << status;
    for (int i = 0; i < kKeys; ++i) {
      if (i == kKeys / 2) {
        EXPECT_TRUE(env_.index()
                        .BackUp(env_.places().backups(), env_.clock().NowMs())
                        .ok());
      }
      env_.MustPublish(i);
    }
    // As a killed daemon leaves it, with a log that was not yet worked in.
    // Reading drops SQLite's locks, which nobody else wants here.
    state_ = Take(env_.places().state_dir);
    state_.erase("LOCK");
    objects_ = Take(env_.places().objects());
    env_.Stop();
    closed_ = ReadAll(env_.places().database());
  }

  size_t Below(size_t end) { return random_() % end; }

  // One more way to be damaged.
  void Mutate(int kind, Snapshot& files) {
    std::string& db = files["bottled.db"];
    std::string& wal = files["bottled.db-wal"];
    switch (kind) {
      case 0:  // the log is lost
        files.erase("bottled.db-wal");
        break;
      case 1:  // the log is cut, or written over
        wal.resize(Below(wal.size()));
        break;
      case 2:
        for (int i = 0; i < 4; ++i) {
          wal[Below(wal.size())] ^= static_cast<char>(1 << Below(8));
        }
        break;
      case 3:  // the database is cut
        Close(files);
        db.resize(Below(db.size()));
        break;
      case 4: {  // a page of zeros
        Close(files);
        const size_t page = Below(db.size() / kPage);
        db.replace(page * kPage, kPage, std::string(kPage, '\0'));
        break;
      }
      case 5: {  // a page that belongs elsewhere
        Close(files);
        const size_t from = Below(db.size() / kPage);
        const size_t to = Below(db.size() / kPage);
        db.replace(to * kPage, kPage, db.substr(from * kPage, kPage));
        break;
      }
      case 6:  // another program's bytes
        Close(files);
        db = std::string(1 + Below(3 * kPage), static_cast<char>(Below(256)));
        break;
      default:  // bits
        Close(files);
        for (size_t i = 0; i < 1 + Below(8); ++i) {
          db[Below(db.size())] ^= static_cast<char>(1 << Below(8));
        }
    }
  }

  void Close(Snapshot& files) {
    files["bottled.db"] = closed_;
    files.erase("bottled.db-wal");
  }

  // The state directory as it is given; everything in obj/.
  void Install(const Snapshot& files) {
    for (const std::string& name : Names(env_.places().state_dir)) {
      if (name != "LOCK") {
        fs::remove_all(env_.places().state_dir / name);
      }
    }
    for (const auto& [name, bytes] : files) {
      const fs::path path = env_.places().state_dir / name;
      fs::create_directories(path.parent_path());
      fs::permissions(path.parent_path(), fs::perms::owner_all);
      WriteAllTo(path, bytes);
    }
    fs::remove_all(env_.places().quarantine());
    PutBack(env_.places().objects(), objects_);
  }

  int Served() {
    int served = 0;
    for (int i = 0; i < kKeys; ++i) {
      const auto hit = env_.objects().Lookup(KeyOf(i));
      served += hit.ok() && hit->has_value() ? 1 : 0;
    }
    return served;
  }

  const unsigned seed_ = TestSeed();
  std::mt19937 random_{seed_};
  const MemoryDir dir_;
  StoreEnv env_;
  Snapshot state_;
  Snapshot objects_;
  std::string closed_;
};

// In parts, none of which takes long.
class ManyMutantsTest : public MutantsTest,
                        public ::testing::WithParamInterface<int> {};

INSTANTIATE_TEST_SUITE_P(Parts, ManyMutantsTest, ::testing::Range(0, kParts));

TEST_P(ManyMutantsTest, StartWithTheSameKeysOrRefuse) {
  SCOPED_TRACE(seed_);
  std::map<std::string, int> outcomes;
  for (int round = 0; round < kMutants; ++round) {
    SCOPED_TRACE(round);
    Snapshot files = state_;
    const bool with_backup = round % 2 == 0;
    Mutate(round / 2 % 12, files);
    if (!with_backup) {
      std::erase_if(files, [](const auto& file) {
        return file.first.starts_with("backup/");
      });
    }
    Install(files);
    env_.clock().Advance(1000);
    absl::Status status = env_.Start();
    if (HasReason(status, kIndexCorrupt)) {
      // quick_check does not see all. It was not closed, so the next start
      // looks at everything.
      ++outcomes["mended by the second start"];
      env_.Stop();
      status = env_.Start();
    }
    if (!status.ok()) {
      const std::string reason = GetErrorDetail(status).reason;
      ++outcomes[reason];
      // Those that a person decides about; everything else is rebuilt.
      ASSERT_TRUE(reason == kIndexForeign || reason == kIndexTooNew) << status;
      env_.Stop();
      EXPECT_EQ(GetErrorDetail(env_.Start()).reason, reason);
      env_.Stop();
      continue;
    }
    const RecoveryReport report = env_.report();
    if (report.without_row > 0) {
      // A page that passes for another's can leave a table without its rows.
      // That many files are for a person to decide about.
      ++outcomes["left alone"];
      ASSERT_TRUE(
          Repair(env_.places(), env_.index(), env_.objects(), [](int64_t) {
            return absl::OkStatus();
          }).ok());
      ASSERT_EQ(Served(), kKeys);
    }
    ASSERT_EQ(Disagreement(env_), "");
    if (report.index_rebuilt) {
      ++outcomes[report.backup_ms != 0 ? "from a copy" : "from the records"];
      ASSERT_EQ(report.backup_ms != 0, with_backup);
      ASSERT_EQ(Served(), kKeys);
    } else {
      // SQLite has no sums over its rows: a changed one may be another key,
      // or one that is made again.
      ++outcomes["as it was"];
      ASSERT_LE(Served(), kKeys);
    }
    env_.Stop();
    if (round % 8 < 2) {
      // What it made of it is sound.
      ASSERT_TRUE(env_.Start().ok());
      ASSERT_FALSE(env_.report().index_rebuilt);
      env_.Stop();
    }
  }
  for (const char* outcome : {"from a copy", "from the records", "as it was"}) {
    EXPECT_GT(outcomes[outcome], kMutants / 20) << outcome;
  }
  std::string all;
  for (const auto& [outcome, count] : outcomes) {
    all += " " + outcome + ": " + std::to_string(count) + ",";
  }
  printf("%d mutants:%s\n", kMutants, all.c_str());
}

TEST_F(MutantsTest, AnotherProgramsDatabaseIsLeftAsItIs) {
  Snapshot files;
  Install(files);
  RawSql(env_.places().database(),
         "CREATE TABLE t(x); INSERT INTO t VALUES(1)");
  const std::string before = ReadAll(env_.places().database());
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(GetErrorDetail(env_.Start()).reason, kIndexForeign);
    env_.Stop();
    EXPECT_EQ(ReadAll(env_.places().database()), before);
  }
}

TEST_F(MutantsTest, ALaterReleasesDatabaseIsRefused) {
  Snapshot files;
  Close(files);
  Install(files);
  RawSql(env_.places().database(), "PRAGMA user_version=999");
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(GetErrorDetail(env_.Start()).reason, kIndexTooNew);
    env_.Stop();
  }
}

}  // namespace
}  // namespace bottled
