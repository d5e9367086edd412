// ArtifactWriter: writes a file once, front to back, and knows its SHA-256 and
// CRC-32 at the end. Private to pack/.
//
// Hashing runs in a thread of its own beside checksum and write, because either
// alone takes about as long as the other two.

#ifndef BOTTLED_PACK_ARTIFACT_WRITER_H_
#define BOTTLED_PACK_ARTIFACT_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "image/digest.h"
#include "platform/direct_io.h"

namespace bottled {

// Not thread-safe, but for its own thread.
class ArtifactWriter {
 public:
  // `fd` is not owned and at its start. `direct`: past the system's memory, as
  // far as the file system can, until EndDirect().
  ArtifactWriter(int fd, bool direct);
  ~ArtifactWriter();
  ArtifactWriter(const ArtifactWriter&) = delete;
  ArtifactWriter& operator=(const ArtifactWriter&) = delete;

  // Where the next `bytes` are to be put. Invalid after any other call.
  std::span<char> Room(size_t bytes);
  // They are there; `crc32` is theirs. Now and then writes what has gathered.
  absl::Status Commit(size_t bytes, uint32_t crc32);

  absl::Status Write(std::string_view data);

  void EndDirect();

  // Of everything committed so far.
  uint32_t crc32() const { return crc32_; }
  int64_t size() const { return size_; }

  // Writes the rest and ends the hashing; call once, at the end.
  absl::StatusOr<Digest> Finish();

 private:
  struct Chunk {
    DirectBuffer buffer;
    size_t used = 0;
  };

  // Writes the first `bytes` of the chunk; the others begin the next one.
  absl::Status Flush(size_t bytes);
  std::shared_ptr<Chunk> NewChunk(size_t bytes);
  void EndHashing();
  void Hash();

  const int fd_;
  bool direct_;
  uint32_t crc32_ = 0;
  int64_t size_ = 0;
  int64_t written_ = 0;
  // The medium was asked to take what lies before this.
  int64_t writing_back_ = 0;
  std::shared_ptr<Chunk> chunk_;

  Mutex mu_;
  CondVar changed_;
  std::deque<std::shared_ptr<Chunk>> queue_ ABSL_GUARDED_BY(mu_);
  // Hashed, to be used again.
  std::vector<std::shared_ptr<Chunk>> hashed_ ABSL_GUARDED_BY(mu_);
  bool finished_ ABSL_GUARDED_BY(mu_) = false;
  Sha256 hasher_;  // the thread's until it is joined
  std::thread thread_;
};

}  // namespace bottled

#endif  // BOTTLED_PACK_ARTIFACT_WRITER_H_
