#include "client/upload.h"

#include <unistd.h>

#include <cerrno>
#include <optional>
#include <utility>

#include "bottled/v1/bottled.pb.h"
#include "client/errors.h"
#include "client/stub.h"

namespace bottled::client {
namespace {

// The contract allows 1 MiB in a message.
constexpr size_t kPieceBytes = size_t{512} << 10;
constexpr size_t kMaxQueuedBytes = size_t{1} << 20;

}  // namespace

Upload::Upload(GrpcChannel& channel, std::string upload_id, int fd)
    : upload_id_(std::move(upload_id)),
      fd_(fd),
      call_(StartCall(channel, "UploadArchive", std::nullopt)) {
  // At once, even before there is a byte: an upload that does not begin is
  // given up by the daemon.
  v1::UploadArchiveRequest first;
  first.set_upload_id(upload_id_);
  call_->Send(first.SerializeAsString());
}

int Upload::fd() const {
  return at_end_ || done() || call_->unsent_bytes() >= kMaxQueuedBytes ? -1
                                                                       : fd_;
}

absl::Status Upload::OnReadable() {
  buffer_.resize(kPieceBytes);
  const ssize_t size = ::read(fd_, buffer_.data(), buffer_.size());
  if (size < 0) {
    const int error = errno;
    if (error == EINTR || error == EAGAIN) {
      return absl::OkStatus();
    }
    call_->Cancel();
    return ReadFailed(error, "standard input");
  }
  if (size == 0) {
    at_end_ = true;
    call_->CloseSend();
    return absl::OkStatus();
  }
  v1::UploadArchiveRequest request;
  request.set_data(buffer_.data(), static_cast<size_t>(size));
  call_->Send(request.SerializeAsString());
  return absl::OkStatus();
}

}  // namespace bottled::client
