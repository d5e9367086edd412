// Leases and pins: who keeps which artifact from being collected.

#ifndef BOTTLED_JOBS_LEASES_H_
#define BOTTLED_JOBS_LEASES_H_

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
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

// Thread-safe.
class Leases {
 public:
  Leases(Index& index, const Clock& clock) : index_(index), clock_(clock) {}

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
  Index& index_;
  const Clock& clock_;
};

}  // namespace bottled

#endif  // BOTTLED_JOBS_LEASES_H_
