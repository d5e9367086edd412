#include "client/absolute_path.h"

#include <filesystem>
#include <system_error>

#include "client/errors.h"

namespace bottled::client {

absl::StatusOr<std::string> AbsolutePath(const std::string& path) {
  std::error_code error;
  const std::filesystem::path full = std::filesystem::absolute(path, error);
  if (error) {
    return ReadFailed(error.value(), "the current directory");
  }
  return full.lexically_normal().native();
}

}  // namespace bottled::client
