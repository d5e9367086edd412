// Uploads: archives that a caller sends while the job that wants them runs.
//
// An upload is a pipe: the rpc side writes what arrives, the job reads it as a
// ByteSource. Nothing is stored, and a slow job slows the sender.

#ifndef BOTTLED_JOBS_UPLOAD_H_
#define BOTTLED_JOBS_UPLOAD_H_

#include <chrono>
#include <map>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "base/cancel.h"
#include "base/mutex.h"
#include "image/byte_source.h"
#include "platform/fd.h"

namespace bottled {

// The writing side of one upload. Thread-compatible; one writer.
class UploadWriter {
 public:
  UploadWriter(Fd pipe, CancelToken job_token)
      : pipe_(std::move(pipe)), job_token_(std::move(job_token)) {}

  // Blocks while the pipe is full. False when the job takes no more (it ended
  // or failed): not an error of the sender's, the job's end says why.
  absl::StatusOr<bool> Write(std::string_view data, const CancelToken& cancel);
  // The sender's clean end. Without it the job sees a broken upload.
  void Close();

 private:
  Fd pipe_;
  const CancelToken job_token_;
};

// Thread-safe.
class Uploads {
 public:
  struct Upload {
    std::string id;
    // For the job: ends cleanly only after UploadWriter::Close(). A sender that
    // vanishes, or that does not come within `timeout`, is reason
    // UPLOAD_BROKEN.
    std::unique_ptr<ByteSource> source;
  };
  absl::StatusOr<Upload> Create(CancelToken job_token,
                                std::chrono::milliseconds timeout);

  // The writing side, once. Reason UPLOAD_NOT_FOUND when it is unknown, was
  // taken or expired.
  absl::StatusOr<std::unique_ptr<UploadWriter>> Take(const std::string& id);

  // Forgets an upload that nobody took, so that its reader sees the end.
  void Drop(const std::string& id);

 private:
  Mutex mu_;
  std::map<std::string, std::unique_ptr<UploadWriter>> waiting_
      ABSL_GUARDED_BY(mu_);
};

}  // namespace bottled

#endif  // BOTTLED_JOBS_UPLOAD_H_
