// Hold: a lease of a stream while its stream is open.

#ifndef BOTTLED_JOBS_HOLD_H_
#define BOTTLED_JOBS_HOLD_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "jobs/leases.h"
#include "store/index.h"
#include "store/objects.h"
#include "store/records.h"

namespace bottled {

// The lease goes on for Leases::kStreamGrace when this is destroyed. Every
// method may wait for the disk; one thread at a time.
class Hold {
 public:
  struct Deps {
    Leases& leases;
    Index& index;
    Objects& objects;
  };

  // A new lease. Reasons BAD_LEASE, ARTIFACT_NOT_FOUND, TOO_MANY_LEASES,
  // ARTIFACT_MISSING and ARTIFACT_DAMAGED (its file is not what was published).
  static absl::StatusOr<std::unique_ptr<Hold>> Begin(const Deps& deps,
                                                     const Digest& artifact,
                                                     const std::string& holder);
  // One that there is. Reasons LEASE_NOT_FOUND, BAD_LEASE and as above.
  static absl::StatusOr<std::unique_ptr<Hold>> Resume(
      const Deps& deps, const std::string& lease_id);

  ~Hold();
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;

  const ArtifactLease& lease() const { return lease_; }
  const ArtifactRecord& artifact() const { return artifact_; }

  // Why it is kept no longer: "REMOVED", "QUARANTINED", "MISSING" or
  // "RELEASED"; "" while it is.
  absl::StatusOr<std::string> Lost();

 private:
  Hold(const Deps& deps, ArtifactLease lease)
      : deps_(deps), lease_(std::move(lease)) {}

  const Deps deps_;
  const ArtifactLease lease_;
  ArtifactRecord artifact_;
};

}  // namespace bottled

#endif  // BOTTLED_JOBS_HOLD_H_
