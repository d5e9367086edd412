#include "image/stream_tail.h"

#include <algorithm>

#include "base/status_macros.h"
#include "image/json.h"

namespace bottled {
namespace {

constexpr size_t kTailBytes = size_t{64} << 10;

}  // namespace

absl::StatusOr<std::string_view> StreamTail::Next() {
  RETURN_IF_ERROR(cancel_.Check());
  ASSIGN_OR_RETURN(const std::string_view block, source_.Next());
  bytes_ += static_cast<int64_t>(block.size());
  if (block.size() >= kTailBytes) {
    tail_.assign(block.substr(block.size() - kTailBytes));
  } else {
    const size_t total = tail_.size() + block.size();
    tail_.erase(0, total > kTailBytes ? total - kTailBytes : 0);
    tail_.append(block);
  }
  if (progress_ != nullptr) {
    progress_(bytes_);
  }
  return block;
}

std::optional<std::string> StreamTail::EngineError() const {
  for (const char* member : {"error", "message"}) {
    const size_t at = tail_.rfind("{\"" + std::string(member) + "\"");
    if (at == std::string::npos) {
      continue;
    }
    const std::string_view rest = std::string_view(tail_).substr(at);
    const size_t end = rest.rfind('}');
    const std::optional<nlohmann::json> object =
        end == rest.npos ? std::nullopt : ParseJson(rest.substr(0, end + 1));
    std::string text;
    if (object.has_value() && ReadText(Member(*object, member), &text) &&
        !text.empty()) {
      return text;
    }
  }
  return std::nullopt;
}

}  // namespace bottled
