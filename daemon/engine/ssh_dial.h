// A connection to an engine on another machine, as docker's CLI makes it:
// `ssh … docker system dial-stdio`, whose standard input and output carry the
// API (docker/cli cli/connhelper).

#ifndef BOTTLED_ENGINE_SSH_DIAL_H_
#define BOTTLED_ENGINE_SSH_DIAL_H_

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/address.h"
#include "platform/fd.h"
#include "platform/process.h"

namespace bottled {

// What ssh wrote to its standard error, as one text for people: its lines with
// "; " between them, without the frame around its warnings. A text of more than
// 900 bytes loses its beginning, as ssh says last what it died of.
std::string SshErrorText(std::string_view raw);

// The command line. Exposed for tests.
std::vector<std::string> SshArgv(const EngineAddress& address,
                                 std::chrono::seconds connect_timeout);

// One connection. libcurl connects to a socket of ours; the other end of that
// connection becomes ssh's standard input and output. (A connected socket pair
// would be simpler, but libcurl 7.88 dials descriptors that it was told are
// connected.) Stays where it is. Destruction ends ssh. Not thread-safe.
class SshDial {
 public:
  // Listens on a socket that only this user can reach.
  static absl::StatusOr<std::unique_ptr<SshDial>> Create(
      EngineAddress address, std::chrono::milliseconds connect_timeout);

  ~SshDial();
  SshDial(const SshDial&) = delete;
  SshDial& operator=(const SshDial&) = delete;

  // Where libcurl has to connect to.
  std::string socket_path() const;

  // To be called once something has connected there: starts ssh on it and
  // removes the socket. Does not wait for ssh to connect. The child gets PATH,
  // HOME and what ssh itself reads of our environment, has no terminal and
  // never asks. Reason PROGRAM_NOT_FOUND.
  absl::Status Launch();

  // What ssh wrote to its standard error so far, at most 4 KiB; never blocks.
  std::string ErrorOutput();

 private:
  SshDial(EngineAddress address, std::chrono::milliseconds connect_timeout)
      : address_(std::move(address)), connect_timeout_(connect_timeout) {}

  absl::Status Listen();
  void RemoveSocket();

  const EngineAddress address_;
  const std::chrono::milliseconds connect_timeout_;
  std::string dir_;
  Fd listener_;
  Fd errors_;
  std::optional<Process> process_;
};

}  // namespace bottled

#endif  // BOTTLED_ENGINE_SSH_DIAL_H_
