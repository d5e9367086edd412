// ApiVersion: the number in "/v1.41/images/…", and what engines say about it.
//
// Facts: `Api-Version` of /_ping, and the two refusals of dockerd, "client
// version 1.99 is too new. Maximum supported API version is 1.55" and "client
// version 1.24 is too old. Minimum supported API version is 1.40, …" (measured
// on 20.10 and 29.7; the second is text/plain below 1.24). Pure, thread-safe.

#ifndef BOTTLED_ENGINE_API_VERSION_H_
#define BOTTLED_ENGINE_API_VERSION_H_

#include <compare>
#include <optional>
#include <string>
#include <string_view>

namespace bottled {

// "1.41" as numbers.
struct ApiVersion {
  int major = 0;
  int minor = 0;
  auto operator<=>(const ApiVersion&) const = default;
  std::string ToString() const;
};

// What we were written for.
inline constexpr ApiVersion kNewestApi{1, 49};
// Older engines lack things that we rely on.
inline constexpr ApiVersion kOldestApi{1, 24};
// How far we follow an engine that no longer speaks kNewestApi.
inline constexpr ApiVersion kHighestApi{1, 60};
// From these on `platform` is honoured by save and by inspect.
inline constexpr ApiVersion kSavePlatformApi{1, 48};
inline constexpr ApiVersion kInspectPlatformApi{1, 49};

// Digits, a dot, digits, and nothing else.
std::optional<ApiVersion> ParseApiVersion(std::string_view text);

// An engine's refusal of the version in the path.
struct VersionRefusal {
  bool too_old = false;  // else too new
  // The limit that the text names, when it does.
  std::optional<ApiVersion> limit;
};

// Reads the text of a 400; nullopt when it is about something else.
std::optional<VersionRefusal> ParseVersionRefusal(std::string_view text);

}  // namespace bottled

#endif  // BOTTLED_ENGINE_API_VERSION_H_
