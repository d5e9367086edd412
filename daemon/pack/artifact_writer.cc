#include "pack/artifact_writer.h"

#include <utility>

#include "base/status_macros.h"
#include "pack/frame_file.h"
#include "platform/file.h"
#include "platform/file_hints.h"

namespace bottled {
namespace {

// Chunks that may wait for the hash.
constexpr size_t kMaxQueued = 8;

// So much is left to the system before it is asked to begin writing. Otherwise
// the whole artifact waits for the fsync at its end.
constexpr int64_t kWritebackBytes = int64_t{16} << 20;

}  // namespace

ArtifactWriter::ArtifactWriter(int fd) : fd_(fd), thread_([this] { Hash(); }) {}

ArtifactWriter::~ArtifactWriter() {
  if (thread_.joinable()) {
    Finish();
  }
}

absl::Status ArtifactWriter::Write(std::string data) {
  const uint32_t crc = Crc32(data);
  return Write(std::move(data), crc);
}

absl::Status ArtifactWriter::Write(std::string data, uint32_t crc32) {
  const auto chunk = std::make_shared<std::string>(std::move(data));
  {
    MutexLock lock(mu_);
    while (queue_.size() >= kMaxQueued) {
      changed_.Wait(mu_);
    }
    queue_.push_back(chunk);
    changed_.NotifyAll();
  }
  crc32_ = JoinCrc32(crc32_, crc32, chunk->size());
  size_ += static_cast<int64_t>(chunk->size());
  RETURN_IF_ERROR(WriteAll(fd_, *chunk));
  if (size_ - writing_back_ >= kWritebackBytes) {
    StartWriteback(fd_, writing_back_, size_ - writing_back_);
    writing_back_ = size_;
  }
  return absl::OkStatus();
}

std::string ArtifactWriter::TakeBuffer() {
  MutexLock lock(mu_);
  if (hashed_.empty()) {
    return {};
  }
  std::string buffer = std::move(*hashed_.back());
  hashed_.pop_back();
  return buffer;
}

Digest ArtifactWriter::Finish() {
  {
    MutexLock lock(mu_);
    finished_ = true;
    changed_.NotifyAll();
  }
  thread_.join();
  return hasher_.Finish();
}

void ArtifactWriter::Hash() {
  while (true) {
    std::shared_ptr<std::string> chunk;
    {
      MutexLock lock(mu_);
      while (queue_.empty() && !finished_) {
        changed_.Wait(mu_);
      }
      if (queue_.empty()) {
        return;
      }
      chunk = std::move(queue_.front());
      queue_.pop_front();
      changed_.NotifyAll();
    }
    hasher_.Update(*chunk);
    MutexLock lock(mu_);
    hashed_.push_back(std::move(chunk));
  }
}

}  // namespace bottled
