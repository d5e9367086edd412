// The exit codes of bottlectl; docs/guide.md explains them to users. They are
// part of the interface: numbers never change their meaning.

#ifndef BOTTLED_CLIENT_EXIT_CODES_H_
#define BOTTLED_CLIENT_EXIT_CODES_H_

#include "absl/status/status.h"

namespace bottled::client {

enum ExitCode : int {
  kExitOk = 0,
  // A job that failed for a reason without a code of its own, and all else.
  kExitFailure = 1,
  // The command line makes no sense.
  kExitUsage = 2,
  // No such image, artifact, job, archive, agent or bottle.
  kExitNotFound = 3,
  // What was given cannot become an artifact or a plan: bad reference, bad
  // archive, other architecture, an image that no artifact can express, a
  // manifest that breaks the format.
  kExitInvalid = 4,
  // The engine cannot be reached, refuses, or fails.
  kExitEngine = 5,
  // No space, or a limit of the daemon.
  kExitSpace = 6,
  // The daemon cannot be reached, started or trusted.
  kExitDaemon = 7,
  // Cancelled, by Ctrl-C or by somebody else.
  kExitCancelled = 130,
};

// The code of an error: by its reason, else by its reason's family, else by its
// canonical code. The one table. Pure.
ExitCode ExitCodeFor(const absl::Status& status);

}  // namespace bottled::client

#endif  // BOTTLED_CLIENT_EXIT_CODES_H_
