#include "image/stream_tail.h"

#include <algorithm>

#include "base/status_macros.h"
#include "fmt/format.h"
#include "image/errors.h"
#include "image/json.h"

namespace bottled {
namespace {

constexpr size_t kTailBytes = size_t{64} << 10;
constexpr int64_t kSkipBytes = int64_t{1} << 20;
constexpr int kMaxCandidates = 64;

// What may stand around a path in a message.
constexpr std::string_view kDelimiters = " \t\r\n\"'`()[]<>{},;=";

std::string MessageIn(const nlohmann::json& object) {
  std::string text;
  for (const nlohmann::json* value :
       {&Member(Member(object, "errorDetail"), "message"),
        &Member(object, "error"), &Member(object, "message")}) {
    if (ReadText(*value, &text) && !text.empty()) {
      return text;
    }
  }
  return {};
}

}  // namespace

absl::StatusOr<std::string_view> StreamTail::Next() {
  ASSIGN_OR_RETURN(const std::string_view block, source_.Next());
  const auto size = static_cast<int64_t>(block.size());
  if (size > max_bytes_ - bytes_) {
    return ImageTooLarge(fmt::format("{} bytes of archive", max_bytes_));
  }
  if (const size_t last = block.find_last_not_of('\0'); last != block.npos) {
    nonzero_end_ = bytes_ + static_cast<int64_t>(last) + 1;
  }
  bytes_ += size;
  if (block.size() >= kTailBytes) {
    tail_.assign(block.substr(block.size() - kTailBytes));
  } else {
    // Cut seldom, so that small blocks cost no more than large ones.
    tail_.append(block);
    if (tail_.size() > 2 * kTailBytes) {
      tail_.erase(0, tail_.size() - kTailBytes);
    }
  }
  return block;
}

void StreamTail::SkipToError() {
  for (const int64_t begin = bytes_; bytes_ - begin < kSkipBytes;) {
    const absl::StatusOr<std::string_view> block = Next();
    if (!block.ok() || block->empty()) {
      return;
    }
  }
}

std::optional<std::string> StreamTail::EngineError() const {
  const std::string_view tail = std::string_view(tail_).substr(
      tail_.size() - std::min(tail_.size(), kTailBytes));
  const size_t end = tail.find_last_not_of(" \r\n");
  if (end == tail.npos || tail[end] != '}') {
    return std::nullopt;
  }
  // The first object that reaches to the end: a later one may be inside of it.
  size_t at = 0;
  for (int i = 0; i < kMaxCandidates; ++i, ++at) {
    at = std::min(tail.find("{\"error\"", at), tail.find("{\"message\"", at));
    if (at == tail.npos) {
      break;
    }
    const std::optional<nlohmann::json> object =
        ParseJson(tail.substr(at, end + 1 - at));
    if (object.has_value()) {
      const std::string text = MessageIn(*object);
      return text.empty() ? std::nullopt
                          : std::optional(WithoutHostPaths(text));
    }
  }
  return std::nullopt;
}

std::string WithoutHostPaths(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    const bool starts =
        text[i] == '/' &&
        (i == 0 || kDelimiters.find(text[i - 1]) != kDelimiters.npos);
    if (!starts) {
      out += text[i++];
      continue;
    }
    const size_t end =
        std::min(text.find_first_of(kDelimiters, i), text.size());
    // A colon ends a path in "open /a/b: no such file".
    std::string_view path = text.substr(i, end - i);
    path = path.substr(0, path.find(':'));
    i += path.size();
    while (path.size() > 1 && path.ends_with('/')) {
      path.remove_suffix(1);
    }
    const size_t slash = path.rfind('/');
    out += slash == 0 ? path : path.substr(slash + 1);
  }
  return out;
}

}  // namespace bottled
