// The errors that bottlectl makes itself, one function each; those of the
// daemon arrive over the wire. Pure.

#ifndef BOTTLED_CLIENT_ERRORS_H_
#define BOTTLED_CLIENT_ERRORS_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace bottled::client {

// USAGE: the command line makes no sense.
absl::Status UsageError(std::string_view what);

// CONNECTION_LOST: the socket ended, or what came over it is no HTTP/2.
absl::Status ConnectionLost(std::string_view why);

// MESSAGE_TOO_LARGE: a message beyond the limit of the channel.
absl::Status MessageTooLarge(size_t bytes, size_t limit);

// BAD_ANSWER: the daemon broke the contract.
absl::Status BadAnswer(std::string_view method, std::string_view why);

// CALL_TIMEOUT: no answer in time.
absl::Status CallTimeout(std::string_view method);

// DAEMON_UNTRUSTED: the socket, or who listens on it, is not ours.
absl::Status DaemonUntrusted(std::string_view why);

// DAEMON_START_FAILED: with the end of its log.
absl::Status DaemonStartFailed(std::string_view why, std::string_view remedy,
                               std::vector<std::string> log_tail);

// DAEMON_LOST: it went away while it worked for us, and did not come back.
absl::Status DaemonLost(const absl::Status& last);

// DAEMON_MANAGED: `daemon stop` of one that a service manager runs.
absl::Status DaemonManaged();

// DAEMON_STILL_RUNNING: it does not end.
absl::Status DaemonStillRunning(int pid, int seconds);

// DAEMON_TOO_OLD: it does not know what it was asked for.
absl::Status DaemonTooOld();

// READ_FAILED: standard input, or a log.
absl::Status ReadFailed(int errnum, std::string_view what);

// WRITE_FAILED: standard output is closed or full.
absl::Status WriteFailed(int errnum);

// VERIFY_FAILED: at least one artifact is not what was published.
absl::Status VerifyFailed(int bad, int all);

// VERIFY_FAILED: a machine is not what the plan asks for, or that cannot be
// found out. `slug` is the plan's.
absl::Status MachineNotVerified(std::string_view machine, std::string_view why,
                                std::string_view slug);

// LEASE_LOST: what was to be kept is gone; `reason` is the daemon's word.
absl::Status LeaseLost(std::string_view reason);

// CAPTURE_FAILED: a program that was run for its output gave none to use.
absl::Status CaptureFailed(std::string_view program, std::string_view why);

// CHECKS_FAILED: `doctor` found something broken.
absl::Status ChecksFailed(int bad, int all);

// PLAN_INCOMPLETE: there is no artifact yet, so nothing can be run.
absl::Status PlanIncomplete(std::string_view slug);

// USAGE: $HOME, where manifests are, is not set or not absolute.
absl::Status NoHome();

}  // namespace bottled::client

#endif  // BOTTLED_CLIENT_ERRORS_H_
