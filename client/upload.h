// Upload: sends a descriptor's bytes to a job with UploadArchive, piece by
// piece, as fast as the job takes them.
//
// Not thread-safe; never blocks but for the read of a descriptor that poll()
// called readable.

#ifndef BOTTLED_CLIENT_UPLOAD_H_
#define BOTTLED_CLIENT_UPLOAD_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "client/grpc_channel.h"

namespace bottled::client {

class Upload {
 public:
  // Starts the call. `fd` is not taken over.
  Upload(GrpcChannel& channel, std::string upload_id, int fd);

  // The descriptor to wait for: -1 while enough is queued, or at the end.
  int fd() const;

  // Reads once and queues it. READ_FAILED cancels the call, so that half an
  // archive never looks like a whole one.
  absl::Status OnReadable();

  // The daemon has taken all, or wants no more.
  bool done() const { return call_->done(); }

 private:
  const std::string upload_id_;
  const int fd_;
  std::unique_ptr<GrpcCall> call_;
  bool at_end_ = false;
  std::string buffer_;
};

}  // namespace bottled::client

#endif  // BOTTLED_CLIENT_UPLOAD_H_
