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

// The first 4 KiB of a file in proc; 0, or why it cannot be read.
int ReadProc(int directory, const char* name, std::string& text) {
  const Fd file(::openat(directory, name, O_RDONLY | O_CLOEXEC));
  if (!file.valid()) {
    return errno;
  }
  text.assign(4096, '\0');
  size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = ::read(file.get(), &text[size], text.size() - size);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      return errno;
    }
    if (got == 0) {
      break;
    }
    size += static_cast<size_t>(got);
  }
  text.resize(size);
  return 0;
}

// A process that ends takes its directory along, or what can be read there.
ProcessLook Failed(int error) {
  return {.state = error == ENOENT || error == ESRCH
                       ? ProcessLook::State::kGone
                       : ProcessLook::State::kUnknown};
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
  char state = '\0';
  int threads = 0;
  std::string start_time;  // empty when the text is no stat
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

ProcessLook LookAtProcess(pid_t pid) {
  using State = ProcessLook::State;
  if (pid <= 0) {
    return {.state = State::kGone};
  }
  // First, as without it proc is not there, which says nothing of a process.
  std::string boot;
  if (ReadProc(AT_FDCWD, "/proc/sys/kernel/random/boot_id", boot) != 0) {
    return {.state = State::kUnknown};
  }
  boot.resize(boot.find_last_not_of('\n') + 1);
  // Files below an open directory are of this process or of none, even when its
  // number is given away meanwhile.
  const std::string path = "/proc/" + std::to_string(pid);
  const Fd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid()) {
    return Failed(errno);
  }
  std::string status;
  if (const int error = ReadProc(directory.get(), "status", status);
      error != 0) {
    return Failed(error);
  }
  const int64_t process = NumberOf(status, "\nTgid:\t");
  const int64_t owner = NumberOf(status, "\nUid:\t");
  if (boot.empty() || process < 0 || owner < 0) {
    return {.state = State::kUnknown};
  }
  // Threads have directories as well; and the owner of a directory is root when
  // its process may not be dumped.
  if (process != pid || owner != int64_t{::geteuid()}) {
    return {.state = State::kGone};
  }
  std::string text;
  if (const int error = ReadProc(directory.get(), "stat", text); error != 0) {
    return Failed(error);
  }
  const Stat stat = ReadStat(text);
  if (stat.start_time.empty()) {
    return {.state = State::kUnknown};
  }
  if (Ended(stat)) {
    return {.state = State::kGone};
  }
  return {.state = State::kAlive, .identity = boot + "/" + stat.start_time};
}

}  // namespace bottled
