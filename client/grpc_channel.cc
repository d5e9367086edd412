#include "client/grpc_channel.h"

#include <fcntl.h>
#include <nghttp2/nghttp2.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>
#include <vector>

#include "base/error.h"
#include "client/errors.h"
#include "fmt/format.h"

namespace bottled::client {
namespace {

constexpr size_t kReadBytes = size_t{64} << 10;
constexpr size_t kMaxOutBytes = size_t{256} << 10;
// For error trailers; gRPC servers keep theirs below what a peer announces.
constexpr uint32_t kMaxHeaderBytes = 64 << 10;
constexpr std::string_view kErrorTrailer = "bottled-error-bin";

#ifdef MSG_NOSIGNAL
constexpr int kSendFlags = MSG_NOSIGNAL;
#else
// main() ignores SIGPIPE.
constexpr int kSendFlags = 0;
#endif

nghttp2_nv Header(std::string_view name, std::string_view value) {
  // nghttp2 takes pointers to non-const, copies and does not write.
  const auto pointer = [](std::string_view text) {
    return reinterpret_cast<uint8_t*>(const_cast<char*>(text.data()));
  };
  return {pointer(name), pointer(value), name.size(), value.size(),
          NGHTTP2_NV_FLAG_NONE};
}

// "HTTP2 transport mapping: error codes" of the protocol text.
absl::StatusCode CodeOfReset(uint32_t error_code) {
  switch (error_code) {
    case NGHTTP2_REFUSED_STREAM:
      return absl::StatusCode::kUnavailable;
    case NGHTTP2_CANCEL:
      return absl::StatusCode::kCancelled;
    case NGHTTP2_ENHANCE_YOUR_CALM:
      return absl::StatusCode::kResourceExhausted;
    case NGHTTP2_INADEQUATE_SECURITY:
      return absl::StatusCode::kPermissionDenied;
    default:
      return absl::StatusCode::kInternal;
  }
}

int PollTimeout(TimePoint until) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(
      until - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<int64_t>(left.count(), 0, 3'600'000));
}

std::string SystemErrorText(int errnum) {
  return std::error_code(errnum, std::generic_category()).message();
}

}  // namespace

struct GrpcChannel::Callbacks {
  static GrpcChannel& Self(void* user) {
    return *static_cast<GrpcChannel*>(user);
  }

  static ssize_t OnRead(nghttp2_session*, int32_t stream_id, uint8_t* buffer,
                        size_t length, uint32_t* flags, nghttp2_data_source*,
                        void* user) {
    GrpcCall* const call = Self(user).Find(stream_id);
    if (call == nullptr) {
      return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    const size_t count = std::min(length, call->unsent_bytes());
    if (count == 0 && !call->send_closed_) {
      call->deferred_ = true;
      return NGHTTP2_ERR_DEFERRED;
    }
    std::memcpy(buffer, call->pending_.data() + call->pending_offset_, count);
    call->pending_offset_ += count;
    if (call->unsent_bytes() == 0) {
      call->pending_.clear();
      call->pending_offset_ = 0;
      if (call->send_closed_) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
      }
    }
    return static_cast<ssize_t>(count);
  }

  static int OnHeader(nghttp2_session*, const nghttp2_frame* frame,
                      const uint8_t* name_data, size_t name_size,
                      const uint8_t* value_data, size_t value_size, uint8_t,
                      void* user) {
    GrpcCall* const call = Self(user).Find(frame->hd.stream_id);
    if (call == nullptr) {
      return 0;
    }
    const std::string_view name(reinterpret_cast<const char*>(name_data),
                                name_size);
    const std::string_view value(reinterpret_cast<const char*>(value_data),
                                 value_size);
    if (name == ":status") {
      call->http_status_ = value;
    } else if (name == "grpc-status") {
      call->grpc_status_ = value;
    } else if (name == "grpc-message") {
      call->grpc_message_ = PercentDecode(value);
    } else if (name == kErrorTrailer) {
      call->error_trailer_ = Base64Decode(value).value_or("");
    }
    return 0;
  }

  static int OnData(nghttp2_session*, uint8_t, int32_t stream_id,
                    const uint8_t* data, size_t size, void* user) {
    GrpcCall* const call = Self(user).Find(stream_id);
    if (call != nullptr) {
      absl::Status status =
          call->assembler_.Add({reinterpret_cast<const char*>(data), size});
      if (!status.ok()) {
        Self(user).Reset(*call, NGHTTP2_CANCEL, std::move(status));
      }
    }
    return 0;
  }

  static int OnFrame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    const bool ends =
        (frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS) &&
        (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    GrpcCall* const call =
        ends ? Self(user).Find(frame->hd.stream_id) : nullptr;
    if (call != nullptr) {
      // The server is done, whether or not we have said everything.
      Self(user).FinishByTrailers(*call);
    }
    return 0;
  }

  static int OnClose(nghttp2_session*, int32_t stream_id, uint32_t error_code,
                     void* user) {
    GrpcCall* const call = Self(user).Find(stream_id);
    if (call == nullptr) {
      return 0;
    }
    Self(user).Finish(
        *call, absl::Status(CodeOfReset(error_code),
                            fmt::format("the daemon ended the call: {}",
                                        nghttp2_http2_strerror(error_code))));
    return 0;
  }
};

absl::StatusOr<std::unique_ptr<GrpcChannel>> GrpcChannel::Create(Fd socket) {
  const int flags = ::fcntl(socket.get(), F_GETFL);
  if (flags < 0 || ::fcntl(socket.get(), F_SETFL, flags | O_NONBLOCK) != 0) {
    return ErrnoError(errno, "prepare the daemon's socket");
  }
  std::unique_ptr<GrpcChannel> channel(new GrpcChannel(std::move(socket)));
  nghttp2_session_callbacks* callbacks = nullptr;
  if (nghttp2_session_callbacks_new(&callbacks) != 0) {
    return ErrnoError(ENOMEM, "HTTP/2");
  }
  nghttp2_session_callbacks_set_on_header_callback(callbacks,
                                                   Callbacks::OnHeader);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks,
                                                            Callbacks::OnData);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks,
                                                       Callbacks::OnFrame);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks,
                                                         Callbacks::OnClose);
  const int made =
      nghttp2_session_client_new(&channel->session_, callbacks, channel.get());
  nghttp2_session_callbacks_del(callbacks);
  const std::array<nghttp2_settings_entry, 2> settings = {
      {{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
       {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, kMaxHeaderBytes}}};
  if (made != 0 ||
      nghttp2_submit_settings(channel->session_, NGHTTP2_FLAG_NONE,
                              settings.data(), settings.size()) != 0) {
    return ErrnoError(ENOMEM, "HTTP/2");
  }
  return channel;
}

GrpcChannel::~GrpcChannel() {
  Fail("closed");
  nghttp2_session_del(session_);
}

GrpcCall* GrpcChannel::Find(int32_t stream_id) const {
  const auto it = calls_.find(stream_id);
  return it == calls_.end() ? nullptr : it->second;
}

std::unique_ptr<GrpcCall> GrpcChannel::Start(
    std::string path, std::optional<std::chrono::milliseconds> timeout) {
  std::unique_ptr<GrpcCall> call(new GrpcCall());
  call->path_ = std::move(path);
  call->channel_ = this;
  if (!status_.ok()) {
    Finish(*call, status_);
    return call;
  }
  std::vector<nghttp2_nv> headers = {
      Header(":method", "POST"),
      Header(":scheme", "http"),
      Header(":path", call->path_),
      Header(":authority", "localhost"),
      Header("te", "trailers"),
      Header("user-agent", "bottlectl"),
      Header("content-type", "application/grpc")};
  std::string timeout_text;
  if (timeout.has_value()) {
    call->deadline_ = std::chrono::steady_clock::now() + *timeout;
    // At most eight digits.
    timeout_text = fmt::format(
        "{}m", std::clamp<int64_t>(timeout->count(), 1, 99'999'999));
    headers.push_back(Header("grpc-timeout", timeout_text));
  }
  nghttp2_data_provider provider = {};
  provider.read_callback = Callbacks::OnRead;
  const int32_t id = nghttp2_submit_request(session_, nullptr, headers.data(),
                                            headers.size(), &provider, nullptr);
  if (id < 0) {
    Finish(*call, ConnectionLost(nghttp2_strerror(id)));
    return call;
  }
  call->stream_id_ = id;
  calls_[id] = call.get();
  return call;
}

void GrpcChannel::Resume(GrpcCall& call) {
  if (std::exchange(call.deferred_, false)) {
    nghttp2_session_resume_data(session_, call.stream_id_);
  }
}

void GrpcChannel::Finish(GrpcCall& call, absl::Status status) {
  calls_.erase(call.stream_id_);
  call.channel_ = nullptr;
  call.done_ = true;
  call.status_ = std::move(status);
}

void GrpcChannel::Reset(GrpcCall& call, uint32_t error_code,
                        absl::Status status) {
  if (call.stream_id_ >= 0) {
    nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, call.stream_id_,
                              error_code);
  }
  Finish(call, std::move(status));
}

void GrpcChannel::Cancel(GrpcCall& call) {
  Reset(call, NGHTTP2_CANCEL, CancelledError());
}

void GrpcChannel::FinishByTrailers(GrpcCall& call) {
  absl::Status status;
  if (call.grpc_status_.has_value()) {
    const absl::StatusCode code = ParseStatusCode(*call.grpc_status_);
    status = absl::Status(code, call.grpc_message_);
    if (status.ok() && call.assembler_.InMessage()) {
      status = BadAnswer(call.path_, "it ends within a message");
    }
  } else {
    status = BadAnswer(call.path_, fmt::format("HTTP status {} without a gRPC "
                                               "status",
                                               call.http_status_));
  }
  if (nghttp2_session_get_stream_local_close(session_, call.stream_id_) == 0) {
    // With an error of "none": all that is left is what we did not send.
    return Reset(call, NGHTTP2_NO_ERROR, std::move(status));
  }
  Finish(call, std::move(status));
}

void GrpcChannel::Fail(std::string_view why) {
  if (status_.ok()) {
    status_ = ConnectionLost(why);
  }
  socket_.Reset();
  while (!calls_.empty()) {
    Finish(*calls_.begin()->second, status_);
  }
}

void GrpcChannel::Flush() {
  while (status_.ok()) {
    // Frames are small; one system call takes many of them.
    while (out_.size() < kMaxOutBytes) {
      const uint8_t* data = nullptr;
      const ssize_t size = nghttp2_session_mem_send(session_, &data);
      if (size < 0) {
        return Fail(nghttp2_strerror(static_cast<int>(size)));
      }
      if (size == 0) {
        break;
      }
      out_.append(reinterpret_cast<const char*>(data),
                  static_cast<size_t>(size));
    }
    if (out_.empty()) {
      return;
    }
    const ssize_t sent =
        ::send(socket_.get(), out_.data(), out_.size(), kSendFlags);
    if (sent < 0 && errno == EINTR) {
      continue;
    }
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      return;
    }
    if (sent < 0) {
      const int error = errno;
      // What the server said before it left is worth more than this error.
      Receive();
      return Fail(SystemErrorText(error));
    }
    out_.erase(0, static_cast<size_t>(sent));
  }
}

void GrpcChannel::Receive() {
  std::array<uint8_t, kReadBytes> buffer;
  const ssize_t size =
      ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (size == 0) {
    return Fail("the daemon closed it");
  }
  if (size < 0) {
    const int error = errno;
    if (error != EAGAIN && error != EWOULDBLOCK && error != EINTR) {
      Fail(SystemErrorText(error));
    }
    return;
  }
  const ssize_t taken = nghttp2_session_mem_recv(session_, buffer.data(),
                                                 static_cast<size_t>(size));
  if (taken < 0) {
    return Fail(nghttp2_strerror(static_cast<int>(taken)));
  }
}

void GrpcChannel::ExpireCalls() {
  const TimePoint now = std::chrono::steady_clock::now();
  for (auto it = calls_.begin(); it != calls_.end();) {
    GrpcCall& call = *it->second;
    ++it;
    if (call.deadline_.has_value() && *call.deadline_ <= now) {
      Reset(call, NGHTTP2_CANCEL, CallTimeout(call.path_));
    }
  }
}

void GrpcChannel::Poll(std::span<pollfd> others, TimePoint until) {
  Flush();
  for (const auto& [id, call] : calls_) {
    until = std::min(until, call->deadline_.value_or(until));
  }
  // -1 once the connection has ended, which poll() skips.
  std::vector<pollfd> all = {
      {.fd = socket_.get(),
       .events = static_cast<short>(out_.empty() ? POLLIN : POLLIN | POLLOUT),
       .revents = 0}};
  all.insert(all.end(), others.begin(), others.end());
  const int ready =
      ::poll(all.data(), static_cast<nfds_t>(all.size()), PollTimeout(until));
  for (size_t i = 0; i < others.size(); ++i) {
    others[i].revents = ready > 0 ? all[i + 1].revents : short{0};
  }
  if (ready > 0 && (all[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
    Receive();
  }
  ExpireCalls();
  // What was received may have to be answered: pings, windows, resets.
  Flush();
  if (status_.ok() && nghttp2_session_want_read(session_) == 0 &&
      nghttp2_session_want_write(session_) == 0) {
    Fail("the daemon shuts down");
  }
}

}  // namespace bottled::client
