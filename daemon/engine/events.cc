#include "engine/events.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/errors.h"
#include "engine/target.h"
#include "image/json.h"
#include "image/reference.h"

namespace bottled {
namespace {

using nlohmann::json;

constexpr size_t kMaxEventLine = 64 << 10;
constexpr size_t kMaxAction = 64;
constexpr size_t kMaxEventReference = 512;
constexpr size_t kEventBlock = 16 << 10;

// Our own save is one of them.
constexpr std::array<std::string_view, 5> kHarmless = {"save", "push", "mount",
                                                       "unmount", "history"};

std::string TextMember(const json& object, const char* name, size_t max_bytes) {
  std::string text;
  ReadText(Member(object, name), &text);
  return Printable(text, max_bytes);
}

}  // namespace

void ImageEventLines::Add(std::string_view bytes,
                          std::vector<ImageEvent>& out) {
  while (!bytes.empty()) {
    const size_t end = bytes.find('\n');
    const std::string_view part = bytes.substr(0, end);
    const size_t room = kMaxEventLine - line_.size();
    line_cut_ = line_cut_ || part.size() > room;
    line_ += part.substr(0, room);
    if (end == std::string_view::npos) {
      return;
    }
    bytes.remove_prefix(end + 1);
    TakeLine(out);
    line_.clear();
    line_cut_ = false;
  }
}

void ImageEventLines::TakeLine(std::vector<ImageEvent>& out) const {
  if (line_.find_first_not_of(" \t\r") == std::string::npos) {
    return;
  }
  const std::optional<json> parsed =
      line_cut_ ? std::nullopt : ParseJson(line_);
  if (!parsed.has_value() || !parsed->is_object()) {
    out.push_back({});
    return;
  }
  // podman ignores the filter in some of its releases.
  const std::string type = TextMember(*parsed, "Type", kMaxAction);
  ImageEvent event{.action = TextMember(*parsed, "Action", kMaxAction),
                   .reference = ""};
  if ((!type.empty() && type != "image") ||
      std::find(kHarmless.begin(), kHarmless.end(), event.action) !=
          kHarmless.end()) {
    return;
  }
  const json& actor = Member(*parsed, "Actor");
  event.reference =
      TextMember(Member(actor, "Attributes"), "name", kMaxEventReference);
  if (LooksLikeImageId(event.reference)) {
    event.reference.clear();
  }
  out.push_back(std::move(event));
}

absl::StatusOr<std::unique_ptr<ImageEvents>> ImageEvents::Open(
    EngineClient& engine, const CancelToken& cancel) {
  EngineRequest request;
  request.path = "/events?filters=" + EncodeQuery(R"({"type":["image"]})");
  request.block_bytes = kEventBlock;
  ASSIGN_OR_RETURN(EngineReply reply, engine.Call(request, cancel));
  if (!reply.ok() || reply.exchange == nullptr) {
    return EngineError(engine.endpoint(), reply.head.status, reply.error_text);
  }
  return std::unique_ptr<ImageEvents>(
      new ImageEvents(engine.endpoint(), std::move(reply.exchange)));
}

absl::StatusOr<std::vector<ImageEvent>> ImageEvents::Next(
    std::chrono::milliseconds silence, const CancelToken& cancel) {
  std::vector<ImageEvent> events;
  while (events.empty()) {
    ASSIGN_OR_RETURN(const std::string_view block,
                     exchange_->ReadBlock(silence, cancel));
    if (block.empty()) {
      return EngineStreamBroken(endpoint_, "it ended its stream of events");
    }
    lines_.Add(block, events);
  }
  return events;
}

}  // namespace bottled
