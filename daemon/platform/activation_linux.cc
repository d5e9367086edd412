#include <unistd.h>

#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>

#include "base/status_macros.h"
#include "platform/activation.h"
#include "platform/adopt_listener.h"
#include "platform/errors.h"

namespace bottled {
namespace {

// sd_listen_fds(3): SD_LISTEN_FDS_START.
constexpr int kFirst = 3;
// More than any socket unit of ours names; bounds a hostile environment.
constexpr int64_t kMaxSockets = 64;

std::optional<std::string> Take(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr) {
    return std::nullopt;
  }
  std::string result = value;
  ::unsetenv(name);
  return result;
}

std::optional<int64_t> Number(const std::string& text) {
  int64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end || value < 0) {
    return std::nullopt;
  }
  return value;
}

}  // namespace

absl::StatusOr<std::vector<Fd>> TakeActivatedSockets() {
  const auto pid_text = Take("LISTEN_PID");
  const auto count_text = Take("LISTEN_FDS");
  Take("LISTEN_FDNAMES");
  std::vector<Fd> sockets;
  if (!pid_text.has_value() || !count_text.has_value()) {
    return sockets;
  }
  const auto pid = Number(*pid_text);
  if (!pid.has_value()) {
    return BadActivationError("LISTEN_PID is not a number");
  }
  if (*pid != ::getpid()) {
    // Meant for the process that started us.
    return sockets;
  }
  const auto count = Number(*count_text);
  if (!count.has_value() || *count > kMaxSockets) {
    return BadActivationError("LISTEN_FDS is not a usable number");
  }
  for (int i = 0; i < static_cast<int>(*count); ++i) {
    ASSIGN_OR_RETURN(Fd fd, AdoptListener(kFirst + i));
    sockets.push_back(std::move(fd));
  }
  return sockets;
}

}  // namespace bottled
