// Converters of leases, collections, scrubbing and repairs.

#ifndef BOTTLED_RPC_CONVERT_CACHE_H_
#define BOTTLED_RPC_CONVERT_CACHE_H_

#include "absl/status/statusor.h"
#include "bottled/v1/bottled.pb.h"
#include "jobs/collector.h"
#include "jobs/leases.h"
#include "store/quarantine.h"
#include "store/repair.h"

namespace bottled {

// Checks the form only: one kind, numbers that are not negative.
// INVALID_ARGUMENT, reason BAD_REQUEST.
absl::StatusOr<LeaseSpec> FromProto(const v1::LeaseSpec& spec);

v1::Lease ToProto(const ArtifactLease& lease);
v1::CollectGarbageResponse ToProto(const Collection& collection);
v1::ScrubRound ToProto(const ScrubRound& round);
v1::Quarantine ToProto(const QuarantineTotals& totals);
v1::RepairAction ToProto(const RepairAction& action);

}  // namespace bottled

#endif  // BOTTLED_RPC_CONVERT_CACHE_H_
