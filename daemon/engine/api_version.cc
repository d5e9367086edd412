#include "engine/api_version.h"

#include <charconv>

namespace bottled {
namespace {

// Reads digits from the front of `text`; nullopt when there are none or the
// number is absurd.
std::optional<int> TakeNumber(std::string_view& text) {
  int value = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || value < 0 || value > 99'999) {
    return std::nullopt;
  }
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return value;
}

std::optional<ApiVersion> TakeVersion(std::string_view& text) {
  const std::optional<int> major = TakeNumber(text);
  if (!major.has_value() || text.empty() || text.front() != '.') {
    return std::nullopt;
  }
  text.remove_prefix(1);
  const std::optional<int> minor = TakeNumber(text);
  if (!minor.has_value()) {
    return std::nullopt;
  }
  return ApiVersion{*major, *minor};
}

}  // namespace

std::string ApiVersion::ToString() const {
  return std::to_string(major) + "." + std::to_string(minor);
}

std::optional<ApiVersion> ParseApiVersion(std::string_view text) {
  const std::optional<ApiVersion> version = TakeVersion(text);
  return text.empty() ? version : std::nullopt;
}

std::optional<VersionRefusal> ParseVersionRefusal(std::string_view text) {
  constexpr std::string_view kClient = "client version ";
  constexpr std::string_view kLimit = "supported API version is ";
  if (text.find(kClient) == std::string_view::npos) {
    return std::nullopt;
  }
  VersionRefusal refusal;
  if (text.find("is too old") != std::string_view::npos) {
    refusal.too_old = true;
  } else if (text.find("is too new") == std::string_view::npos) {
    return std::nullopt;
  }
  if (const size_t at = text.find(kLimit); at != std::string_view::npos) {
    std::string_view rest = text.substr(at + kLimit.size());
    refusal.limit = TakeVersion(rest);
  }
  return refusal;
}

}  // namespace bottled
