// Following a job for the person at the terminal: its events as JSON lines, or
// as a progress view on stderr.

#ifndef BOTTLED_CLIENT_USER_SINK_H_
#define BOTTLED_CLIENT_USER_SINK_H_

#include "absl/status/statusor.h"
#include "client/follow.h"
#include "client/output.h"
#include "client/session.h"

namespace bottled::client {

// Follow(), with `out` as the sink.
absl::StatusOr<v1::Artifact> FollowForUser(Session& session,
                                           const FollowSpec& spec, Output& out);

// What the packer had to say about it, a line each on stderr.
void PrintNotes(const v1::Artifact& artifact, Output& out);

}  // namespace bottled::client

#endif  // BOTTLED_CLIENT_USER_SINK_H_
