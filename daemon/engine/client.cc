#include "engine/client.h"

#include <sys/utsname.h>

#include <utility>

#include "base/error.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/errors.h"
#include "engine/save_stream.h"
#include "engine/target.h"
#include "fmt/format.h"
#include "image/errors.h"

namespace bottled {
namespace {

using std::chrono::milliseconds;

constexpr size_t kInspectBlock = 64 << 10;

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

}  // namespace

EngineClient::EngineClient(EngineEndpoint endpoint, Options options)
    : endpoint_(std::move(endpoint)), options_(options) {}

EngineClient::~EngineClient() = default;

absl::StatusOr<EngineImage> EngineClient::InspectImage(
    const std::string& reference, const Platform& platform,
    const CancelToken& cancel) {
  ASSIGN_OR_RETURN(const std::string encoded, EncodeReference(reference));
  const std::string path = "/images/" + encoded + "/json";
  const auto target = [&](const EngineInfo& info) {
    const bool ask = !info.podman && info.api >= kInspectPlatformApi;
    return ask ? path + PlatformQuery(platform) : path;
  };
  ASSIGN_OR_RETURN(EngineReply answer,
                   Get(target, kInspectBlock, options_.unary_timeout, cancel));
  if (!answer.ok()) {
    return InspectRefused(answer, reference, path, platform, cancel);
  }
  ASSIGN_OR_RETURN(const std::string body, ReadReply(answer, cancel));
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

absl::StatusOr<EngineImage> EngineClient::InspectRefused(
    const EngineReply& answer, const std::string& reference,
    const std::string& path, const Platform& platform,
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
  absl::StatusOr<EngineReply> plain =
      Get([&path](const EngineInfo&) { return path; }, kInspectBlock,
          options_.unary_timeout, cancel);
  if (plain.ok() && plain->ok()) {
    ASSIGN_OR_RETURN(const std::string body, ReadReply(*plain, cancel));
    if (absl::StatusOr<EngineImage> image = ParseInspect(body); image.ok()) {
      const Platform& found = image->config.platform;
      if (SamePlatform(found, platform)) {
        image->incomplete = true;
        return image;
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
    ASSIGN_OR_RETURN(
        EngineReply answer,
        Get(target, kSaveBlockBytes, options_.first_byte_timeout, cancel));
    if (answer.ok()) {
      return StreamReply(std::move(answer), cancel);
    }
    const bool store_away =
        answer.head.status >= 500 &&
        (answer.error_text.find("Unavailable") != std::string::npos ||
         answer.error_text.find("connection error") != std::string::npos);
    if (!store_away || last) {
      return SaveFailure(answer, id, platform, cancel);
    }
    RETURN_IF_ERROR(SleepFor(options_.unavailable_retry_delay, cancel));
  }
}

absl::StatusOr<bool> EngineClient::RemoveTag(const std::string& reference,
                                             const CancelToken& cancel) {
  ASSIGN_OR_RETURN(const std::string encoded, EncodeReference(reference));
  HttpExchange::Options exchange;
  exchange.method = "DELETE";
  const std::string target = "/images/" + encoded + "?noprune=true";
  ASSIGN_OR_RETURN(const EngineReply answer,
                   Ask([&target](const EngineInfo&) { return target; },
                       exchange, options_.unary_timeout, cancel));
  if (!answer.ok() && answer.head.status != 404) {
    return EngineError(endpoint_, answer.head.status, answer.error_text);
  }
  return answer.ok();
}

absl::StatusOr<std::string> EngineClient::GetBody(const std::string& path,
                                                  const CancelToken& cancel) {
  EngineRequest request;
  request.path = path;
  ASSIGN_OR_RETURN(EngineReply reply, Call(request, cancel));
  return ReadReply(reply, cancel);
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

absl::Status EngineClient::SaveFailure(const EngineReply& answer,
                                       const Digest& id,
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
