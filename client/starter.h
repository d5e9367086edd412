// Starting the daemon when there is none. session.h tells the whole story.

#ifndef BOTTLED_CLIENT_STARTER_H_
#define BOTTLED_CLIENT_STARTER_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/connection.h"
#include "platform/places.h"

namespace bottled::client {

struct StartSpec {
  Places places;
  // What the user gave as flags, to be handed on; the daemon finds the rest in
  // the same environment and its own configuration.
  PlaceOverrides given;
  // Of bottlectl.
  std::vector<std::string> env;
};

// The daemon's program: $BOTTLED_DAEMON, else `bottled` beside bottlectl's own
// file, else in PATH. PROGRAM_NOT_FOUND.
absl::StatusOr<std::string> FindDaemon(const std::vector<std::string>& env);

// Connects to the daemon, starting it if it still does not run: whoever gets
// the start lock does, the others find it running. Blocks, at most about 25
// seconds. DAEMON_START_FAILED with the end of the daemon's log.
absl::StatusOr<Connection> StartDaemon(const StartSpec& spec);

}  // namespace bottled::client

#endif  // BOTTLED_CLIENT_STARTER_H_
