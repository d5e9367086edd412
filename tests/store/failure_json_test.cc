#include "store/failure_json.h"

#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bottled {
namespace {

using ::testing::ElementsAre;

TEST(FailureJsonTest, CarriesEverything) {
  const absl::Status status = WithDetail(
      absl::Status(absl::StatusCode::kDataLoss, "The \"file\" broke\n"),
      {.reason = "DIGEST_MISMATCH",
       .remedy = "Try again.",
       .stage = "read",
       .log_tail = {"one", "two \xff"}});
  const absl::Status decoded = DecodeFailure(EncodeFailure(status));
  EXPECT_EQ(decoded.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(decoded.message(), status.message());
  const ErrorDetail detail = GetErrorDetail(decoded);
  EXPECT_EQ(detail.reason, "DIGEST_MISMATCH");
  EXPECT_EQ(detail.remedy, "Try again.");
  EXPECT_EQ(detail.stage, "read");
  EXPECT_THAT(detail.log_tail, ElementsAre("one", "two \xef\xbf\xbd"));
}

TEST(FailureJsonTest, ARecoveredFailureNeedsNoCode) {
  const absl::Status status =
      DecodeFailure(R"({"reason":"INTERRUPTED","message":"gone"})");
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_TRUE(HasReason(status, "INTERRUPTED"));
}

TEST(FailureJsonTest, NothingDecodesToOk) {
  for (const char* text :
       {"", "null", "[]", "{", R"({"code":0})", R"({"code":5,"reason":7})",
        R"({"code":0,"reason":"X"})", R"({"code":-4,"reason":"X"})",
        R"({"code":99999999999,"reason":"X"})", "\xff\xfe"}) {
    EXPECT_FALSE(DecodeFailure(text).ok()) << text;
  }
  EXPECT_TRUE(HasReason(DecodeFailure("{}"), "FAILURE_UNKNOWN"));
}

}  // namespace
}  // namespace bottled
