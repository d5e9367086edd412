// Uploads: archives that a caller sends while the job that wants them runs.
//
// An upload is a bounded channel: the rpc side writes what arrives, the job
// reads it as a ByteSource. Nothing is stored, and a slow job slows the sender.

#ifndef BOTTLED_JOBS_UPLOAD_H_
#define BOTTLED_JOBS_UPLOAD_H_

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "base/cancel.h"
#include "base/mutex.h"
#include "image/byte_source.h"
#include "jobs/upload_channel.h"

namespace bottled {

// The writing side of one upload. Thread-compatible; one writer. Destroying it
// without Close() tells the job that the sender vanished.
class UploadWriter {
 public:
  explicit UploadWriter(std::shared_ptr<UploadChannel> channel)
      : channel_(std::move(channel)) {}
  ~UploadWriter() { channel_->EndSending(/*complete=*/false); }
  UploadWriter(const UploadWriter&) = delete;
  UploadWriter& operator=(const UploadWriter&) = delete;

  // Blocks while the channel is full. False when the job takes no more (it
  // ended or failed): not an error of the sender's, the job's end says why.
  // CANCELLED by the token.
  absl::StatusOr<bool> Write(std::string_view data, const CancelToken& cancel) {
    return channel_->Push(data, cancel);
  }
  // The sender's clean end.
  void Close() { channel_->EndSending(/*complete=*/true); }

 private:
  const std::shared_ptr<UploadChannel> channel_;
};

// The reading side, for the job. Its destruction makes the writer stop.
class UploadReader {
 public:
  explicit UploadReader(std::shared_ptr<UploadChannel> channel)
      : channel_(std::move(channel)) {}
  ~UploadReader() { channel_->EndReading(); }
  UploadReader(const UploadReader&) = delete;
  UploadReader& operator=(const UploadReader&) = delete;

  // The upload as a source; ends cleanly only after UploadWriter::Close(). A
  // sender that vanishes, or does not come in time, is reason UPLOAD_BROKEN.
  // Call once; the source must not outlive the reader.
  std::unique_ptr<ByteSource> Open(CancelToken cancel);

 private:
  const std::shared_ptr<UploadChannel> channel_;
};

// Thread-safe.
class Uploads {
 public:
  // Most uploads at a time that nobody has begun to send.
  static constexpr int kMaxWaiting = 256;

  struct Upload {
    std::string id;
    // While it lives the upload can be taken.
    std::shared_ptr<UploadReader> reader;
  };
  // The sender must come within `timeout`. Reason TOO_MANY_UPLOADS.
  absl::StatusOr<Upload> Create(std::chrono::milliseconds timeout);

  // The writing side, once. Reason UPLOAD_NOT_FOUND when it is unknown, was
  // taken, or its reader is gone.
  absl::StatusOr<std::unique_ptr<UploadWriter>> Take(const std::string& id);

 private:
  Mutex mu_;
  // Kept alive by their readers.
  std::map<std::string, std::weak_ptr<UploadChannel>> waiting_
      ABSL_GUARDED_BY(mu_);
};

}  // namespace bottled

#endif  // BOTTLED_JOBS_UPLOAD_H_
