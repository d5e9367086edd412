#include "engine/client.h"

#include <poll.h>
#include <sys/utsname.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/error_text.h"
#include "engine/errors.h"
#include "engine/save_stream.h"
#include "engine/target.h"
#include "fmt/format.h"
#include "image/errors.h"

namespace bottled {
namespace {

using std::chrono::milliseconds;

constexpr size_t kMaxUnaryBody = 8 << 20;
constexpr size_t kMaxErrorBody = 64 << 10;
constexpr size_t kUnaryBlock = 64 << 10;

bool IsConnectionError(const absl::Status& status) {
  return HasReason(status, kEngineUnreachable);
}

bool SamePlatform(const Platform& a, const Platform& b) {
  return a.os == b.os && a.architecture == b.architecture;
}

// True when a refusal is about the platform. The reference is taken out first:
// an image may well be called "platform".
bool SpeaksOfPlatform(std::string text, const std::string& reference) {
  for (size_t at = text.find(reference);
       !reference.empty() && at != std::string::npos;
       at = text.find(reference)) {
    text.erase(at, reference.size());
  }
  return text.find("platform") != std::string::npos;
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

// Sleeps; false when cancelled meanwhile.
bool Sleep(milliseconds time, const CancelToken& cancel) {
  pollfd wait = {cancel.fd(), POLLIN, 0};
  ::poll(&wait, 1, static_cast<int>(time.count()));
  return !cancel.Cancelled();
}

}  // namespace

EngineClient::EngineClient(EngineEndpoint endpoint, Options options)
    : endpoint_(std::move(endpoint)), options_(options) {}

EngineClient::~EngineClient() = default;

std::optional<EngineInfo> EngineClient::Remembered() {
  const MutexLock lock(mu_);
  return info_;
}

void EngineClient::Remember(std::optional<EngineInfo> info) {
  const MutexLock lock(mu_);
  info_ = std::move(info);
}

absl::StatusOr<EngineClient::Answer> EngineClient::GetOnce(
    const std::string& target, size_t block_bytes, milliseconds head_timeout,
    const CancelToken& cancel, const char* method) {
  HttpExchange::Options options;
  options.method = method;
  options.connect_timeout = options_.unary_timeout;
  options.block_bytes = block_bytes;
  Answer answer;
  ASSIGN_OR_RETURN(answer.exchange,
                   HttpExchange::Start(endpoint_, target, options));
  ASSIGN_OR_RETURN(answer.head,
                   answer.exchange->ReadHead(head_timeout, cancel));
  if (answer.head.status != 200) {
    ASSIGN_OR_RETURN(const std::string body,
                     ReadBody(*answer.exchange, endpoint_, kMaxErrorBody,
                              options_.unary_timeout, cancel));
    answer.error_text = EngineErrorText(body);
  }
  return answer;
}

absl::StatusOr<EngineInfo> EngineClient::Ping(const CancelToken& cancel) {
  ASSIGN_OR_RETURN(
      const Answer answer,
      GetOnce("/_ping", kUnaryBlock, options_.unary_timeout, cancel));
  if (answer.head.status != 200) {
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
    ASSIGN_OR_RETURN(const Answer answer,
                     GetOnce("/v" + info.api.ToString() + "/_ping", kUnaryBlock,
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
    } else if (answer.head.status != 200) {
      return EngineError(endpoint_, answer.head.status, answer.error_text);
    }
  }
  Remember(info);
  return info;
}

absl::StatusOr<EngineClient::Answer> EngineClient::Get(
    const MakeTarget& make_target, size_t block_bytes,
    milliseconds head_timeout, const CancelToken& cancel) {
  for (bool last = false;; last = true) {
    ASSIGN_OR_RETURN(const EngineInfo info, Negotiate(cancel));
    absl::StatusOr<Answer> answer =
        GetOnce("/v" + info.api.ToString() + make_target(info), block_bytes,
                head_timeout, cancel);
    if (!answer.ok()) {
      if (!IsConnectionError(answer.status())) {
        return answer.status();
      }
      // The engine may be restarting, perhaps as another version.
      Remember(std::nullopt);
      if (last) {
        return answer.status();
      }
      continue;
    }
    if (answer->head.status == 400 &&
        ParseVersionRefusal(answer->error_text).has_value()) {
      Remember(std::nullopt);
      if (last) {
        return EngineApiUnsupported(endpoint_, answer->error_text);
      }
      continue;
    }
    answer->info = info;
    return answer;
  }
}

absl::StatusOr<EngineImage> EngineClient::InspectImage(
    const std::string& reference, const Platform& platform,
    const CancelToken& cancel) {
  ASSIGN_OR_RETURN(const std::string encoded, EncodeReference(reference));
  const std::string path = "/images/" + encoded + "/json";
  const auto target = [&](const EngineInfo& info) {
    const bool ask = !info.podman && info.api >= kInspectPlatformApi;
    return ask ? path + PlatformQuery(platform) : path;
  };
  ASSIGN_OR_RETURN(const Answer answer,
                   Get(target, kUnaryBlock, options_.unary_timeout, cancel));
  if (answer.head.status != 200) {
    return InspectFailure(answer, reference, path, platform, cancel);
  }
  ASSIGN_OR_RETURN(const std::string body,
                   ReadBody(*answer.exchange, endpoint_, kMaxUnaryBody,
                            options_.unary_timeout, cancel));
  ASSIGN_OR_RETURN(EngineImage image, ParseInspect(body));
  Platform& found = image.config.platform;
  if (found.os.empty()) {
    found.os = platform.os;
  }
  if (found.architecture.empty()) {
    found.architecture = platform.architecture;
  }
  if (!SamePlatform(found, platform)) {
    return ArchitectureMismatch(
        reference, Printable(found.WithoutVariant(), 128), platform);
  }
  return image;
}

absl::Status EngineClient::InspectFailure(const Answer& answer,
                                          const std::string& reference,
                                          const std::string& path,
                                          const Platform& platform,
                                          const CancelToken& cancel) {
  switch (answer.head.status) {
    case 400:
      return BadReference(reference, answer.error_text);
    case 404:
      break;
    default:
      // podman answers 500 to what others call a bad reference.
      if (answer.info.podman &&
          answer.error_text.find("normalizing") != std::string::npos) {
        return BadReference(reference, answer.error_text);
      }
      return EngineError(endpoint_, answer.head.status, answer.error_text);
  }
  if (!SpeaksOfPlatform(answer.error_text, reference)) {
    return ImageNotFound(endpoint_, reference);
  }
  // Only the answer without a platform tells which one the image has.
  absl::StatusOr<Answer> plain =
      Get([&path](const EngineInfo&) { return path; }, kUnaryBlock,
          options_.unary_timeout, cancel);
  if (plain.ok() && plain->head.status == 200) {
    ASSIGN_OR_RETURN(const std::string body,
                     ReadBody(*plain->exchange, endpoint_, kMaxUnaryBody,
                              options_.unary_timeout, cancel));
    if (const absl::StatusOr<EngineImage> image = ParseInspect(body);
        image.ok()) {
      const Platform& found = image->config.platform;
      if (SamePlatform(found, platform)) {
        return ImageUnsavable(reference, answer.error_text);
      }
      return ArchitectureMismatch(
          reference, Printable(found.WithoutVariant(), 128), platform);
    }
  }
  RETURN_IF_ERROR(cancel.Check());
  return ArchitectureMismatch(
      reference, fmt::format("another platform ({})", answer.error_text),
      platform);
}

absl::StatusOr<std::unique_ptr<ByteSource>> EngineClient::SaveImage(
    const Digest& id, const Platform& platform, const CancelToken& cancel) {
  const std::string path = "/images/" + id.ToString() + "/get";
  const auto target = [&](const EngineInfo& info) {
    const bool ask = !info.podman && info.api >= kSavePlatformApi;
    return ask ? path + PlatformQuery(platform) : path;
  };
  for (bool last = false;; last = true) {
    ASSIGN_OR_RETURN(Answer answer, Get(target, kSaveBlockBytes,
                                        options_.first_byte_timeout, cancel));
    if (answer.head.status == 200) {
      if (!answer.head.Framed()) {
        // Its end could not be told from a broken connection.
        return EngineError(endpoint_, 200,
                           "it sends a stream without a length or chunks");
      }
      return std::make_unique<SaveStream>(std::move(answer.exchange),
                                          options_.first_byte_timeout,
                                          options_.stall_timeout, cancel);
    }
    const bool store_away =
        answer.head.status >= 500 &&
        (answer.error_text.find("Unavailable") != std::string::npos ||
         answer.error_text.find("connection error") != std::string::npos);
    if (!store_away || last) {
      return SaveFailure(answer, id, platform, cancel);
    }
    if (!Sleep(options_.unavailable_retry_delay, cancel)) {
      return CancelledError();
    }
  }
}

absl::StatusOr<bool> EngineClient::RemoveTag(const std::string& reference,
                                             const CancelToken& cancel) {
  ASSIGN_OR_RETURN(const std::string encoded, EncodeReference(reference));
  ASSIGN_OR_RETURN(const EngineInfo info, Negotiate(cancel));
  ASSIGN_OR_RETURN(
      const Answer answer,
      GetOnce(
          "/v" + info.api.ToString() + "/images/" + encoded + "?noprune=true",
          kUnaryBlock, options_.unary_timeout, cancel, "DELETE"));
  if (answer.head.status != 200 && answer.head.status != 404) {
    return EngineError(endpoint_, answer.head.status, answer.error_text);
  }
  return answer.head.status == 200;
}

absl::StatusOr<std::string> EngineClient::GetBody(const std::string& path,
                                                  const CancelToken& cancel) {
  ASSIGN_OR_RETURN(const Answer answer,
                   Get([&path](const EngineInfo&) { return path; }, kUnaryBlock,
                       options_.unary_timeout, cancel));
  if (answer.head.status != 200) {
    return EngineError(endpoint_, answer.head.status, answer.error_text);
  }
  return ReadBody(*answer.exchange, endpoint_, kMaxUnaryBody,
                  options_.unary_timeout, cancel);
}

absl::StatusOr<std::vector<EngineNetwork>> EngineClient::ListNetworks(
    const CancelToken& cancel) {
  ASSIGN_OR_RETURN(const std::string body, GetBody("/networks", cancel));
  return ParseNetworks(body);
}

absl::StatusOr<EngineDescription> EngineClient::Describe(
    const CancelToken& cancel) {
  ASSIGN_OR_RETURN(const std::string body, GetBody("/info", cancel));
  utsname host = {};
  return ParseDescription(body, ::uname(&host) == 0 ? host.release : "");
}

absl::Status EngineClient::SaveFailure(const Answer& answer, const Digest& id,
                                       const Platform& platform,
                                       const CancelToken& cancel) {
  if (answer.head.status != 404 && answer.head.status != 500) {
    return EngineError(endpoint_, answer.head.status, answer.error_text);
  }
  // Engines answer both numbers to an image that is gone, that lost a part and
  // that is for another platform; their texts differ. Inspect tells them apart.
  const absl::StatusOr<EngineImage> image =
      InspectImage(id.ToString(), platform, cancel);
  if (!image.ok() && (HasReason(image.status(), kImageNotFound) ||
                      HasReason(image.status(), kArchitectureMismatch) ||
                      HasReason(image.status(), "CANCELLED"))) {
    return image.status();
  }
  return ImageUnsavable(id.ToString(), answer.error_text);
}

}  // namespace bottled
