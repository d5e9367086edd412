// Following a job to its end: events to a sink, an upload beside it, Ctrl-C,
// broken streams. session.h tells the rules.

#ifndef BOTTLED_CLIENT_FOLLOW_H_
#define BOTTLED_CLIENT_FOLLOW_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "bottled/v1/job.pb.h"
#include "client/session.h"

namespace bottled::client {

// What becomes of the events.
class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual void OnEvent(const v1::JobEvent& event) = 0;
  // About ten times a second.
  virtual void OnTick() = 0;
  // A line about the following itself.
  virtual void OnNotice(const std::string& line) = 0;
  // An error ends the following as Ctrl-C does; it is what Follow() returns.
  virtual absl::Status status() const = 0;
};

struct FollowSpec {
  std::string job_id;
  // From Pack; empty = only watch: Ctrl-C then leaves the job alone.
  std::string interest_id;
  int64_t after_seq = 0;
  // From Pack, with the descriptor to send; empty = nothing to upload.
  std::string upload_id;
  int upload_fd = -1;
  // Readable = Ctrl-C; -1 = never.
  int interrupt_fd = -1;
};

// Blocks until the job's end and returns its artifact, or the job's failure, or
// CANCELLED, or DAEMON_LOST when nobody answered for 30 s, or what WatchJob()
// and starting a daemon fail with.
absl::StatusOr<v1::Artifact> Follow(Session& session, const FollowSpec& spec,
                                    EventSink& sink);

}  // namespace bottled::client

#endif  // BOTTLED_CLIENT_FOLLOW_H_
