#include "pack/artifact_writer.h"

#include <algorithm>
#include <utility>

#include "base/status_macros.h"
#include "pack/frame_file.h"
#include "platform/file.h"
#include "platform/file_hints.h"

namespace bottled {
namespace {

// Small pieces are gathered to so many bytes before they are written.
constexpr size_t kChunkBytes = size_t{1} << 20;
// Room for the piece that completes them.
constexpr size_t kBufferBytes = size_t{5} << 20;

// Chunks that may wait for the hash.
constexpr size_t kMaxQueued = 8;

// So much is left to the system before it is asked to begin writing. Otherwise
// the whole artifact waits for the fsync at its end.
constexpr int64_t kWritebackBytes = int64_t{16} << 20;

}  // namespace

ArtifactWriter::ArtifactWriter(int fd, bool direct)
    : fd_(fd),
      direct_(direct && SetDirectIo(fd, true)),
      chunk_(std::make_shared<Chunk>()),
      thread_([this] { Hash(); }) {}

ArtifactWriter::~ArtifactWriter() { EndHashing(); }

std::span<char> ArtifactWriter::Room(size_t bytes) {
  if (chunk_->buffer.bytes() - chunk_->used < bytes) {
    std::shared_ptr<Chunk> larger =
        NewChunk(std::max(chunk_->used + bytes, kBufferBytes));
    std::copy_n(chunk_->buffer.data(), chunk_->used, larger->buffer.data());
    larger->used = chunk_->used;
    chunk_ = std::move(larger);
  }
  return {chunk_->buffer.data() + chunk_->used, bytes};
}

absl::Status ArtifactWriter::Commit(size_t bytes, uint32_t crc32) {
  crc32_ = JoinCrc32(crc32_, crc32, bytes);
  size_ += static_cast<int64_t>(bytes);
  chunk_->used += bytes;
  if (chunk_->used < kChunkBytes) {
    return absl::OkStatus();
  }
  return Flush(direct_ ? chunk_->used / kDirectAlignment * kDirectAlignment
                       : chunk_->used);
}

absl::Status ArtifactWriter::Write(std::string_view data) {
  std::copy(data.begin(), data.end(), Room(data.size()).begin());
  return Commit(data.size(), Crc32(data));
}

void ArtifactWriter::EndDirect() {
  if (std::exchange(direct_, false)) {
    SetDirectIo(fd_, false);
  }
}

absl::Status ArtifactWriter::Flush(size_t bytes) {
  if (bytes == 0) {
    return absl::OkStatus();
  }
  const std::shared_ptr<Chunk> full = std::move(chunk_);
  chunk_ = NewChunk(kBufferBytes);
  chunk_->used = full->used - bytes;
  std::copy_n(full->buffer.data() + bytes, chunk_->used, chunk_->buffer.data());
  full->used = bytes;
  {
    MutexLock lock(mu_);
    while (queue_.size() >= kMaxQueued) {
      changed_.Wait(mu_);
    }
    queue_.push_back(full);
    changed_.NotifyAll();
  }
  const std::string_view data(full->buffer.data(), bytes);
  absl::Status status = PwriteAll(fd_, data, written_);
  if (!status.ok() && direct_) {
    // Whatever it was: if it was that, this helps.
    EndDirect();
    status = PwriteAll(fd_, data, written_);
  }
  RETURN_IF_ERROR(status);
  written_ += static_cast<int64_t>(bytes);
  if (!direct_ && written_ - writing_back_ >= kWritebackBytes) {
    StartWriteback(fd_, writing_back_, written_ - writing_back_);
    writing_back_ = written_;
  }
  return absl::OkStatus();
}

std::shared_ptr<ArtifactWriter::Chunk> ArtifactWriter::NewChunk(size_t bytes) {
  {
    MutexLock lock(mu_);
    while (!hashed_.empty()) {
      std::shared_ptr<Chunk> chunk = std::move(hashed_.back());
      hashed_.pop_back();
      if (chunk->buffer.bytes() >= bytes) {
        chunk->used = 0;
        return chunk;
      }
    }
  }
  auto chunk = std::make_shared<Chunk>();
  chunk->buffer = DirectBuffer(bytes);
  return chunk;
}

absl::StatusOr<Digest> ArtifactWriter::Finish() {
  EndDirect();
  RETURN_IF_ERROR(Flush(chunk_->used));
  EndHashing();
  return hasher_.Finish();
}

void ArtifactWriter::EndHashing() {
  if (!thread_.joinable()) {
    return;
  }
  {
    MutexLock lock(mu_);
    finished_ = true;
    changed_.NotifyAll();
  }
  thread_.join();
}

void ArtifactWriter::Hash() {
  while (true) {
    std::shared_ptr<Chunk> chunk;
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
    hasher_.Update({chunk->buffer.data(), chunk->used});
    MutexLock lock(mu_);
    hashed_.push_back(std::move(chunk));
  }
}

}  // namespace bottled
