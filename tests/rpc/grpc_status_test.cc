#include "rpc/grpc_status.h"

#include <string>

#include "base/error.h"
#include "gmock/gmock.h"
#include "grpcpp/server_context.h"
#include "grpcpp/test/server_context_test_spouse.h"
#include "gtest/gtest.h"

namespace bottled {
namespace {

struct Sent {
  grpc::Status status;
  v1::Failure failure;
  bool has_trailer = false;
};

Sent Convert(const absl::Status& status) {
  grpc::ServerContext context;
  grpc::testing::ServerContextTestSpouse spouse(&context);
  Sent sent;
  sent.status = ToGrpcStatus(&context, status);
  for (const auto& [name, value] : spouse.GetTrailingMetadata()) {
    if (name == kErrorTrailer) {
      sent.has_trailer = sent.failure.ParseFromString(value);
    }
  }
  return sent;
}

TEST(GrpcStatusTest, CodesAreTheCanonicalOnes) {
  for (int code = 1; code <= 16; ++code) {
    const Sent sent =
        Convert(absl::Status(static_cast<absl::StatusCode>(code), "m"));
    EXPECT_EQ(sent.status.error_code(), code);
    EXPECT_TRUE(sent.has_trailer);
  }
}

TEST(GrpcStatusTest, SuccessHasNoTrailer) {
  const Sent sent = Convert(absl::OkStatus());
  EXPECT_TRUE(sent.status.ok());
  EXPECT_FALSE(sent.has_trailer);
}

TEST(GrpcStatusTest, TheTrailerCarriesTheWholeError) {
  absl::Status status = MakeError(absl::StatusCode::kNotFound,
                                  "IMAGE_NOT_FOUND", "no such image", "Build");
  ErrorDetail detail = GetErrorDetail(status);
  detail.stage = "read";
  detail.log_tail = {"one", "two"};
  const Sent sent = Convert(WithDetail(status, detail));
  EXPECT_EQ(sent.failure.reason(), "IMAGE_NOT_FOUND");
  EXPECT_EQ(sent.failure.remedy(), "Build");
  EXPECT_EQ(sent.failure.message(), "no such image");
  EXPECT_EQ(sent.failure.stage(), v1::STAGE_READ);
  EXPECT_THAT(sent.failure.log_tail(), ::testing::ElementsAre("one", "two"));
}

TEST(GrpcStatusTest, HeadersStayWithinGrpcsLimit) {
  absl::Status status =
      MakeError(absl::StatusCode::kInternal, "R", std::string(100'000, 'm'),
                std::string(100'000, 'r'));
  ErrorDetail detail = GetErrorDetail(status);
  detail.log_tail.assign(1000, std::string(1000, 'l'));
  const Sent sent = Convert(WithDetail(status, detail));
  EXPECT_LT(
      sent.status.error_message().size() + sent.failure.ByteSizeLong() * 4 / 3,
      size_t{8192});
  EXPECT_EQ(sent.failure.reason(), "R");
}

TEST(GrpcStatusTest, ForeignBytesBecomePrintable) {
  const Sent sent = Convert(
      MakeError(absl::StatusCode::kInternal, "R", "bad \xff\x1b[2J name", "r"));
  EXPECT_THAT(sent.status.error_message(),
              ::testing::Not(::testing::HasSubstr("\x1b")));
  EXPECT_TRUE(sent.has_trailer);
}

}  // namespace
}  // namespace bottled
