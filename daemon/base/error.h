// Typed errors: an absl::Status that also carries a stable reason, a remedy
// and, once a job is involved, the stage and the last log lines.
//
// Every layer has an errors.h with one function per error it can return; they
// all build on MakeError(). The rpc layer turns the detail into the
// `bottled-error-bin` trailer. Free functions, thread-safe.

#ifndef BOTTLED_BASE_ERROR_H_
#define BOTTLED_BASE_ERROR_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace bottled {

// What a status carries beside its code and message.
struct ErrorDetail {
  // Stable, upper-case, for programs. docs/errors.md lists all.
  std::string reason;
  // What the user can do. May be empty.
  std::string remedy;
  // The job's stage, in the words of jobs/event.h. Empty outside of a job.
  std::string stage;
  // The last lines of the job's log. Empty outside of a job.
  std::vector<std::string> log_tail;
};

// An error status with `reason` and `remedy` attached. `code` must not be OK.
absl::Status MakeError(absl::StatusCode code, std::string_view reason,
                       std::string_view message, std::string_view remedy);

// The same status with its detail replaced. The status must not be OK.
absl::Status WithDetail(absl::Status status, const ErrorDetail& detail);

// The detail, or, for a status without one, a detail whose reason is the name
// of the code ("INTERNAL" …). The status must not be OK.
ErrorDetail GetErrorDetail(const absl::Status& status);

// True when the status carries exactly this reason.
bool HasReason(const absl::Status& status, std::string_view reason);

// Puts "`context`: " in front of the message; code and detail stay.
absl::Status Annotate(const absl::Status& status, std::string_view context);

// The status of a failed system call: `errnum` mapped to a canonical code, with
// the reasons NO_SPACE (ENOSPC, EDQUOT), PERMISSION_DENIED (EACCES, EPERM),
// NOT_FOUND (ENOENT), TOO_MANY_FILES (EMFILE, ENFILE) or IO_ERROR.
absl::Status ErrnoError(int errnum, std::string_view what);

// The error that every blocking call returns when its token was cancelled:
// code CANCELLED, reason CANCELLED.
absl::Status CancelledError();

}  // namespace bottled

#endif  // BOTTLED_BASE_ERROR_H_
