#include "engine/registry.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"
#include "base/error.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/error_text.h"
#include "engine/errors.h"
#include "engine/http_exchange.h"
#include "engine/target.h"
#include "fmt/format.h"
#include "image/errors.h"
#include "image/json.h"

namespace bottled {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr size_t kMaxManifest = 4 << 20;
constexpr size_t kMaxRegistryError = 64 << 10;
constexpr size_t kMaxEvidence = 1024;
constexpr size_t kMaxMediaType = 256;
constexpr milliseconds kRegistryTimeout(20'000);
// A forwarder may take a connection that leads nowhere yet, and keep it.
constexpr milliseconds kKnockTimeout(2'000);
constexpr milliseconds kFirstPause(50);
constexpr milliseconds kLongestPause(500);

constexpr char kAccept[] =
    "Accept: application/vnd.oci.image.index.v1+json, "
    "application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.docker.distribution.manifest.v2+json";

EngineEndpoint PlainHttp(const std::string& address) {
  EngineEndpoint endpoint;
  endpoint.host = "tcp://" + address;
  return endpoint;
}

// "Connection refused": of an error that calls the address an engine, what
// comes after the address.
std::string WordsOf(const absl::Status& status, const EngineEndpoint& place) {
  const std::string text(status.message());
  const size_t at = text.find(place.host);
  if (at == std::string::npos) {
    return text;
  }
  std::string_view words =
      std::string_view(text).substr(at + place.host.size());
  constexpr std::string_view kFailed = " failed";
  if (words.starts_with(kFailed)) {
    words.remove_prefix(kFailed.size());
  }
  const size_t start = words.find_first_not_of(": ");
  return start == std::string_view::npos ? text
                                         : std::string(words.substr(start));
}

// What HttpExchange says of an engine, said of the registry.
absl::Status OfRegistry(const absl::Status& status, const std::string& address,
                        const EngineEndpoint& endpoint) {
  if (HasReason(status, kEngineError)) {
    return RegistryError(address, 0, WordsOf(status, endpoint));
  }
  for (const std::string_view reason :
       {kEngineUnreachable, kEngineTimeout, kEnginePermissionDenied,
        kEngineStalled, kEngineStreamBroken,
        std::string_view("BAD_ENGINE_ADDRESS")}) {
    if (HasReason(status, reason)) {
      return RegistryUnreachable(address, WordsOf(status, endpoint));
    }
  }
  return status;
}

// {"errors":[{"code","message","detail"}]}, or what stands there instead.
std::string RegistryErrorText(const std::string& body) {
  const json parsed = ParseJson(body).value_or(json());
  const json& errors = Member(parsed, "errors");
  if (errors.is_array() && !errors.empty()) {
    for (const char* name : {"message", "code"}) {
      const json& text = Member(errors.front(), name);
      if (text.is_string() && !text.get_ref<const std::string&>().empty()) {
        return EngineErrorText(text.get_ref<const std::string&>());
      }
    }
  }
  return EngineErrorText(body);
}

// Texts that a registry gave, which the engine passes on.
bool IsRegistrysRefusal(const std::string& text) {
  const std::string lower = absl::AsciiStrToLower(text);
  for (const char* words :
       {"manifest unknown", "manifest_unknown", "name unknown", "name_unknown",
        "repository name not known to registry"}) {
    if (lower.find(words) != std::string::npos) {
      return true;
    }
  }
  return false;
}

bool IsMissingRoute(const EngineReply& reply) {
  const std::string text = absl::AsciiStrToLower(reply.error_text);
  return reply.head.status == 404 &&
         (text == "not found" || text == "page not found");
}

// Asks `target` of a registry; returns with the head read.
struct RegistryAnswer {
  std::unique_ptr<HttpExchange> exchange;
  HttpHead head;
};
absl::StatusOr<RegistryAnswer> AskRegistry(const EngineEndpoint& endpoint,
                                           const std::string& target,
                                           milliseconds limit,
                                           const CancelToken& cancel) {
  HttpExchange::Options options;
  options.connect_timeout = limit;
  options.fields = {kAccept};
  RegistryAnswer answer;
  ASSIGN_OR_RETURN(answer.exchange,
                   HttpExchange::Start(endpoint, target, options));
  ASSIGN_OR_RETURN(answer.head, answer.exchange->ReadHead(limit, cancel));
  return answer;
}

absl::Status CheckDigests(const std::string& name, const std::string& wanted,
                          const std::string& named, const std::string& address,
                          const Digest& actual) {
  if (const absl::StatusOr<Digest> digest = Digest::Parse(wanted);
      digest.ok() && *digest != actual) {
    return DigestMismatch("The manifest " + name, *digest, actual);
  }
  if (named.empty()) {
    return absl::OkStatus();
  }
  const absl::StatusOr<Digest> digest = Digest::Parse(named);
  if (!digest.ok()) {
    return RegistryError(address, 200, "it names no SHA-256 digest");
  }
  return *digest == actual
             ? absl::OkStatus()
             : DigestMismatch("The manifest " + name, *digest, actual);
}

absl::StatusOr<RegistryManifest> ParseRegistryManifest(
    const std::string& address, std::string_view body,
    const std::string& content_type) {
  const std::optional<json> parsed = ParseJson(body);
  if (!parsed.has_value() || !parsed->is_object()) {
    return RegistryError(address, 200, "the manifest is no JSON object");
  }
  RegistryManifest manifest;
  manifest.digest = Sha256Of(body);
  manifest.size = static_cast<int64_t>(body.size());
  std::string media_type;
  if (!ReadText(Member(*parsed, "mediaType"), &media_type)) {
    return RegistryError(address, 200, "the manifest's mediaType is no text");
  }
  if (media_type.empty()) {
    // OCI lets a manifest leave it out.
    media_type = content_type.substr(0, content_type.find(';'));
  }
  manifest.media_type = Printable(media_type, kMaxMediaType);
  const json& config = Member(*parsed, "config");
  if (config.is_null() && Member(*parsed, "manifests").is_array()) {
    return manifest;
  }
  std::string digest;
  if (!ReadText(Member(config, "digest"), &digest)) {
    digest.clear();
  }
  absl::StatusOr<Digest> config_digest = Digest::Parse(digest);
  if (!config_digest.ok()) {
    return RegistryError(address, 200, "the manifest names no config");
  }
  manifest.config = *std::move(config_digest);
  return manifest;
}

}  // namespace

absl::StatusOr<RegistryProbe> ProbeRegistry(EngineClient& engine,
                                            const std::string& address,
                                            const std::string& repository,
                                            milliseconds limit,
                                            const CancelToken& cancel) {
  RegistryProbe probe;
  probe.address = address;
  ASSIGN_OR_RETURN(
      const std::string encoded,
      EncodeReference(fmt::format("{}/{}:probe", address, repository)));
  // By itself, so that an engine that is silent is told from a registry.
  ASSIGN_OR_RETURN(const EngineInfo info, engine.Negotiate(cancel));
  if (info.podman) {
    probe.unsupported = true;
    probe.evidence = "podman cannot be asked";
    return probe;
  }
  EngineRequest request;
  request.path = "/distribution/" + encoded + "/json";
  // dockerd before 29 wants it.
  request.fields = {"X-Registry-Auth: e30="};
  request.head_timeout = limit;
  const absl::StatusOr<EngineReply> reply = engine.Call(request, cancel);
  if (!reply.ok()) {
    if (!HasReason(reply.status(), kEngineTimeout)) {
      return reply.status();
    }
    probe.evidence = fmt::format("no answer within {:.3g} s",
                                 static_cast<double>(limit.count()) / 1000.0);
    return probe;
  }
  if (reply->ok()) {
    probe.reached = true;
    probe.evidence = "the registry has the manifest";
    return probe;
  }
  probe.evidence = Printable(reply->error_text, kMaxEvidence);
  probe.unsupported = IsMissingRoute(*reply);
  probe.reached =
      reply->head.status == 404 && IsRegistrysRefusal(reply->error_text);
  return probe;
}

absl::Status WaitForRegistry(const std::string& address, milliseconds limit,
                             const CancelToken& cancel) {
  const EngineEndpoint endpoint = PlainHttp(address);
  const auto deadline = steady_clock::now() + limit;
  milliseconds left = limit;
  milliseconds pause = kFirstPause;
  while (true) {
    const absl::StatusOr<RegistryAnswer> answer =
        AskRegistry(endpoint, "/v2/",
                    std::clamp(left, milliseconds(1), kKnockTimeout), cancel);
    RETURN_IF_ERROR(cancel.Check());
    if (answer.ok() &&
        (answer->head.status == 200 || answer->head.status == 401)) {
      return absl::OkStatus();
    }
    const std::string words =
        answer.ok() ? fmt::format("it answered HTTP {}", answer->head.status)
                    : WordsOf(answer.status(), endpoint);
    left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now());
    if (left.count() <= 0 ||
        (!answer.ok() && HasReason(answer.status(), "BAD_ENGINE_ADDRESS"))) {
      return RegistryUnreachable(address, words);
    }
    RETURN_IF_ERROR(SleepFor(std::min(pause, left), cancel));
    pause = std::min(2 * pause, kLongestPause);
  }
}

absl::StatusOr<RegistryManifest> ReadRegistryManifest(
    const std::string& address, const std::string& repository,
    const std::string& reference, const CancelToken& cancel) {
  ASSIGN_OR_RETURN(const std::string encoded,
                   EncodeReference(repository + "/manifests/" + reference));
  const EngineEndpoint endpoint = PlainHttp(address);
  const bool by_digest = Digest::Parse(reference).ok();
  const std::string name = repository + (by_digest ? "@" : ":") + reference;
  absl::StatusOr<RegistryAnswer> answer =
      AskRegistry(endpoint, "/v2/" + encoded, kRegistryTimeout, cancel);
  if (!answer.ok()) {
    return OfRegistry(answer.status(), address, endpoint);
  }
  const long status = answer->head.status;
  if (status == 404) {
    return ManifestMissing(address, name);
  }
  const absl::StatusOr<std::string> body =
      ReadBody(*answer->exchange, endpoint,
               status == 200 ? kMaxManifest : kMaxRegistryError,
               kRegistryTimeout, cancel);
  if (!body.ok()) {
    return OfRegistry(body.status(), address, endpoint);
  }
  if (status != 200) {
    return RegistryError(address, status, RegistryErrorText(*body));
  }
  RETURN_IF_ERROR(CheckDigests(name, reference,
                               answer->head.Field("docker-content-digest"),
                               address, Sha256Of(*body)));
  return ParseRegistryManifest(address, *body,
                               answer->head.Field("content-type"));
}

}  // namespace bottled
