#include "image/symlink.h"

#include <optional>
#include <string>

#include "gtest/gtest.h"

namespace bottled {
namespace {

struct Case {
  const char* path;
  const char* target;
  const char* rewritten;  // nullptr: fine as it is
};

class SafeSymlinkTargetTest : public testing::TestWithParam<Case> {};

TEST_P(SafeSymlinkTargetTest, Rewrites) {
  const Case& c = GetParam();
  const std::optional<std::string> result = SafeSymlinkTarget(c.path, c.target);
  if (c.rewritten == nullptr) {
    EXPECT_EQ(result, std::nullopt);
    return;
  }
  ASSERT_EQ(result, c.rewritten);
  EXPECT_EQ(SafeSymlinkTarget(c.path, *result), std::nullopt)
      << "the result must be fine";
}

INSTANTIATE_TEST_SUITE_P(
    Root, SafeSymlinkTargetTest,
    testing::Values(Case{"l", "/", "."}, Case{"l", "//", "."},
                    Case{"l", "/.", "."}, Case{"l", "/./", "."},
                    Case{"a/l", "/", ".."}, Case{"a/b/l", "//.", "../.."},
                    Case{"a/b/l", "/..", "../.."},
                    // Lexically the root, but a/.. may lead elsewhere.
                    Case{"l", "/a/..", "a/.."},
                    Case{"x/l", "/a/..", "../a/.."}));

INSTANTIATE_TEST_SUITE_P(
    Climbing, SafeSymlinkTargetTest,
    testing::Values(Case{"l", "..", "."}, Case{"l", "../..", "."},
                    Case{"l", "../x", "x"}, Case{"a/l", "../../x", "../x"},
                    Case{"a/l", "../..", ".."}, Case{"a/l", "../../", ".."},
                    Case{"a/l", "../../x/", "../x/"}, Case{"l", "/../x", "/x"},
                    Case{"l", "/../x/y/", "/x/y/"},
                    Case{"l", "a/../../x", "a/../x"},
                    Case{"l", "/a/../../x", "/a/../x"},
                    Case{"l", ".././x", "x"}));

INSTANTIATE_TEST_SUITE_P(
    Fine, SafeSymlinkTargetTest,
    testing::Values(Case{"l", "x", nullptr}, Case{"l", "/x", nullptr},
                    Case{"l", ".", nullptr}, Case{"l", "a/..", nullptr},
                    Case{"a/l", "..", nullptr}, Case{"a/l", "../x", nullptr},
                    Case{"a/b/l", "../../x", nullptr},
                    Case{"l", "...", nullptr}, Case{"l", "..x/y", nullptr},
                    Case{"l", "/proc/1/root", nullptr},
                    Case{"a/l", "./../x/", nullptr},
                    Case{"l", "/a/../b", nullptr}));

}  // namespace
}  // namespace bottled
