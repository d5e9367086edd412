// What the tests of jobs/ share: a store in a temporary directory, archives
// made in memory, and sources that misbehave.

#ifndef BOTTLED_TESTS_JOBS_TOOLS_H_
#define BOTTLED_TESTS_JOBS_TOOLS_H_

#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "image/byte_source.h"
#include "jobs/job.h"
#include "platform/instance_lock.h"
#include "platform/places.h"
#include "store/index.h"

namespace bottled::testing {

// A directory that goes with its contents.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// A real index on a real disk.
class TestIndex {
 public:
  TestIndex();

  const Places& places() const { return places_; }
  Index& operator*() { return *index_; }
  Index* operator->() { return index_.get(); }

 private:
  TempDir dir_;
  Places places_;
  std::unique_ptr<InstanceLock> lock_;
  std::unique_ptr<Index> index_;
};

// A clock that stands still until it is set.
class TestClock : public Clock {
 public:
  int64_t NowMs() const override { return now_ms_; }
  std::chrono::steady_clock::time_point Steady() const override {
    return std::chrono::steady_clock::time_point(
        std::chrono::milliseconds(now_ms_ - jumped_ms_));
  }
  void Advance(std::chrono::milliseconds by) { now_ms_ += by.count(); }
  // The time of day alone is set, or the machine slept.
  void Jump(std::chrono::milliseconds by) {
    jumped_ms_ += by.count();
    now_ms_ += by.count();
  }

 private:
  std::atomic<int64_t> now_ms_ = 1'700'000'000'000;
  std::atomic<int64_t> jumped_ms_ = 0;
};

// Waits until `done`; false after a minute, which only a hanging test sees.
bool WaitUntil(const std::function<bool()>& done);

// Waits for a job's end and returns how it was.
JobSnapshot WaitForEnd(const Job& job);

// A file or, with a trailing slash in its name, a directory of a layer.
struct TestFile {
  std::string path;
  std::string content;
};

// One layer's tar.
std::string MakeLayer(const std::vector<TestFile>& files);

// A layer that holds one named pipe.
std::string MakeFifoLayer(const std::string& path);

struct TestImage {
  std::vector<std::string> layers;  // tars
  std::string architecture;         // empty = the host's
  std::string tag = "demo:1";
  // A layer that is named, but not there.
  bool omit_last_layer = false;
};

// The image's config blob.
std::string MakeConfig(const TestImage& image);

// What `docker save` of 25 and later writes for it, as far as readers care.
std::string MakeArchive(const TestImage& image);

// An image of one layer with one file of `content`.
std::string MakeSmallArchive(const std::string& content);

// Gives `bytes` in blocks of `block`.
class MemorySource : public ByteSource {
 public:
  explicit MemorySource(std::string bytes, size_t block = 4096)
      : bytes_(std::move(bytes)), block_(block) {}
  absl::StatusOr<std::string_view> Next() override;

 private:
  const std::string bytes_;
  const size_t block_;
  size_t offset_ = 0;
};

// Gives `bytes`, then blocks until its token is cancelled.
class BlockingSource : public ByteSource {
 public:
  BlockingSource(std::string bytes, CancelToken cancel)
      : bytes_(std::move(bytes)), cancel_(std::move(cancel)) {}
  absl::StatusOr<std::string_view> Next() override;

 private:
  const std::string bytes_;
  const CancelToken cancel_;
  bool given_ = false;
};

// Blocks until the token is cancelled; returns its error.
absl::Status BlockUntilCancelled(const CancelToken& cancel);

// Names below `dir`, for "nothing is left".
std::vector<std::string> NamesIn(const std::filesystem::path& dir);

}  // namespace bottled::testing

#endif  // BOTTLED_TESTS_JOBS_TOOLS_H_
