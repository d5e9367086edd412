// Part of fault builds only.
#include "platform/fault_points.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <string>
#include <string_view>

namespace bottled {
namespace {

std::atomic<void (*)(const char*)> crash_handler = nullptr;

struct Environment {
  std::string point;
  int hit = 1;
  std::string list;
};

const Environment& FromEnvironment() {
  static const Environment environment = [] {
    Environment read;
    if (const char* at = std::getenv("BOTTLED_CRASH_AT"); at != nullptr) {
      const std::string_view text = at;
      const size_t colon = text.find(':');
      read.point = text.substr(0, colon);
      if (colon != std::string_view::npos) {
        read.hit = std::atoi(at + colon + 1);
      }
    }
    if (const char* list = std::getenv("BOTTLED_CRASH_LIST"); list != nullptr) {
      read.list = list;
    }
    return read;
  }();
  return environment;
}

void Append(const std::string& file, std::string_view name) {
  const int fd =
      ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  const std::string line = std::string(name) + "\n";
  // A list that cannot be written is a test that fails by itself.
  [[maybe_unused]] const ssize_t put = ::write(fd, line.data(), line.size());
  ::close(fd);
}

}  // namespace

void SetCrashHandler(void (*handler)(const char* name)) {
  crash_handler = handler;
}

void HitCrashPoint(const char* name) {
  if (void (*handler)(const char*) = crash_handler; handler != nullptr) {
    handler(name);
    return;
  }
  const Environment& environment = FromEnvironment();
  if (!environment.list.empty()) {
    Append(environment.list, name);
  }
  static std::atomic<int> hits = 0;
  if (environment.point == name && ++hits == environment.hit) {
    ::kill(::getpid(), SIGKILL);
  }
}

}  // namespace bottled
