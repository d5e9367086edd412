#include <sys/prctl.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <system_error>

#include "platform/descendants.h"

namespace bottled {
namespace {

// The parent of a process, 0 when it is gone. proc(5): "PID (NAME) S PPID …",
// and the name may hold any of these characters.
pid_t ParentOf(const std::filesystem::path& directory) {
  std::ifstream file(directory / "stat");
  std::string text;
  std::getline(file, text, '\0');
  const size_t name_end = text.rfind(") ");
  pid_t parent = 0;
  // ") S 123 "
  if (name_end != std::string::npos && name_end + 4 < text.size()) {
    std::from_chars(text.data() + name_end + 4, text.data() + text.size(),
                    parent);
  }
  return parent;
}

}  // namespace

bool AdoptOrphans() { return ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0; }

std::vector<pid_t> Descendants(pid_t root) {
  std::multimap<pid_t, pid_t> children;
  std::error_code error;
  for (std::filesystem::directory_iterator it("/proc", error), end;
       !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename();
    pid_t pid = 0;
    std::from_chars(name.data(), name.data() + name.size(), pid);
    if (pid > 0) {
      children.emplace(ParentOf(it->path()), pid);
    }
  }
  std::vector<pid_t> found = {root};
  for (size_t i = 0; i < found.size(); ++i) {
    const auto [begin, end] = children.equal_range(found[i]);
    for (auto it = begin; it != end; ++it) {
      found.push_back(it->second);
    }
  }
  std::reverse(found.begin(), found.end());
  found.pop_back();
  return found;
}

}  // namespace bottled
