// The permission bits of a file, for tests of what others may do with it.

#ifndef BOTTLED_TESTS_PLATFORM_MODE_OF_H_
#define BOTTLED_TESTS_PLATFORM_MODE_OF_H_

#include <sys/stat.h>

#include <filesystem>

#include "gtest/gtest.h"

namespace bottled {

inline mode_t ModeOf(const std::filesystem::path& path) {
  struct stat info = {};
  EXPECT_EQ(::lstat(path.c_str(), &info), 0) << path;
  return info.st_mode & 07777;
}

}  // namespace bottled

#endif  // BOTTLED_TESTS_PLATFORM_MODE_OF_H_
