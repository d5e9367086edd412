#include "pack/frame_pool.h"

#include <zstd.h>

#include <chrono>
#include <memory>
#include <utility>

#include "base/status_macros.h"
#include "pack/errors.h"
#include "platform/file.h"

namespace bottled {
namespace {

// How long a wait may overlook a cancellation.
constexpr auto kCancelPoll = std::chrono::milliseconds(25);

// One worker's zstd context and output buffer, reused for all its blocks.
class Compressor {
 public:
  explicit Compressor(int level) : context_(ZSTD_createCCtx()) {
    if (context_ != nullptr) {
      ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, level);
      ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_checksumFlag, 1);
      ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_contentSizeFlag, 1);
    }
  }

  // The frame of `data`, valid until the next call.
  absl::StatusOr<std::string_view> Compress(std::string_view data) {
    if (context_ == nullptr) {
      return CompressionError("no memory for a context");
    }
    const size_t bound = ZSTD_compressBound(data.size());
    if (bound > capacity_) {
      output_ = std::make_unique_for_overwrite<char[]>(bound);
      capacity_ = bound;
    }
    const size_t size = ZSTD_compress2(context_.get(), output_.get(), capacity_,
                                       data.data(), data.size());
    if (ZSTD_isError(size) != 0) {
      return CompressionError(ZSTD_getErrorName(size));
    }
    return std::string_view(output_.get(), size);
  }

 private:
  struct Free {
    void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  };

  std::unique_ptr<ZSTD_CCtx, Free> context_;
  std::unique_ptr<char[]> output_;
  size_t capacity_ = 0;
};

}  // namespace

FramePool::FramePool(const Options& options) : options_(options) {
  for (int i = 0; i < options_.threads; ++i) {
    workers_.emplace_back([this] { Work(); });
  }
}

FramePool::~FramePool() {
  {
    MutexLock lock(mu_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  for (std::thread& worker : workers_) {
    worker.join();
  }
}

absl::StatusOr<int> FramePool::Submit(std::string block,
                                      const CancelToken& cancel) {
  MutexLock lock(mu_);
  while (error_.ok() &&
         queue_.size() >= static_cast<size_t>(options_.max_queued)) {
    RETURN_IF_ERROR(cancel.Check());
    changed_.WaitFor(mu_, kCancelPoll);
  }
  RETURN_IF_ERROR(error_);
  RETURN_IF_ERROR(cancel.Check());
  const int number = static_cast<int>(frames_.size());
  frames_.emplace_back();
  queue_.push_back({number, std::move(block)});
  changed_.NotifyAll();
  return number;
}

int FramePool::Adopt(const Frame& kept) {
  MutexLock lock(mu_);
  frames_.push_back(kept);
  return static_cast<int>(frames_.size()) - 1;
}

std::string FramePool::TakeBuffer() {
  MutexLock lock(mu_);
  if (buffers_.empty()) {
    return {};
  }
  std::string buffer = std::move(buffers_.back());
  buffers_.pop_back();
  return buffer;
}

absl::Status FramePool::Drain(const CancelToken& cancel) {
  MutexLock lock(mu_);
  while (error_.ok() && (!queue_.empty() || busy_ > 0)) {
    RETURN_IF_ERROR(cancel.Check());
    changed_.WaitFor(mu_, kCancelPoll);
  }
  return error_;
}

Frame FramePool::frame(int number) const {
  MutexLock lock(mu_);
  return frames_[static_cast<size_t>(number)];
}

absl::StatusOr<Frame> FramePool::Await(int number,
                                       const CancelToken& cancel) const {
  MutexLock lock(mu_);
  const auto index = static_cast<size_t>(number);
  while (error_.ok() && frames_[index].size == 0) {
    RETURN_IF_ERROR(cancel.Check());
    changed_.WaitFor(mu_, kCancelPoll);
  }
  RETURN_IF_ERROR(error_);
  return frames_[index];
}

int64_t FramePool::spooled_bytes() const {
  MutexLock lock(mu_);
  return spool_end_;
}

void FramePool::Work() {
  Compressor compressor(options_.level);
  mu_.Lock();
  while (true) {
    while (queue_.empty() && !stopping_) {
      changed_.Wait(mu_);
    }
    if (stopping_) {
      break;
    }
    Block block = std::move(queue_.front());
    queue_.pop_front();
    ++busy_;
    changed_.NotifyAll();
    mu_.Unlock();

    Frame frame;
    frame.raw_size = static_cast<uint32_t>(block.data.size());
    const absl::StatusOr<std::string_view> bytes =
        compressor.Compress(block.data);
    absl::Status status = bytes.status();
    if (status.ok()) {
      frame.size = static_cast<uint32_t>(bytes->size());
      {
        MutexLock lock(mu_);
        frame.offset = spool_end_;
        spool_end_ += frame.size;
      }
      status = PwriteAll(options_.spool_fd, *bytes, frame.offset);
    }

    mu_.Lock();
    --busy_;
    if (status.ok()) {
      frames_[static_cast<size_t>(block.number)] = frame;
    } else if (error_.ok()) {
      error_ = std::move(status);
    }
    if (!error_.ok()) {
      queue_.clear();
    }
    // As many as can be on their way at once; the submitter fills one more.
    if (buffers_.size() < static_cast<size_t>(options_.max_queued) +
                              static_cast<size_t>(options_.threads)) {
      block.data.clear();
      buffers_.push_back(std::move(block.data));
    }
    changed_.NotifyAll();
  }
  mu_.Unlock();
}

}  // namespace bottled
