// How an EngineClient asks: negotiation, and what is tried again.
#include <algorithm>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/client.h"
#include "engine/error_text.h"
#include "engine/errors.h"
#include "engine/save_stream.h"
#include "fmt/format.h"

namespace bottled {
namespace {

using std::chrono::milliseconds;

constexpr size_t kMaxUnaryBody = 8 << 20;
constexpr size_t kMaxErrorBody = 64 << 10;

bool IsConnectionError(const absl::Status& status) {
  return HasReason(status, kEngineUnreachable);
}

// "Docker/29.7.2 (linux)" and "Libpod/4.3.1 (linux)".
void ReadServer(const std::string& field, EngineInfo& info) {
  const size_t slash = field.find('/');
  const std::string product = Printable(field.substr(0, slash), 64);
  if (slash != std::string::npos) {
    const size_t space = field.find(' ', slash);
    info.version = Printable(
        field.substr(slash + 1,
                     space == std::string::npos ? space : space - slash - 1),
        64);
  }
  info.server = info.podman           ? "podman"
                : product == "Docker" ? "dockerd"
                                      : product;
}

}  // namespace

std::optional<EngineInfo> EngineClient::Remembered() {
  const MutexLock lock(mu_);
  return info_;
}

void EngineClient::Remember(std::optional<EngineInfo> info) {
  const MutexLock lock(mu_);
  info_ = std::move(info);
}

absl::StatusOr<EngineReply> EngineClient::AskOnce(
    const std::string& target, HttpExchange::Options exchange,
    milliseconds head_timeout, const CancelToken& cancel) {
  exchange.connect_timeout = options_.unary_timeout;
  EngineReply reply;
  ASSIGN_OR_RETURN(reply.exchange,
                   HttpExchange::Start(endpoint_, target, exchange));
  ASSIGN_OR_RETURN(reply.head, reply.exchange->ReadHead(head_timeout, cancel));
  if (!reply.ok()) {
    ASSIGN_OR_RETURN(const std::string body,
                     ReadBody(*reply.exchange, endpoint_, kMaxErrorBody,
                              options_.unary_timeout, cancel));
    reply.error_text = EngineErrorText(body);
    reply.exchange.reset();
  }
  return reply;
}

absl::StatusOr<EngineInfo> EngineClient::Ping(const CancelToken& cancel) {
  ASSIGN_OR_RETURN(const EngineReply answer,
                   AskOnce("/_ping", {}, options_.unary_timeout, cancel));
  if (!answer.ok()) {
    return EngineError(endpoint_, answer.head.status, answer.error_text);
  }
  const std::optional<ApiVersion> theirs =
      ParseApiVersion(answer.head.Field("api-version"));
  if (!theirs.has_value()) {
    return EngineApiUnsupported(endpoint_,
                                "it does not answer as a Docker engine does");
  }
  if (*theirs < kOldestApi) {
    return EngineApiUnsupported(
        endpoint_, fmt::format("it speaks API {}, at least {} is needed",
                               theirs->ToString(), kOldestApi.ToString()));
  }
  EngineInfo info;
  info.api = std::min(kNewestApi, *theirs);
  info.podman = !answer.head.Field("libpod-api-version").empty();
  ReadServer(answer.head.Field("server"), info);
  return info;
}

absl::StatusOr<EngineInfo> EngineClient::Negotiate(const CancelToken& cancel) {
  if (std::optional<EngineInfo> info = Remembered()) {
    return *std::move(info);
  }
  ASSIGN_OR_RETURN(EngineInfo info, Ping(cancel));
  if (info.api == kNewestApi && !info.podman) {
    // The engine may be so new that it has dropped our version, which the
    // unversioned ping does not tell.
    ASSIGN_OR_RETURN(const EngineReply answer,
                     AskOnce("/v" + info.api.ToString() + "/_ping", {},
                             options_.unary_timeout, cancel));
    const std::optional<VersionRefusal> refusal =
        answer.head.status == 400 ? ParseVersionRefusal(answer.error_text)
                                  : std::nullopt;
    if (refusal.has_value()) {
      if (!refusal->limit.has_value() || *refusal->limit < kOldestApi ||
          *refusal->limit > kHighestApi) {
        return EngineApiUnsupported(endpoint_, answer.error_text);
      }
      info.api = *refusal->limit;
    } else if (!answer.ok()) {
      return EngineError(endpoint_, answer.head.status, answer.error_text);
    }
  }
  Remember(info);
  return info;
}

absl::StatusOr<EngineReply> EngineClient::Ask(
    const MakeTarget& make_target, const HttpExchange::Options& exchange,
    milliseconds head_timeout, const CancelToken& cancel) {
  // Anything else may have been carried out although its answer was lost.
  const bool repeatable = std::string_view(exchange.method) == "GET";
  for (bool last = !repeatable;; last = true) {
    ASSIGN_OR_RETURN(const EngineInfo info, Negotiate(cancel));
    absl::StatusOr<EngineReply> reply =
        AskOnce("/v" + info.api.ToString() + make_target(info), exchange,
                head_timeout, cancel);
    if (!reply.ok()) {
      if (!IsConnectionError(reply.status())) {
        return reply.status();
      }
      // The engine may be restarting, perhaps as another version.
      Remember(std::nullopt);
      if (last) {
        return reply.status();
      }
      continue;
    }
    if (reply->head.status == 400 &&
        ParseVersionRefusal(reply->error_text).has_value()) {
      Remember(std::nullopt);
      if (last) {
        return EngineApiUnsupported(endpoint_, reply->error_text);
      }
      continue;
    }
    reply->info = info;
    return reply;
  }
}

absl::StatusOr<EngineReply> EngineClient::Get(const MakeTarget& make_target,
                                              size_t block_bytes,
                                              milliseconds head_timeout,
                                              const CancelToken& cancel) {
  HttpExchange::Options exchange;
  exchange.block_bytes = block_bytes;
  return Ask(make_target, exchange, head_timeout, cancel);
}

absl::StatusOr<EngineReply> EngineClient::Call(const EngineRequest& request,
                                               const CancelToken& cancel) {
  HttpExchange::Options exchange;
  exchange.method = request.method;
  exchange.block_bytes = request.block_bytes;
  exchange.fields = request.fields;
  exchange.body = request.body;
  if (request.body.has_value()) {
    exchange.fields.emplace_back("Content-Type: application/json");
  } else if (std::string_view(request.method) == "POST") {
    // A proxy may insist on a length (RFC 9110 §8.6 wants one).
    exchange.body = "";
  }
  return Ask([&request](const EngineInfo&) { return request.path; }, exchange,
             request.head_timeout.count() > 0 ? request.head_timeout
                                              : options_.unary_timeout,
             cancel);
}

absl::StatusOr<std::unique_ptr<ByteSource>> EngineClient::StreamReply(
    EngineReply reply, const CancelToken& cancel) {
  if (!reply.ok()) {
    return EngineError(endpoint_, reply.head.status, reply.error_text);
  }
  if (!reply.head.Framed()) {
    // Its end could not be told from a broken connection.
    return EngineError(endpoint_, reply.head.status,
                       "it sends a stream without a length or chunks");
  }
  return std::make_unique<SaveStream>(std::move(reply.exchange),
                                      options_.first_byte_timeout,
                                      options_.stall_timeout, cancel);
}

absl::StatusOr<std::string> EngineClient::ReadReply(EngineReply& reply,
                                                    const CancelToken& cancel) {
  if (!reply.ok() || reply.exchange == nullptr) {
    return EngineError(endpoint_, reply.head.status, reply.error_text);
  }
  return ReadBody(*reply.exchange, endpoint_, kMaxUnaryBody,
                  options_.unary_timeout, cancel);
}

}  // namespace bottled
