// The part of PackService that deals with artifacts that are there.

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "jobs/cache_hit.h"
#include "jobs/errors.h"
#include "jobs/pack_service.h"
#include "store/errors.h"

namespace bottled {
namespace {

constexpr size_t kMinPrefix = 6;
constexpr size_t kHexDigits = 64;
constexpr std::string_view kAlgorithm = "sha256:";

bool IsLowerHex(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
  });
}

// Damage that reading again would not mend, as opposed to an I/O error or a
// cancellation.
bool IsDamage(const absl::Status& status) {
  return HasReason(status, "SIDECAR_INVALID") ||
         HasReason(status, "CHECKSUM_MISMATCH") ||
         HasReason(status, kArtifactDamaged);
}

}  // namespace

absl::StatusOr<ArtifactRecord> PackService::FindArtifact(
    const std::string& digest) {
  std::string_view hex = digest;
  if (hex.starts_with(kAlgorithm)) {
    hex.remove_prefix(kAlgorithm.size());
  }
  if (hex.size() < kMinPrefix || hex.size() > kHexDigits || !IsLowerHex(hex)) {
    return ArtifactNotFound(digest);
  }
  ASSIGN_OR_RETURN(const std::vector<Digest> found,
                   deps_.index.FindByPrefix(hex, 2));
  if (found.size() > 1) {
    return ArtifactAmbiguous(digest);
  }
  if (!found.empty()) {
    ASSIGN_OR_RETURN(std::optional<ArtifactRecord> record,
                     deps_.index.FindByDigest(found.front()));
    if (record.has_value()) {
      return *std::move(record);
    }
  }
  return ArtifactNotFound(digest);
}

absl::StatusOr<ArtifactRecord> PackService::RemoveArtifact(
    const std::string& digest, bool force) {
  ASSIGN_OR_RETURN(ArtifactRecord record, FindArtifact(digest));
  absl::Status removed;
  std::vector<std::string> holders;
  if (force) {
    removed = deps_.objects.Remove(record);
  } else {
    // A process that has ended holds nothing.
    RETURN_IF_ERROR(deps_.leases.Sweep());
    absl::StatusOr<std::vector<std::string>> held =
        deps_.objects.RemoveUnlessHeld(record, "REMOVED");
    removed = held.status();
    if (held.ok()) {
      holders = *std::move(held);
    }
  }
  // Also after an error: the row goes before the file.
  TellIfGone(deps_.changes, deps_.index, record.digest);
  RETURN_IF_ERROR(removed);
  if (!holders.empty()) {
    return ArtifactHeld(record.digest, holders);
  }
  return record;
}

absl::Status PackService::VerifyBytes(int fd, VerifyDepth depth,
                                      const CancelToken& cancel,
                                      Verified& verified) {
  const ArtifactRecord& record = verified.record;
  absl::StatusOr<SidecarReport> report =
      VerifySidecar(fd, depth, cancel, [](int64_t) {});
  RETURN_IF_ERROR(cancel.Check());
  if (!report.ok()) {
    verified.problem = report.status();
    return absl::OkStatus();
  }
  verified.report = *std::move(report);
  if (verified.report.digest != record.digest) {
    verified.problem =
        ArtifactDigestDiffers(record.digest, verified.report.digest);
  } else if (depth == VerifyDepth::kDeep &&
             verified.report.entry_count != record.entry_count) {
    verified.problem =
        EntryCountDiffers(record.entry_count, verified.report.entry_count);
  }
  return absl::OkStatus();
}

absl::StatusOr<PackService::Verified> PackService::Verify(
    const std::string& digest, VerifyDepth depth, const CancelToken& cancel) {
  Verified verified;
  ASSIGN_OR_RETURN(verified.record, FindArtifact(digest));
  absl::StatusOr<Fd> file = deps_.objects.OpenObject(verified.record);
  if (!file.ok()) {
    // The look-up's own rules: the row goes with the file, and a restored
    // backup is as good as any.
    ASSIGN_OR_RETURN(
        std::optional<ArtifactRecord> now,
        deps_.objects.CheckFile(verified.record.digest,
                                [&cancel](int64_t) { return cancel.Check(); }));
    if (!now.has_value()) {
      verified.problem = file.status();
      verified.quarantined = IsDamage(verified.problem);
      TellIfGone(deps_.changes, deps_.index, verified.record.digest);
      return verified;
    }
    verified.record = *std::move(now);
    file = deps_.objects.OpenObject(verified.record);
  }
  const ArtifactRecord& record = verified.record;
  if (!file.ok()) {
    verified.problem = file.status();
    return verified;
  }
  RETURN_IF_ERROR(VerifyBytes(file->get(), depth, cancel, verified));
  if (IsDamage(verified.problem)) {
    const absl::StatusOr<bool> moved = deps_.objects.QuarantineUnchanged(
        record, std::string(verified.problem.message()));
    verified.quarantined = moved.ok() && *moved;
    TellIfGone(deps_.changes, deps_.index, record.digest);
    if (!moved.ok()) {
      Log("jobs")->error("cannot move {} to quarantine: {}",
                         record.digest.ToString(),
                         std::string(moved.status().message()));
    }
  } else if (verified.problem.ok()) {
    // As good as a scrub.
    const absl::Status noted =
        deps_.index.NoteScrubbed(record.digest, deps_.clock.NowMs());
    if (!noted.ok()) {
      Log("jobs")->warn("cannot note that {} was verified: {}",
                        record.digest.ToString(), std::string(noted.message()));
    }
  }
  return verified;
}

}  // namespace bottled
