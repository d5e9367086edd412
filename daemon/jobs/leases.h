// Leases and pins: who keeps which artifact from being collected.
//
// A lease never ends early, whatever happens to the clock or the daemon:
// - One for a time is kept with its end by the time of day. When that jumps
//   against the steady clock, because it was set or the machine slept, the ends
//   jump with it.
// - One of a process counts as long as LookAtProcess() finds that process.
// - One of a stream counts while it is attached, and kStreamGrace from the last
//   Detach(), or from Acquire(). The streams of an earlier life of the daemon
//   have kReattach from the start of this one to come back.
// A row that counts no more is removed by Sweep(), which must come before a
// removal is decided in the index: the index knows the ends of times only.

#ifndef BOTTLED_JOBS_LEASES_H_
#define BOTTLED_JOBS_LEASES_H_

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "image/digest.h"
#include "store/index.h"

namespace bottled {

struct LeaseSpec {
  LeaseKind kind = LeaseKind::kTtl;
  std::string holder;
  // Of kTtl: 1 s to 24 h.
  std::chrono::milliseconds ttl{0};
  // Of kPid: a process of this user.
  int64_t pid = 0;
};

// Thread-safe. Every method may wait for the disk.
class Leases {
 public:
  // From the end of a stream, or from Acquire(), until there must be one.
  static constexpr std::chrono::seconds kStreamGrace{10};
  // The same for streams of the daemon's last life, from construction.
  static constexpr std::chrono::seconds kReattach{60};

  Leases(Index& index, const Clock& clock);

  // BAD_LEASE when no artifact could have such a lease.
  static absl::Status Check(const LeaseSpec& spec);

  // A process that holds the artifact by the same name already gets the same
  // lease. Reasons BAD_LEASE (out of range, no holder, no such process),
  // ARTIFACT_NOT_FOUND, TOO_MANY_LEASES (10 000 in all), and the index's.
  absl::StatusOr<ArtifactLease> Acquire(const Digest& artifact,
                                        const LeaseSpec& spec);
  // Of a kTtl lease that has not ended. Reasons LEASE_NOT_FOUND, BAD_LEASE.
  absl::StatusOr<ArtifactLease> Renew(const std::string& id,
                                      std::chrono::milliseconds ttl);
  // Reason LEASE_NOT_FOUND.
  absl::Status Release(const std::string& id);

  // A stream that keeps the lease begins; several may. Each needs one Detach().
  // Reasons LEASE_NOT_FOUND, BAD_LEASE (not of kStream).
  absl::StatusOr<ArtifactLease> Attach(const std::string& id);
  // It ends. Never fails.
  void Detach(const std::string& id);
  // Whether its row is there: not once it was released, or its artifact is
  // gone.
  absl::StatusOr<bool> Exists(const std::string& id);

  // Those that count now: neither expired nor of a process that has ended.
  absl::StatusOr<std::vector<ArtifactLease>> List();
  // Who keeps which artifact now, in the words of store/holders.h: its pin,
  // then the leases that count.
  absl::StatusOr<std::map<Digest, std::vector<std::string>>> Holders();
  // Forgets those that do not count any more.
  absl::Status Sweep();

  // Reasons ARTIFACT_NOT_FOUND, BAD_LEASE (the note is too long).
  absl::Status Pin(const Digest& artifact, const std::string& note);
  // False when it was not pinned.
  absl::StatusOr<bool> Unpin(const Digest& artifact);

 private:
  // What is known of a stream lease of this life of the daemon.
  struct Stream {
    int attached = 0;
    // When it ends, if nothing is attached.
    std::chrono::steady_clock::time_point end;
  };

  // Lets the ends of kTtl leases jump with the time of day.
  absl::Status FollowClock() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool HasEnded(const ArtifactLease& lease) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status SweepLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status MakeRoom() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  Index& index_;
  const Clock& clock_;
  const std::chrono::steady_clock::time_point started_;

  // Held from a decision that a lease has ended until its row is gone, so that
  // nobody attaches or renews one that is about to go. Comes before the
  // index's.
  Mutex mu_;
  std::map<std::string, Stream> streams_ ABSL_GUARDED_BY(mu_);
  // How far the time of day is before the steady clock, in milliseconds; the
  // ends in the index go by it.
  int64_t offset_ms_ ABSL_GUARDED_BY(mu_);
};

}  // namespace bottled

#endif  // BOTTLED_JOBS_LEASES_H_
