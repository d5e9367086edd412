#include "client/errors.h"

#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/strings.h"
#include "fmt/format.h"

namespace bottled::client {
namespace {

std::string ErrnoText(int errnum) {
  return std::error_code(errnum, std::generic_category()).message();
}

}  // namespace

absl::Status UsageError(std::string_view what) {
  return MakeError(absl::StatusCode::kInvalidArgument, "USAGE", what,
                   "bottlectl help, or bottlectl COMMAND --help");
}

absl::Status ConnectionLost(std::string_view why) {
  return MakeError(absl::StatusCode::kUnavailable, "CONNECTION_LOST",
                   fmt::format("the connection to the daemon ended: {}", why),
                   "Try again; `bottlectl daemon logs` may tell why.");
}

absl::Status MessageTooLarge(size_t bytes, size_t limit) {
  return MakeError(
      absl::StatusCode::kResourceExhausted, "MESSAGE_TOO_LARGE",
      fmt::format("the daemon sends a message of {}; at most {} are taken",
                  FormatBytes(static_cast<int64_t>(bytes)),
                  FormatBytes(static_cast<int64_t>(limit))),
      "Ask for less at once, for example with a limit.");
}

absl::Status BadAnswer(std::string_view method, std::string_view why) {
  return MakeError(
      absl::StatusCode::kInternal, "BAD_ANSWER",
      fmt::format("the daemon's answer to {} makes no sense: {}", method, why),
      "Restart the daemon, so that it has the release of bottlectl: "
      "bottlectl daemon stop");
}

absl::Status CallTimeout(std::string_view method) {
  return MakeError(absl::StatusCode::kDeadlineExceeded, "CALL_TIMEOUT",
                   fmt::format("the daemon did not answer {} in time", method),
                   "See what it does: bottlectl daemon logs");
}

absl::Status DaemonUntrusted(std::string_view why) {
  return MakeError(absl::StatusCode::kPermissionDenied, "DAEMON_UNTRUSTED",
                   fmt::format("will not talk to that daemon: {}", why),
                   "Remove the file, or name another socket with --socket or "
                   "BOTTLED_SOCKET.");
}

absl::Status DaemonStartFailed(std::string_view why, std::string_view remedy,
                               std::vector<std::string> log_tail) {
  return WithDetail(
      absl::Status(absl::StatusCode::kUnavailable,
                   fmt::format("could not start the daemon: {}", why)),
      {.reason = "DAEMON_START_FAILED",
       .remedy = std::string(remedy),
       .stage = "",
       .log_tail = std::move(log_tail)});
}

absl::Status DaemonLost(const absl::Status& last) {
  return MakeError(absl::StatusCode::kUnavailable, "DAEMON_LOST",
                   fmt::format("the daemon went away during the job: {}",
                               std::string(last.message())),
                   "Run the command again; it starts a new daemon. `bottlectl "
                   "daemon logs` may tell what happened.");
}

absl::Status DaemonManaged() {
  return MakeError(
      absl::StatusCode::kFailedPrecondition, "DAEMON_MANAGED",
      "a service manager owns the daemon's socket and would start it again",
      "systemctl --user stop bottled.socket bottled.service");
}

absl::Status DaemonStillRunning(int pid, int seconds) {
  return MakeError(
      absl::StatusCode::kDeadlineExceeded, "DAEMON_STILL_RUNNING",
      fmt::format("the daemon (pid {}) still runs after {} s", pid, seconds),
      fmt::format("Wait, or end it the hard way: kill -9 {}. No "
                  "artifact is lost by that.",
                  pid));
}

absl::Status DaemonTooOld() {
  return MakeError(absl::StatusCode::kUnimplemented, "DAEMON_TOO_OLD",
                   "the daemon that runs does not know this command",
                   "bottlectl daemon stop; the next command starts the "
                   "installed one.");
}

absl::Status ReadFailed(int errnum, std::string_view what) {
  return MakeError(absl::StatusCode::kUnavailable, "READ_FAILED",
                   fmt::format("reading {}: {}", what, ErrnoText(errnum)), "");
}

absl::Status WriteFailed(int errnum) {
  return MakeError(absl::StatusCode::kUnknown, "WRITE_FAILED",
                   fmt::format("writing the output: {}", ErrnoText(errnum)),
                   "");
}

absl::Status VerifyFailed(int bad, int all) {
  return MakeError(
      absl::StatusCode::kDataLoss, "VERIFY_FAILED",
      fmt::format("{} of {} artifacts are damaged", bad, all),
      "They are no longer served; the next pack makes them again.");
}

absl::Status MachineNotVerified(std::string_view machine, std::string_view why,
                                std::string_view slug) {
  return MakeError(
      absl::StatusCode::kFailedPrecondition, "VERIFY_FAILED",
      fmt::format("machine {} is not shown to be as planned: {}",
                  Printable(machine), why),
      fmt::format("Do not start it. Delete it, and make it with the plan's own "
                  "command: bottlectl prepare --resume {} --argv",
                  Printable(slug)));
}

absl::Status LeaseLost(std::string_view reason) {
  return MakeError(
      absl::StatusCode::kDataLoss, "LEASE_LOST",
      fmt::format("the artifact is no longer kept: {}", Printable(reason)),
      "What has its file open can go on; ask for it again.");
}

absl::Status CaptureFailed(std::string_view program, std::string_view why) {
  return MakeError(absl::StatusCode::kInternal, "CAPTURE_FAILED",
                   fmt::format("running {}: {}", program, why),
                   "Run it yourself to see what it says.");
}

absl::Status ChecksFailed(int bad, int all) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "CHECKS_FAILED",
                   fmt::format("{} of {} checks failed", bad, all), "");
}

absl::Status PlanIncomplete(std::string_view slug) {
  return MakeError(
      absl::StatusCode::kFailedPrecondition, "PLAN_INCOMPLETE",
      fmt::format("bottle {} has no artifact yet, so there is no command line",
                  Printable(slug)),
      fmt::format("bottlectl prepare --resume {}", Printable(slug)));
}

absl::Status NoHome() {
  return MakeError(absl::StatusCode::kInvalidArgument, "USAGE",
                   "HOME is not set to an absolute path",
                   "Set it: manifests are in $HOME/.bot-bottle.");
}

}  // namespace bottled::client
