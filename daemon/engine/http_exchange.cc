#include "engine/http_exchange.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "base/error.h"
#include "base/status_macros.h"
#include "engine/curl_handle.h"
#include "engine/errors.h"

namespace bottled {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// libcurl takes at most this; a local socket gives less per read anyway.
constexpr long kMaxCurlBuffer = 512 << 10;
constexpr size_t kMaxFields = 100;
constexpr size_t kMaxFieldBytes = 8 << 10;

class CurlExchange final : public HttpExchange {
 public:
  CurlExchange(EngineEndpoint endpoint, std::unique_ptr<CurlHandle> handle,
               CurlMulti multi, size_t block_bytes)
      : endpoint_(std::move(endpoint)),
        handle_(std::move(handle)),
        multi_(std::move(multi)),
        block_(std::max<size_t>(block_bytes, CURL_MAX_WRITE_SIZE)) {}

  ~CurlExchange() override {
    // Before the handles go: this closes a connection in use.
    curl_multi_remove_handle(multi_.get(), handle_->get());
  }

  absl::Status Attach(const Options& options) {
    CURL* easy = handle_->get();
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, options.method);
    if (std::string_view(options.method) == "HEAD") {
      curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    } else if (options.body.has_value()) {
      curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                       static_cast<curl_off_t>(options.body->size()));
      if (curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS,
                           options.body->data()) != CURLE_OK) {
        return absl::ResourceExhaustedError("libcurl ran out of memory");
      }
    }
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &OnHeader);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, this);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &OnBody);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, this);
    curl_easy_setopt(
        easy, CURLOPT_BUFFERSIZE,
        std::min(static_cast<long>(block_.size()), kMaxCurlBuffer));
    if (curl_multi_add_handle(multi_.get(), easy) != CURLM_OK) {
      return absl::InternalError("libcurl refuses the transfer");
    }
    return absl::OkStatus();
  }

  absl::StatusOr<HttpHead> ReadHead(milliseconds timeout,
                                    const CancelToken& cancel) override {
    const Deadline deadline = steady_clock::now() + timeout;
    while (true) {
      RETURN_IF_ERROR(cancel.Check());
      RETURN_IF_ERROR(Perform());
      if (head_complete_) {
        return head_;
      }
      if (done_) {
        return handle_->ConnectError(result_ == CURLE_OK ? CURLE_GOT_NOTHING
                                                         : result_);
      }
      if (!Wait(deadline, cancel)) {
        return EngineTimeout(endpoint_, timeout);
      }
    }
  }

  absl::StatusOr<std::string_view> ReadBlock(
      milliseconds silence, const CancelToken& cancel) override {
    const Deadline deadline = steady_clock::now() + silence;
    if (handed_out_) {
      handed_out_ = false;
      used_ = 0;
    }
    RETURN_IF_ERROR(cancel.Check());
    if (paused_) {
      paused_ = false;
      // Delivers what libcurl kept back, before it returns.
      curl_easy_pause(handle_->get(), CURLPAUSE_CONT);
    }
    while (true) {
      const size_t before = used_;
      RETURN_IF_ERROR(Perform());
      // A block is worth handing out when it is full or the socket is dry.
      if (used_ > 0 && (used_ == before || paused_ || done_)) {
        handed_out_ = true;
        return std::string_view(block_.data(), used_);
      }
      if (used_ > 0) {
        continue;
      }
      if (done_) {
        if (result_ == CURLE_OK) {
          return std::string_view();
        }
        return EngineStreamBroken(endpoint_, handle_->Explain(result_));
      }
      RETURN_IF_ERROR(cancel.Check());
      if (!Wait(deadline, cancel)) {
        return EngineStalled(endpoint_, silence);
      }
    }
  }

 private:
  static size_t OnHeader(char* data, size_t, size_t size, void* self) {
    static_cast<CurlExchange*>(self)->TakeHeader(std::string_view(data, size));
    return size;
  }

  void TakeHeader(std::string_view line) {
    // After the head only trailers can come.
    if (head_complete_) {
      return;
    }
    while (line.ends_with('\n') || line.ends_with('\r')) {
      line.remove_suffix(1);
    }
    if (line.empty()) {
      curl_easy_getinfo(handle_->get(), CURLINFO_RESPONSE_CODE, &head_.status);
      // 100 Continue and its like are not the answer yet.
      head_complete_ = head_.status >= 200;
      if (!head_complete_) {
        head_.fields.clear();
      }
      return;
    }
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos || line.size() > kMaxFieldBytes ||
        head_.fields.size() >= kMaxFields) {
      return;
    }
    std::string name(line.substr(0, colon));
    absl::AsciiStrToLower(&name);
    std::string_view value = line.substr(colon + 1);
    while (value.starts_with(' ') || value.starts_with('\t')) {
      value.remove_prefix(1);
    }
    head_.fields[name] = value;
  }

  static size_t OnBody(char* data, size_t, size_t size, void* self) {
    auto* exchange = static_cast<CurlExchange*>(self);
    std::vector<char>& block = exchange->block_;
    if (size > block.size() - exchange->used_) {
      if (exchange->used_ > 0) {
        exchange->paused_ = true;
        return CURL_WRITEFUNC_PAUSE;
      }
      block.resize(size);
    }
    std::memcpy(block.data() + exchange->used_, data, size);
    exchange->used_ += size;
    return size;
  }

  absl::Status Perform() {
    if (done_) {
      return absl::OkStatus();
    }
    int running = 0;
    if (curl_multi_perform(multi_.get(), &running) != CURLM_OK) {
      return absl::InternalError("libcurl failed");
    }
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
      if (message->msg == CURLMSG_DONE) {
        done_ = true;
        result_ = message->data.result;
      }
    }
    return absl::OkStatus();
  }

  // Until something may have happened; false when the deadline has passed.
  bool Wait(Deadline deadline, const CancelToken& cancel) {
    const auto left =
        std::chrono::ceil<milliseconds>(deadline - steady_clock::now());
    if (left.count() <= 0) {
      return false;
    }
    curl_waitfd extra = {cancel.fd(), CURL_WAIT_POLLIN, 0};
    const int timeout =
        static_cast<int>(std::min<int64_t>(left.count(), int64_t{60'000}));
    curl_multi_poll(multi_.get(), &extra, cancel.fd() >= 0 ? 1 : 0, timeout,
                    nullptr);
    return true;
  }

  const EngineEndpoint endpoint_;
  const std::unique_ptr<CurlHandle> handle_;
  const CurlMulti multi_;

  HttpHead head_;
  bool head_complete_ = false;
  // block_[0, used_) is what the body gave since the last block.
  std::vector<char> block_;
  size_t used_ = 0;
  bool handed_out_ = false;
  bool paused_ = false;
  bool done_ = false;
  CURLcode result_ = CURLE_OK;
};

}  // namespace

std::string HttpHead::Field(const std::string& name) const {
  const auto it = fields.find(name);
  return it == fields.end() ? std::string() : it->second;
}

bool HttpHead::Framed() const {
  return fields.contains("content-length") ||
         Field("transfer-encoding").find("chunked") != std::string::npos;
}

absl::StatusOr<std::unique_ptr<HttpExchange>> HttpExchange::Start(
    const EngineEndpoint& endpoint, const std::string& target,
    const Options& options) {
  ASSIGN_OR_RETURN(std::unique_ptr<CurlHandle> handle,
                   CurlHandle::Create(endpoint, target, options.connect_timeout,
                                      options.fields));
  CurlMulti multi(curl_multi_init());
  if (multi == nullptr) {
    return absl::InternalError("libcurl gives no handle");
  }
  auto exchange = std::make_unique<CurlExchange>(
      endpoint, std::move(handle), std::move(multi), options.block_bytes);
  RETURN_IF_ERROR(exchange->Attach(options));
  return exchange;
}

absl::StatusOr<std::string> ReadBody(HttpExchange& exchange,
                                     const EngineEndpoint& endpoint,
                                     size_t max_bytes, milliseconds timeout,
                                     const CancelToken& cancel) {
  const auto deadline = steady_clock::now() + timeout;
  std::string body;
  while (true) {
    const auto left =
        std::chrono::ceil<milliseconds>(deadline - steady_clock::now());
    absl::StatusOr<std::string_view> block =
        exchange.ReadBlock(std::max(left, milliseconds(0)), cancel);
    if (!block.ok()) {
      if (HasReason(block.status(), kEngineStalled)) {
        return EngineTimeout(endpoint, timeout);
      }
      if (HasReason(block.status(), kEngineStreamBroken)) {
        return EngineUnreachable(endpoint, "the answer was broken off");
      }
      return block.status();
    }
    if (block->empty()) {
      return body;
    }
    if (block->size() > max_bytes - body.size()) {
      return EngineError(endpoint, 0, "its answer is far too large");
    }
    body += *block;
    // A server that trickles never runs into the silence limit.
    if (left.count() <= 0) {
      return EngineTimeout(endpoint, timeout);
    }
  }
}

}  // namespace bottled
