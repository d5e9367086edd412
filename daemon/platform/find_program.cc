#include "platform/find_program.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "platform/errors.h"

namespace bottled {
namespace {

bool IsExecutable(const std::string& path) {
  struct stat info = {};
  return ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) &&
         ::access(path.c_str(), X_OK) == 0;
}

std::string_view PathOf(const std::vector<std::string>& env) {
  constexpr std::string_view kPrefix = "PATH=";
  for (const std::string_view entry : env) {
    if (entry.starts_with(kPrefix)) {
      return entry.substr(kPrefix.size());
    }
  }
  return {};
}

}  // namespace

absl::StatusOr<std::string> FindProgram(std::string_view name,
                                        const std::vector<std::string>& env) {
  if (name.find('/') != std::string_view::npos) {
    return std::string(name);
  }
  std::string_view rest = PathOf(env);
  while (!name.empty() && !rest.empty()) {
    const std::string_view dir = rest.substr(0, rest.find(':'));
    rest.remove_prefix(std::min(rest.size(), dir.size() + 1));
    if (dir.starts_with('/')) {
      std::string path(dir);
      path += '/';
      path += name;
      if (IsExecutable(path)) {
        return path;
      }
    }
  }
  return ProgramNotFoundError(name);
}

}  // namespace bottled
