// ArtifactWriter: writes a file once, front to back, and knows its SHA-256 and
// CRC-32 at the end. Private to pack/.
//
// Hashing runs in a thread of its own beside checksum and write, because either
// alone takes about as long as the other two.

#ifndef BOTTLED_PACK_ARTIFACT_WRITER_H_
#define BOTTLED_PACK_ARTIFACT_WRITER_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "base/mutex.h"
#include "image/digest.h"

namespace bottled {

// Not thread-safe, but for its own thread.
class ArtifactWriter {
 public:
  // `fd` is not owned and at its start.
  explicit ArtifactWriter(int fd);
  ~ArtifactWriter();
  ArtifactWriter(const ArtifactWriter&) = delete;
  ArtifactWriter& operator=(const ArtifactWriter&) = delete;

  // Takes the bytes over; a megabyte or so at a time is best.
  absl::Status Write(std::string data);
  // The same for data whose CRC-32 is known: that of its very bytes.
  absl::Status Write(std::string data, uint32_t crc32);

  // The buffer of an earlier Write(), with its old size and content, to save
  // allocations; else an empty one.
  std::string TakeBuffer();

  // Of everything written so far.
  uint32_t crc32() const { return crc32_; }
  int64_t size() const { return size_; }

  // Ends the hashing; call once, after the last Write().
  Digest Finish();

 private:
  void Hash();

  const int fd_;
  uint32_t crc32_ = 0;
  int64_t size_ = 0;
  // The medium was asked to take what lies before this.
  int64_t writing_back_ = 0;

  Mutex mu_;
  CondVar changed_;
  std::deque<std::shared_ptr<std::string>> queue_ ABSL_GUARDED_BY(mu_);
  // Hashed; Write() has done its part by the time of the next TakeBuffer().
  std::vector<std::shared_ptr<std::string>> hashed_ ABSL_GUARDED_BY(mu_);
  bool finished_ ABSL_GUARDED_BY(mu_) = false;
  Sha256 hasher_;  // the thread's until it is joined
  std::thread thread_;
};

}  // namespace bottled

#endif  // BOTTLED_PACK_ARTIFACT_WRITER_H_
