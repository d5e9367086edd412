#include "engine/push.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/status_macros.h"
#include "engine/error_text.h"
#include "engine/errors.h"
#include "engine/target.h"
#include "image/json.h"
#include "image/reference.h"

namespace bottled {
namespace {

using nlohmann::json;

constexpr size_t kMaxTransferLine = 64 << 10;
constexpr size_t kMaxTransferLayers = 4096;
constexpr size_t kMaxLayerId = 128;
// Sums of kMaxTransferLayers of them fit into 64 bits.
constexpr int64_t kMaxLayerBytes = int64_t{1} << 50;

int64_t ByteCount(const json& value) {
  if (!value.is_number_integer()) {
    return 0;
  }
  if (value.is_number_unsigned()) {
    return static_cast<int64_t>(
        std::min<uint64_t>(value.get<uint64_t>(), kMaxLayerBytes));
  }
  return std::clamp<int64_t>(value.get<int64_t>(), 0, kMaxLayerBytes);
}

std::string_view StatusText(const json& line) {
  const json& status = Member(line, "status");
  return status.is_string()
             ? std::string_view(status.get_ref<const std::string&>())
             : std::string_view();
}

bool IsMoving(std::string_view status) {
  return status == "Pushing" || status == "Downloading";
}

bool IsMoved(std::string_view status) {
  return status == "Pushed" || status == "Layer already exists" ||
         status.starts_with("Mounted from") || status == "Extracting" ||
         status == "Verifying Checksum" || status == "Download complete" ||
         status == "Pull complete" || status == "Already exists";
}

// The text of the failure that a line reports; nullopt when it reports none.
std::optional<std::string> FailureText(const json& line) {
  const json& detail = Member(line, "errorDetail");
  for (const json* text : {&Member(detail, "message"), &Member(line, "error"),
                           // How both engines begin an answer that is not 200.
                           &Member(line, "message")}) {
    if (text->is_string() && !text->get_ref<const std::string&>().empty()) {
      return text->get<std::string>();
    }
  }
  return detail.is_null() ? std::nullopt : std::optional(std::string());
}

Digest DigestOf(const json& line) {
  const json& named = Member(Member(line, "aux"), "Digest");
  std::string_view text;
  if (named.is_string()) {
    text = named.get_ref<const std::string&>();
  } else {
    constexpr std::string_view kMark = ": digest: ";
    const std::string_view status = StatusText(line);
    const size_t at = status.find(kMark);
    if (at == std::string_view::npos) {
      return {};
    }
    text = status.substr(at + kMark.size());
    text = text.substr(0, text.find(' '));
  }
  return Digest::Parse(text).value_or(Digest());
}

// True when the engine speaks of a connection to the registry that was refused
// or broke, in the words of Go's net and net/http.
bool MayPass(const std::string& text) {
  for (const char* words : {"connection refused", "connection reset",
                            "broken pipe", "unexpected EOF", ": EOF"}) {
    if (text.find(words) != std::string::npos) {
      return true;
    }
  }
  return false;
}

EngineRequest TransferRequest(const EngineClient& engine, std::string path) {
  EngineRequest request;
  request.method = "POST";
  request.path = std::move(path);
  request.head_timeout = engine.options().stall_timeout;
  return request;
}

// Reads the answer to its end, or until the engine is silent for too long.
absl::Status ReadTransfer(const EngineClient& engine, EngineReply& reply,
                          const TransferProgress& progress,
                          const CancelToken& cancel, TransferStream& stream) {
  const std::chrono::milliseconds silence = engine.options().stall_timeout;
  while (true) {
    const absl::StatusOr<std::string_view> block =
        reply.exchange->ReadBlock(silence, cancel);
    if (!block.ok()) {
      // The texts of these two speak of an image that we read.
      if (HasReason(block.status(), kEngineStalled)) {
        return EngineTimeout(engine.endpoint(), silence);
      }
      if (HasReason(block.status(), kEngineStreamBroken)) {
        return EngineUnreachable(engine.endpoint(),
                                 "the answer was broken off");
      }
      return block.status();
    }
    if (block->empty()) {
      stream.Finish();
      return absl::OkStatus();
    }
    stream.Add(*block);
    if (progress) {
      progress(stream.done_bytes(), stream.total_bytes());
    }
  }
}

}  // namespace

void TransferStream::Add(std::string_view bytes) {
  while (!bytes.empty()) {
    const size_t end = bytes.find_first_of("\r\n");
    const std::string_view part = bytes.substr(0, end);
    const size_t room = kMaxTransferLine - line_.size();
    line_cut_ = line_cut_ || part.size() > room;
    line_ += part.substr(0, room);
    if (end == std::string_view::npos) {
      return;
    }
    bytes.remove_prefix(end + 1);
    TakeLine(line_);
    line_.clear();
    line_cut_ = false;
  }
}

void TransferStream::Finish() {
  TakeLine(line_);
  line_.clear();
  line_cut_ = false;
  if (error_.empty() && !last_text_.empty()) {
    error_ = EngineErrorText(last_text_);
  }
}

void TransferStream::TakeLine(std::string_view text) {
  if (text.find_first_not_of(" \t") == std::string_view::npos) {
    return;
  }
  const std::optional<json> parsed = line_cut_ ? std::nullopt : ParseJson(text);
  if (!parsed.has_value() || !parsed->is_object()) {
    last_text_ = text;
    return;
  }
  last_text_.clear();
  const json& line = *parsed;
  if (const std::optional<std::string> failure = FailureText(line)) {
    if (error_.empty()) {
      error_ = EngineErrorText(*failure);
    }
    return;
  }
  if (const Digest digest = DigestOf(line); !digest.empty()) {
    digest_ = digest;
  }
  const std::string_view status = StatusText(line);
  const json& id = Member(line, "id");
  if (!id.is_string() || !(IsMoving(status) || IsMoved(status))) {
    return;
  }
  const auto& name = id.get_ref<const std::string&>();
  if (name.empty() || name.size() > kMaxLayerId ||
      (layers_.size() >= kMaxTransferLayers && !layers_.contains(name))) {
    return;
  }
  Layer& layer = layers_[name];
  if (IsMoving(status)) {
    const json& detail = Member(line, "progressDetail");
    layer.total = std::max(layer.total, ByteCount(Member(detail, "total")));
    layer.done = ByteCount(Member(detail, "current"));
  } else {
    // A size that was not told is what was seen to move.
    layer.total = layer.total == 0 ? layer.done : layer.total;
    layer.done = layer.total;
  }
}

int64_t TransferStream::done_bytes() const {
  int64_t sum = 0;
  for (const auto& [id, layer] : layers_) {
    // dockerd counts what it reads, which can be more than the size it told.
    sum += std::min(layer.done, layer.total);
  }
  return sum;
}

int64_t TransferStream::total_bytes() const {
  int64_t sum = 0;
  for (const auto& [id, layer] : layers_) {
    sum += layer.total;
  }
  return sum;
}

absl::Status TagImage(EngineClient& engine, const Digest& id,
                      const std::string& repository, const std::string& tag,
                      const CancelToken& cancel) {
  EngineRequest request;
  request.method = "POST";
  request.path = "/images/" + id.ToString() +
                 "/tag?repo=" + EncodeQuery(repository) +
                 "&tag=" + EncodeQuery(tag);
  ASSIGN_OR_RETURN(const EngineReply reply, engine.Call(request, cancel));
  if (reply.head.status == 404) {
    return ImageNotFound(engine.endpoint(), id.ToString());
  }
  if (!reply.ok()) {
    return EngineError(engine.endpoint(), reply.head.status, reply.error_text);
  }
  return absl::OkStatus();
}

absl::StatusOr<Digest> PushImage(EngineClient& engine,
                                 const std::string& repository,
                                 const std::string& tag,
                                 const TransferProgress& progress,
                                 const CancelToken& cancel) {
  const std::string target = repository + ":" + tag;
  ASSIGN_OR_RETURN(const std::string encoded, EncodeReference(repository));
  ASSIGN_OR_RETURN(const EngineInfo info, engine.Negotiate(cancel));
  EngineRequest request = TransferRequest(
      engine, "/images/" + encoded + "/push?tag=" + EncodeQuery(tag));
  if (info.podman) {
    // It has no exception for loopback, as dockerd does.
    request.path += "&tlsVerify=false";
  }
  // "{}": dockerd before 29 insists on it.
  request.fields = {"X-Registry-Auth: e30="};
  ASSIGN_OR_RETURN(EngineReply reply, engine.Call(request, cancel));
  if (!reply.ok()) {
    return PushFailed(target, reply.error_text, MayPass(reply.error_text));
  }
  TransferStream stream;
  RETURN_IF_ERROR(ReadTransfer(engine, reply, progress, cancel, stream));
  if (!stream.error().empty()) {
    return PushFailed(target, stream.error(), MayPass(stream.error()));
  }
  return stream.digest();
}

absl::Status PullImage(EngineClient& engine, const std::string& reference,
                       const TransferProgress& progress,
                       const CancelToken& cancel) {
  // Taken apart, as an engine that is given no tag pulls all there are.
  ASSIGN_OR_RETURN(const Reference parsed, ParseNormalizedReference(reference));
  const EngineRequest request = TransferRequest(
      engine,
      "/images/create?fromImage=" +
          EncodeQuery(parsed.domain + "/" + parsed.path) + "&tag=" +
          EncodeQuery(parsed.digest.empty() ? parsed.tag : parsed.digest));
  ASSIGN_OR_RETURN(EngineReply reply, engine.Call(request, cancel));
  if (!reply.ok()) {
    return ImagePullFailed(engine.endpoint(), reference, reply.error_text);
  }
  TransferStream stream;
  RETURN_IF_ERROR(ReadTransfer(engine, reply, progress, cancel, stream));
  if (!stream.error().empty()) {
    return ImagePullFailed(engine.endpoint(), reference, stream.error());
  }
  return absl::OkStatus();
}

}  // namespace bottled
