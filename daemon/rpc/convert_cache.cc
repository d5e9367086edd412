#include "rpc/convert_cache.h"

#include <algorithm>

#include "base/status_macros.h"
#include "google/protobuf/util/time_util.h"
#include "rpc/convert_source.h"
#include "rpc/errors.h"

namespace bottled {
namespace {

using google::protobuf::util::TimeUtil;

constexpr size_t kMaxHolderBytes = 4096;
// Beyond it the product would overflow; Leases allows far less.
constexpr int64_t kMaxSeconds = int64_t{1} << 40;

const char* KindName(RepairAction::Kind kind) {
  switch (kind) {
    case RepairAction::Kind::kAdopted:
      return "ADOPTED";
    case RepairAction::Kind::kQuarantined:
      return "QUARANTINED";
    case RepairAction::Kind::kRowRemoved:
      return "ROW_REMOVED";
    case RepairAction::Kind::kRecordRemoved:
      return "RECORD_REMOVED";
    case RepairAction::Kind::kNoRow:
    case RepairAction::Kind::kLeftAlone:
      return "LEFT_ALONE";
  }
  return "LEFT_ALONE";
}

}  // namespace

absl::StatusOr<LeaseSpec> FromProto(const v1::LeaseSpec& spec) {
  LeaseSpec out;
  out.holder = spec.holder();
  RETURN_IF_ERROR(CheckText(out.holder, kMaxHolderBytes, "The holder"));
  switch (spec.kind_case()) {
    case v1::LeaseSpec::kTtlSeconds:
      out.kind = LeaseKind::kTtl;
      out.ttl = std::chrono::seconds(
          std::clamp<int64_t>(spec.ttl_seconds(), -1, kMaxSeconds));
      return out;
    case v1::LeaseSpec::kPid:
      out.kind = LeaseKind::kPid;
      out.pid = spec.pid();
      return out;
    case v1::LeaseSpec::kStream:
      if (!spec.stream()) {
        break;
      }
      out.kind = LeaseKind::kStream;
      return out;
    case v1::LeaseSpec::KIND_NOT_SET:
      break;
  }
  return BadRequest("A lease needs ttl_seconds, pid or stream");
}

v1::Lease ToProto(const ArtifactLease& lease) {
  v1::Lease message;
  message.set_id(lease.id);
  message.set_artifact(lease.artifact.ToString());
  message.set_holder(lease.holder);
  *message.mutable_created_at() =
      TimeUtil::MillisecondsToTimestamp(lease.created_ms);
  if (lease.kind == LeaseKind::kTtl) {
    *message.mutable_expires_at() =
        TimeUtil::MillisecondsToTimestamp(lease.expires_ms);
  } else if (lease.kind == LeaseKind::kPid) {
    message.set_pid(lease.pid);
  } else {
    message.set_stream(true);
  }
  return message;
}

v1::CollectGarbageResponse ToProto(const Collection& collection) {
  v1::CollectGarbageResponse message;
  for (const Verdict& verdict : collection.verdicts) {
    v1::Verdict& out = *message.add_verdicts();
    out.set_digest(verdict.artifact.ToString());
    out.set_size_bytes(verdict.bytes);
    out.set_remove(verdict.remove);
    out.set_reason(verdict.reason);
    out.set_detail(verdict.detail);
  }
  message.set_max_bytes(collection.policy.max_bytes);
  message.set_min_free_bytes(collection.policy.min_free_bytes);
  message.set_artifact_bytes(collection.artifact_bytes);
  message.set_free_bytes(collection.free_bytes);
  message.set_removed_bytes(collection.removed_bytes);
  message.set_removed_count(collection.removed_count);
  message.set_held_bytes(collection.held_bytes);
  message.set_reclaimable_bytes(collection.reclaimable_bytes);
  message.set_trash_bytes(collection.trash_bytes);
  message.set_kept_layer_bytes(collection.kept_layer_bytes);
  message.set_removed_kept_layer_bytes(collection.removed_kept_layer_bytes);
  return message;
}

v1::ScrubRound ToProto(const ScrubRound& round) {
  v1::ScrubRound message;
  *message.mutable_started_at() =
      TimeUtil::MillisecondsToTimestamp(round.started_ms);
  *message.mutable_finished_at() =
      TimeUtil::MillisecondsToTimestamp(round.finished_ms);
  message.set_artifact_count(round.artifacts);
  message.set_bytes(round.bytes);
  message.set_damaged_count(round.damaged);
  message.set_unread_count(round.unread);
  return message;
}

v1::Quarantine ToProto(const QuarantineTotals& totals) {
  v1::Quarantine message;
  message.set_file_count(totals.count);
  message.set_bytes(totals.bytes);
  return message;
}

v1::RepairAction ToProto(const RepairAction& action) {
  v1::RepairAction message;
  message.set_kind(KindName(action.kind));
  message.set_subject(action.subject);
  message.set_detail(action.detail);
  return message;
}

}  // namespace bottled
