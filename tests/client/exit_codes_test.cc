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

TEST(ExitCodesTest, ReasonsOfBottles) {
  // The canonical code must not decide.
  const auto code = [](const char* reason) {
    return ExitCodeFor(
        MakeError(absl::StatusCode::kCancelled, reason, "m", "r"));
  };
  EXPECT_EQ(code("MANIFEST_UNKNOWN_KEY"), kExitInvalid);
  EXPECT_EQ(code("MANIFEST_ANYTHING"), kExitInvalid);
  EXPECT_EQ(code("MANIFEST_AGENT_NOT_FOUND"), kExitNotFound);
  EXPECT_EQ(code("MANIFEST_BOTTLE_NOT_FOUND"), kExitNotFound);
  EXPECT_EQ(code("BOTTLE_NOT_FOUND"), kExitNotFound);
  EXPECT_EQ(code("ADDRESSES_EXHAUSTED"), kExitSpace);
  EXPECT_EQ(code("BAD_ADDRESS_POOL"), kExitInvalid);
  EXPECT_EQ(code("GATE_UNRENDERABLE"), kExitInvalid);
  EXPECT_EQ(code("VERIFY_FAILED"), kExitFailure);
  EXPECT_EQ(code("PROGRAM_NOT_FOUND"), kExitFailure);
  EXPECT_EQ(code("NO_MANIFEST_"), kExitCancelled);
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
  EXPECT_EQ(ExitCodeFor(MachineNotVerified("m", "x", "s")), kExitFailure);
  EXPECT_EQ(ExitCodeFor(ChecksFailed(1, 2)), kExitFailure);
  EXPECT_EQ(ExitCodeFor(PlanIncomplete("s")), kExitFailure);
  EXPECT_EQ(ExitCodeFor(DaemonTooOld()), kExitDaemon);
  EXPECT_EQ(ExitCodeFor(NoHome()), kExitUsage);
}

}  // namespace
}  // namespace bottled::client
