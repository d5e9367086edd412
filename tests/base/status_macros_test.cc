#include "base/status_macros.h"

#include <memory>

#include "gtest/gtest.h"

namespace bottled {
namespace {

absl::StatusOr<std::unique_ptr<int>> Make(bool ok) {
  if (!ok) {
    return absl::NotFoundError("no");
  }
  return std::make_unique<int>(3);
}

absl::StatusOr<int> Use(bool first_ok, bool second_ok, bool check_ok) {
  ASSIGN_OR_RETURN(std::unique_ptr<int> first, Make(first_ok));
  std::unique_ptr<int> second;
  ASSIGN_OR_RETURN(second, Make(second_ok));
  RETURN_IF_ERROR(check_ok ? absl::OkStatus() : absl::AbortedError("check"));
  return *first + *second;
}

TEST(StatusMacros, ReturnTheFirstError) {
  EXPECT_EQ(*Use(true, true, true), 6);
  EXPECT_EQ(Use(false, true, true).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(Use(true, false, false).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(Use(true, true, false).status().code(), absl::StatusCode::kAborted);
}

}  // namespace
}  // namespace bottled
