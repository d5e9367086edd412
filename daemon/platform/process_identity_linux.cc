#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdint>
#include <sstream>
#include <string_view>

#include "platform/fd.h"
#include "platform/process_identity.h"

namespace bottled {
namespace {

// The first 4 KiB of a file in proc; empty when it cannot be read.
std::string ReadProc(int directory, const char* name) {
  const Fd file(::openat(directory, name, O_RDONLY | O_CLOEXEC));
  std::string text(4096, '\0');
  size_t size = 0;
  while (file.valid() && size < text.size()) {
    const ssize_t got = ::read(file.get(), &text[size], text.size() - size);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      return "";
    }
    if (got == 0) {
      break;
    }
    size += static_cast<size_t>(got);
  }
  text.resize(size);
  return text;
}

// The first number of a line such as "Uid:\t1000\t1000\t1000\t1000"; -1 when
// there is none. A newline in a program's name is escaped there.
int64_t NumberOf(std::string_view status, std::string_view label) {
  int64_t number = -1;
  const size_t begin = status.find(label);
  if (begin != std::string_view::npos) {
    std::from_chars(status.data() + begin + label.size(),
                    status.data() + status.size(), number);
  }
  return number;
}

struct Stat {
  char state = 'X';
  int threads = 0;
  std::string start_time;
};

// proc(5): "PID (NAME) STATE …", and the name may hold any of these characters.
Stat ReadStat(const std::string& text) {
  constexpr int kState = 3;
  constexpr int kThreads = 20;
  constexpr int kStartTime = 22;
  Stat stat;
  const size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) {
    return stat;
  }
  std::istringstream fields(text.substr(name_end + 1));
  std::string field;
  for (int i = kState; i <= kStartTime && fields >> field; ++i) {
    if (i == kState) {
      stat.state = field.front();
    } else if (i == kThreads) {
      std::from_chars(field.data(), field.data() + field.size(), stat.threads);
    } else if (i == kStartTime) {
      stat.start_time = field;
    }
  }
  return stat;
}

// A first thread that has ended is a zombie, too, but its process lives as long
// as there are others.
bool Ended(const Stat& stat) {
  const bool dead = stat.state == 'Z' || stat.state == 'X' || stat.state == 'x';
  return dead && stat.threads <= 1;
}

}  // namespace

std::optional<std::string> ProcessIdentity(pid_t pid) {
  if (pid <= 0) {
    return std::nullopt;
  }
  // Files below an open directory are of this process or of none, even when its
  // number is given away meanwhile.
  const std::string path = "/proc/" + std::to_string(pid);
  const Fd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid()) {
    return std::nullopt;
  }
  const std::string status = ReadProc(directory.get(), "status");
  // Threads have directories as well; and the owner of a directory is root when
  // its process may not be dumped.
  if (NumberOf(status, "\nTgid:\t") != pid ||
      NumberOf(status, "\nUid:\t") != int64_t{::geteuid()}) {
    return std::nullopt;
  }
  const Stat stat = ReadStat(ReadProc(directory.get(), "stat"));
  std::string boot = ReadProc(AT_FDCWD, "/proc/sys/kernel/random/boot_id");
  boot.resize(boot.find_last_not_of('\n') + 1);
  if (stat.start_time.empty() || Ended(stat) || boot.empty()) {
    return std::nullopt;
  }
  return boot + "/" + stat.start_time;
}

}  // namespace bottled
