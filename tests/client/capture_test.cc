#include "client/capture.h"

#include <unistd.h>

#include <chrono>
#include <string>

#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "platform/pipe.h"

namespace bottled::client {
namespace {

using ::testing::HasSubstr;

CaptureSpec Shell(const std::string& script) {
  return {.argv = {"sh", "-c", script},
          .env = {"PATH=/usr/bin:/bin", "malformed"},
          .timeout = std::chrono::seconds(30),
          .max_bytes = 1 << 20};
}

std::string Message(const absl::Status& status) {
  return std::string(status.message());
}

TEST(CaptureTest, ReturnsStandardOutput) {
  const auto output = CaptureOutput(Shell("echo noise >&2; echo out; exit 0"));
  ASSERT_TRUE(output.ok()) << output.status();
  EXPECT_EQ(*output, "out\n");
}

TEST(CaptureTest, TakesMoreThanAPipeHolds) {
  const auto output =
      CaptureOutput(Shell("head -c 300000 /dev/zero | tr '\\0' x"));
  ASSERT_TRUE(output.ok()) << output.status();
  EXPECT_EQ(output->size(), 300000u);
}

TEST(CaptureTest, AGrandchildThatKeepsThePipeDoesNotHoldItUp) {
  const auto output = CaptureOutput(Shell("sleep 60 & echo out"));
  ASSERT_TRUE(output.ok()) << output.status();
  EXPECT_EQ(*output, "out\n");
}

TEST(CaptureTest, Failures) {
  CaptureSpec slow = Shell("sleep 60");
  slow.timeout = std::chrono::milliseconds(50);
  CaptureSpec loud = Shell("yes");
  loud.max_bytes = 1000;
  const struct {
    CaptureSpec spec;
    const char* message;
  } cases[] = {
      {slow, "longer"},
      {loud, "more than"},
      {Shell("exit 3"), "exited with 3"},
      {Shell("kill -9 $$"), "signal 9"},
  };
  for (const auto& each : cases) {
    const auto output = CaptureOutput(each.spec);
    EXPECT_TRUE(HasReason(output.status(), "CAPTURE_FAILED"))
        << output.status();
    EXPECT_THAT(Message(output.status()), HasSubstr(each.message));
  }
}

TEST(CaptureTest, NoSuchProgram) {
  CaptureSpec spec = Shell("");
  spec.env = {"PATH=/nowhere"};
  EXPECT_TRUE(HasReason(CaptureOutput(spec).status(), "PROGRAM_NOT_FOUND"));
}

TEST(CaptureTest, AnInterruptEndsIt) {
  absl::StatusOr<Pipe> pipe = MakePipe();
  ASSERT_TRUE(pipe.ok());
  ASSERT_EQ(::write(pipe->write.get(), "x", 1), 1);
  CaptureSpec spec = Shell("sleep 60");
  spec.interrupt_fd = pipe->read.get();
  EXPECT_TRUE(HasReason(CaptureOutput(spec).status(), "CANCELLED"));
}

}  // namespace
}  // namespace bottled::client
