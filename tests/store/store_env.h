// StoreEnv: a state and a cache directory with everything of the store open on
// them, and what tests do to them.

#ifndef BOTTLED_TESTS_STORE_STORE_ENV_H_
#define BOTTLED_TESTS_STORE_STORE_ENV_H_

#include <atomic>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "platform/instance_lock.h"
#include "platform/places.h"
#include "store/index.h"
#include "store/objects.h"
#include "store/recovery.h"

namespace bottled::testing {

class FakeClock : public Clock {
 public:
  int64_t NowMs() const override { return now_ms_; }
  std::chrono::steady_clock::time_point Steady() const override {
    return std::chrono::steady_clock::time_point(
        std::chrono::milliseconds(now_ms_));
  }
  void Advance(int64_t ms) { now_ms_ += ms; }

 private:
  std::atomic<int64_t> now_ms_ = 1'800'000'000'000;
};

// Below `root`: state/ and cache/.
Places PlacesIn(const std::filesystem::path& root);

class StoreEnv {
 public:
  explicit StoreEnv(const std::filesystem::path& root);
  explicit StoreEnv(Places places);
  ~StoreEnv();

  // As the daemon starts: lock, index, objects, recovery. Before the call
  // nothing is open, so a child process may have used the directories.
  absl::Status Start();
  void Stop();
  // Stop() and Start(); ends the process's test when it fails.
  void Restart();

  Index& index() { return *index_; }
  Objects& objects() { return *objects_; }
  FakeClock& clock() { return clock_; }
  const Places& places() const { return places_; }
  const InstanceLock& lock() const { return *lock_; }
  const RecoveryReport& report() const { return report_; }
  // What the second part of recovery said in the last Start().
  const absl::Status& settled() const { return settled_; }

  // A running job with a stage that holds `content` as the file "out"; the
  // record says what is true of it.
  struct Staged {
    std::string job_id;
    std::filesystem::path file;
    ArtifactRecord record;
  };
  absl::StatusOr<Staged> Stage(const std::string& job_id,
                               const std::string& content, const Digest& key);
  // Stage(), publish, remove the stage.
  absl::StatusOr<ArtifactRecord> Publish(const std::string& job_id,
                                         const std::string& content,
                                         const Digest& key);
  // Publish() under a fresh job id, with a content made of `seed`.
  ArtifactRecord MustPublish(int seed);

 private:
  const Places places_;
  FakeClock clock_;
  std::optional<InstanceLock> lock_;
  std::unique_ptr<Index> index_;
  std::unique_ptr<Objects> objects_;
  RecoveryReport report_;
  absl::Status settled_;
  std::atomic<int> jobs_ = 0;
};

// Bytes that end like a sidecar.
std::string SidecarLike(int seed, size_t size = 5000);

// A key of its own for every seed.
Digest KeyOf(int seed);

ArtifactRecord RecordOf(const std::string& content, const Digest& key);

std::string ReadAll(const std::filesystem::path& path);
void WriteAllTo(const std::filesystem::path& path, const std::string& content);
// Removes write protection first.
void Overwrite(const std::filesystem::path& path, const std::string& content);
std::vector<std::string> Names(const std::filesystem::path& dir);
// All regular files below a directory, relative, sorted.
std::vector<std::string> Tree(const std::filesystem::path& dir);

// Runs SQL as another program would, while nobody has the database open.
void RawSql(const std::filesystem::path& path, const char* sql);

// Why rows and files disagree, or "": every row has a good object and a record
// that decodes, every file in obj/ has a row, stage/ and trash/ are empty.
std::string Disagreement(StoreEnv& env);

}  // namespace bottled::testing

#endif  // BOTTLED_TESTS_STORE_STORE_ENV_H_
