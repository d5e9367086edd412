// A connection to an engine on another machine, as docker's CLI makes it:
// `ssh … docker system dial-stdio`, whose standard input and output carry the
// API (docker/cli cli/connhelper).

#ifndef BOTTLED_ENGINE_SSH_DIAL_H_
#define BOTTLED_ENGINE_SSH_DIAL_H_

#include <chrono>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/address.h"
#include "platform/fd.h"
#include "platform/process.h"

namespace bottled {

// The command line. Exposed for tests.
std::vector<std::string> SshArgv(const EngineAddress& address,
                                 std::chrono::seconds connect_timeout);

// A running ssh. Destruction ends it. Not thread-safe.
class SshDial {
 public:
  // Starts ssh; does not wait for the connection. The child gets PATH, HOME and
  // what ssh itself reads of our environment, has no terminal and never asks.
  // Reason PROGRAM_NOT_FOUND.
  static absl::StatusOr<SshDial> Start(const EngineAddress& address,
                                       std::chrono::milliseconds timeout);

  // Our end of its standard input and output; the caller owns it from now on.
  Fd TakeSocket() { return std::move(socket_); }

  // What ssh wrote to its standard error so far, at most 4 KiB; never blocks.
  std::string ErrorOutput();

 private:
  SshDial(Process process, Fd socket, Fd errors)
      : process_(std::move(process)),
        socket_(std::move(socket)),
        errors_(std::move(errors)) {}

  Process process_;
  Fd socket_;
  Fd errors_;
};

}  // namespace bottled

#endif  // BOTTLED_ENGINE_SSH_DIAL_H_
