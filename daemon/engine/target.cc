#include "engine/target.h"

#include <algorithm>
#include <string_view>

#include "image/errors.h"
#include "nlohmann/json.hpp"

namespace bottled {
namespace {

bool IsAlnum(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
         (c >= 'A' && c <= 'Z');
}

bool IsHex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

std::string PercentEncode(std::string_view text, std::string_view keep) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if (IsAlnum(c) || keep.find(c) != std::string_view::npos) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += '%';
      out += kDigits[byte >> 4];
      out += kDigits[byte & 15];
    }
  }
  return out;
}

}  // namespace

absl::StatusOr<std::string> EncodeReference(const std::string& reference) {
  std::string_view rest = reference;
  while (true) {
    const size_t slash = rest.find('/');
    const std::string_view segment = rest.substr(0, slash);
    if (segment.empty() || segment == "." || segment == "..") {
      return BadReference(reference, "it has an empty, \".\" or \"..\" part");
    }
    if (slash == std::string_view::npos) {
      break;
    }
    rest.remove_prefix(slash + 1);
  }
  const bool bare_id = reference.size() == 64 &&
                       std::all_of(reference.begin(), reference.end(), IsHex);
  return (bare_id ? "sha256:" : "") + PercentEncode(reference, "-._~/:@");
}

std::string EncodeQuery(std::string_view text) {
  return PercentEncode(text, "-._~");
}

std::string PlatformQuery(const Platform& platform) {
  nlohmann::json json = {{"os", platform.os},
                         {"architecture", platform.architecture}};
  if (!platform.variant.empty()) {
    json["variant"] = platform.variant;
  }
  // Bytes that are no UTF-8 must not throw; the engine will refuse the result.
  const std::string text =
      json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return "?platform=" + EncodeQuery(text);
}

}  // namespace bottled
