#include "client/grpc_call.h"

#include "client/grpc_channel.h"

namespace bottled::client {
namespace {

// What was sent is dropped from the front of the queue in such pieces.
constexpr size_t kCompactBytes = size_t{256} << 10;

}  // namespace

GrpcCall::~GrpcCall() { Cancel(); }

void GrpcCall::Send(std::string_view message) {
  if (done_) {
    return;
  }
  if (pending_offset_ > kCompactBytes) {
    pending_.erase(0, pending_offset_);
    pending_offset_ = 0;
  }
  pending_ += MessagePrefix(message.size());
  pending_ += message;
  channel_->Resume(*this);
}

void GrpcCall::CloseSend() {
  if (!done_) {
    send_closed_ = true;
    channel_->Resume(*this);
  }
}

void GrpcCall::Cancel() {
  if (!done_) {
    channel_->Cancel(*this);
  }
}

}  // namespace bottled::client
