#include "base/error.h"

#include <cerrno>
#include <string>

#include "absl/strings/cord.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bottled {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

std::string Message(const absl::Status& status) {
  return std::string(status.message());
}

TEST(Error, CarriesReasonAndRemedy) {
  const absl::Status status = MakeError(absl::StatusCode::kNotFound,
                                        "IMAGE_NOT_FOUND", "no image", "pull");
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Message(status), "no image");
  const ErrorDetail detail = GetErrorDetail(status);
  EXPECT_EQ(detail.reason, "IMAGE_NOT_FOUND");
  EXPECT_EQ(detail.remedy, "pull");
  EXPECT_EQ(detail.stage, "");
  EXPECT_THAT(detail.log_tail, IsEmpty());
}

TEST(Error, DetailSurvivesCopiesAndReplacement) {
  absl::Status status =
      MakeError(absl::StatusCode::kInternal, "FIRST", "message", "");
  ErrorDetail detail = GetErrorDetail(status);
  detail.reason = "SECOND";
  detail.stage = "read";
  detail.log_tail = {"one", "two \"quoted\"\n"};
  status = WithDetail(status, detail);
  const absl::Status copy = status;
  EXPECT_EQ(GetErrorDetail(copy).reason, "SECOND");
  EXPECT_EQ(GetErrorDetail(copy).stage, "read");
  EXPECT_THAT(GetErrorDetail(copy).log_tail,
              ElementsAre("one", "two \"quoted\"\n"));
  EXPECT_EQ(Message(copy), "message");
}

TEST(Error, BytesThatAreNotUtf8DoNotThrow) {
  ErrorDetail detail;
  detail.reason = "X";
  detail.log_tail = {"before\xff\xfe after"};
  const absl::Status status = WithDetail(absl::InternalError("m"), detail);
  const ErrorDetail back = GetErrorDetail(status);
  EXPECT_EQ(back.reason, "X");
  ASSERT_EQ(back.log_tail.size(), 1U);
  EXPECT_THAT(back.log_tail[0], StartsWith("before"));
  EXPECT_THAT(back.log_tail[0], HasSubstr(" after"));
}

TEST(Error, ReasonOfAPlainStatusIsItsCode) {
  EXPECT_EQ(GetErrorDetail(absl::InternalError("x")).reason, "INTERNAL");
  EXPECT_EQ(GetErrorDetail(absl::DataLossError("x")).reason, "DATA_LOSS");
}

TEST(Error, ADamagedPayloadCountsAsNone) {
  for (const std::string payload :
       {"", "{", "[]", "3", R"({"reason": 7})", R"({"log_tail": 1})",
        R"({"reason": ""})", "\xff"}) {
    absl::Status status = absl::AbortedError("x");
    status.SetPayload(
        "bottled.dev/error-detail",
        absl::Cord(absl::string_view(payload.data(), payload.size())));
    EXPECT_EQ(GetErrorDetail(status).reason, "ABORTED") << payload;
  }
}

TEST(Error, HasReasonIsExact) {
  const absl::Status status =
      MakeError(absl::StatusCode::kInternal, "NO_SPACE", "m", "");
  EXPECT_TRUE(HasReason(status, "NO_SPACE"));
  EXPECT_FALSE(HasReason(status, "NO_SPAC"));
  EXPECT_FALSE(HasReason(status, "NO_SPACE_LEFT"));
  EXPECT_FALSE(HasReason(absl::OkStatus(), "OK"));
}

TEST(Error, AnnotateKeepsCodeAndEveryPayload) {
  absl::Status status =
      MakeError(absl::StatusCode::kUnavailable, "DOWN", "refused", "start it");
  status.SetPayload("other", absl::Cord("payload"));
  const absl::Status annotated = Annotate(status, "engine");
  EXPECT_EQ(annotated.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Message(annotated), "engine: refused");
  EXPECT_EQ(GetErrorDetail(annotated).reason, "DOWN");
  EXPECT_EQ(GetErrorDetail(annotated).remedy, "start it");
  ASSERT_TRUE(annotated.GetPayload("other").has_value());
  EXPECT_TRUE(Annotate(absl::OkStatus(), "engine").ok());
}

struct ErrnoCase {
  int errnum;
  absl::StatusCode code;
  const char* reason;
};

class ErrnoErrorTest : public testing::TestWithParam<ErrnoCase> {};

TEST_P(ErrnoErrorTest, MapsCodeAndReason) {
  const absl::Status status = ErrnoError(GetParam().errnum, "open /x");
  EXPECT_EQ(status.code(), GetParam().code);
  EXPECT_EQ(GetErrorDetail(status).reason, GetParam().reason);
  EXPECT_THAT(Message(status), StartsWith("open /x: "));
  EXPECT_THAT(Message(status), Not(testing::EndsWith(": ")));
}

INSTANTIATE_TEST_SUITE_P(
    All, ErrnoErrorTest,
    testing::Values(
        ErrnoCase{ENOSPC, absl::StatusCode::kResourceExhausted, "NO_SPACE"},
        ErrnoCase{EDQUOT, absl::StatusCode::kResourceExhausted, "NO_SPACE"},
        ErrnoCase{EACCES, absl::StatusCode::kPermissionDenied,
                  "PERMISSION_DENIED"},
        ErrnoCase{EPERM, absl::StatusCode::kPermissionDenied,
                  "PERMISSION_DENIED"},
        ErrnoCase{ENOENT, absl::StatusCode::kNotFound, "NOT_FOUND"},
        ErrnoCase{EMFILE, absl::StatusCode::kResourceExhausted,
                  "TOO_MANY_FILES"},
        ErrnoCase{ENFILE, absl::StatusCode::kResourceExhausted,
                  "TOO_MANY_FILES"},
        ErrnoCase{EEXIST, absl::StatusCode::kAlreadyExists, "IO_ERROR"},
        ErrnoCase{EIO, absl::StatusCode::kUnknown, "IO_ERROR"},
        ErrnoCase{0, absl::StatusCode::kUnknown, "IO_ERROR"}));

TEST(Error, Cancelled) {
  EXPECT_EQ(CancelledError().code(), absl::StatusCode::kCancelled);
  EXPECT_TRUE(HasReason(CancelledError(), "CANCELLED"));
}

}  // namespace
}  // namespace bottled
