#include "client/exit_codes.h"

#include "base/error.h"
#include "client/errors.h"
#include "gtest/gtest.h"

namespace bottled::client {
namespace {

TEST(ExitCodesTest, ReasonsDecide) {
  const auto code = [](const char* reason) {
    return ExitCodeFor(
        MakeError(absl::StatusCode::kInternal, reason, "m", "r"));
  };
  EXPECT_EQ(code("IMAGE_NOT_FOUND"), kExitNotFound);
  EXPECT_EQ(code("BAD_REFERENCE"), kExitInvalid);
  EXPECT_EQ(code("ENGINE_UNREACHABLE"), kExitEngine);
  EXPECT_EQ(code("NO_SPACE"), kExitSpace);
  EXPECT_EQ(code("DAEMON_LOST"), kExitDaemon);
  EXPECT_EQ(code("CANCELLED"), kExitCancelled);
  EXPECT_EQ(code("NEVER_HEARD_OF"), kExitFailure);
}

TEST(ExitCodesTest, ElseTheCanonicalCode) {
  EXPECT_EQ(ExitCodeFor(absl::OkStatus()), kExitOk);
  EXPECT_EQ(ExitCodeFor(absl::NotFoundError("")), kExitNotFound);
  EXPECT_EQ(ExitCodeFor(absl::InvalidArgumentError("")), kExitInvalid);
  EXPECT_EQ(ExitCodeFor(absl::ResourceExhaustedError("")), kExitSpace);
  EXPECT_EQ(ExitCodeFor(absl::UnavailableError("")), kExitDaemon);
  EXPECT_EQ(ExitCodeFor(absl::InternalError("")), kExitFailure);
}

TEST(ExitCodesTest, TheClientsOwnErrors) {
  EXPECT_EQ(ExitCodeFor(UsageError("x")), kExitUsage);
  EXPECT_EQ(ExitCodeFor(ConnectionLost("x")), kExitDaemon);
  EXPECT_EQ(ExitCodeFor(DaemonUntrusted("x")), kExitDaemon);
  EXPECT_EQ(ExitCodeFor(VerifyFailed(1, 2)), kExitFailure);
}

}  // namespace
}  // namespace bottled::client
