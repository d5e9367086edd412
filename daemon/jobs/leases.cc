#include "jobs/leases.h"

#include <sys/types.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "base/status_macros.h"
#include "base/strings.h"
#include "fmt/format.h"
#include "jobs/errors.h"
#include "platform/process_identity.h"
#include "store/holders.h"

namespace bottled {
namespace {

constexpr size_t kLeaseIdBytes = 16;
constexpr size_t kMaxHolderBytes = 256;
constexpr size_t kMaxLeases = 10'000;
constexpr std::chrono::milliseconds kMinTtl = std::chrono::seconds(1);
constexpr std::chrono::milliseconds kMaxTtl = std::chrono::hours(24);

ProcessLook LookAt(int64_t pid) {
  // Zero and negative numbers mean other things than a process.
  return pid > 0 && pid <= std::numeric_limits<pid_t>::max()
             ? LookAtProcess(static_cast<pid_t>(pid))
             : ProcessLook{.state = ProcessLook::State::kGone};
}

absl::Status CheckTtl(std::chrono::milliseconds ttl) {
  return ttl >= kMinTtl && ttl <= kMaxTtl
             ? absl::OkStatus()
             : BadLease("A lease lasts between one second and 24 hours");
}

bool HasEnded(const ArtifactLease& lease, int64_t now_ms) {
  if (lease.kind == LeaseKind::kTtl) {
    // One from the future, after the clock was set back, holds nothing either.
    return lease.expires_ms <= now_ms ||
           lease.expires_ms - kMaxLeaseMs > now_ms;
  }
  const ProcessLook look = LookAt(lease.pid);
  // What cannot be told now may well be alive.
  return look.state == ProcessLook::State::kGone ||
         (look.state == ProcessLook::State::kAlive &&
          look.identity != lease.identity);
}

// The identity of the process that is to hold, empty for a kTtl lease;
// BAD_LEASE when there can be no such lease.
absl::StatusOr<std::string> CheckedIdentity(const LeaseSpec& spec) {
  if (spec.holder.empty() || spec.holder.size() > kMaxHolderBytes) {
    return BadLease(fmt::format("A lease needs a holder of at most {} bytes",
                                kMaxHolderBytes));
  }
  if (spec.kind == LeaseKind::kTtl) {
    RETURN_IF_ERROR(CheckTtl(spec.ttl));
    return "";
  }
  ProcessLook look = LookAt(spec.pid);
  if (look.state != ProcessLook::State::kAlive) {
    return BadLease(fmt::format(
        "This user runs no process {}, which is to hold a lease", spec.pid));
  }
  return std::move(look.identity);
}

}  // namespace

absl::Status Leases::Check(const LeaseSpec& spec) {
  return CheckedIdentity(spec).status();
}

absl::StatusOr<ArtifactLease> Leases::Acquire(const Digest& artifact,
                                              const LeaseSpec& spec) {
  ASSIGN_OR_RETURN(std::string identity, CheckedIdentity(spec));
  ArtifactLease lease{.id = RandomHex(kLeaseIdBytes),
                      .artifact = artifact,
                      .kind = spec.kind,
                      .holder = spec.holder,
                      .created_ms = clock_.NowMs()};
  if (spec.kind == LeaseKind::kPid) {
    lease.pid = spec.pid;
    lease.identity = std::move(identity);
    // Whoever asks again and again has one lease, not ten thousand.
    ASSIGN_OR_RETURN(
        std::optional<ArtifactLease> same,
        index_.FindPidLease(artifact, spec.holder, lease.pid, lease.identity));
    if (same.has_value()) {
      return *std::move(same);
    }
  } else {
    lease.expires_ms = lease.created_ms + spec.ttl.count();
  }
  ASSIGN_OR_RETURN(std::vector<ArtifactLease> all, index_.ListLeases());
  if (all.size() >= kMaxLeases) {
    RETURN_IF_ERROR(Sweep());
    ASSIGN_OR_RETURN(all, index_.ListLeases());
    if (all.size() >= kMaxLeases) {
      return TooManyLeases(kMaxLeases);
    }
  }
  RETURN_IF_ERROR(index_.AddLease(lease));
  return lease;
}

absl::StatusOr<ArtifactLease> Leases::Renew(const std::string& id,
                                            std::chrono::milliseconds ttl) {
  RETURN_IF_ERROR(CheckTtl(ttl));
  ASSIGN_OR_RETURN(const std::vector<ArtifactLease> all, index_.ListLeases());
  const auto found =
      std::find_if(all.begin(), all.end(),
                   [&](const ArtifactLease& l) { return l.id == id; });
  const int64_t now_ms = clock_.NowMs();
  if (found == all.end() || HasEnded(*found, now_ms)) {
    return LeaseNotFound(id);
  }
  if (found->kind != LeaseKind::kTtl) {
    return BadLease("A lease of a process ends with it and is not renewed");
  }
  ArtifactLease lease = *found;
  lease.expires_ms = now_ms + ttl.count();
  ASSIGN_OR_RETURN(const bool renewed, index_.RenewLease(id, lease.expires_ms));
  if (!renewed) {
    return LeaseNotFound(id);
  }
  return lease;
}

absl::Status Leases::Release(const std::string& id) {
  ASSIGN_OR_RETURN(const bool removed, index_.RemoveLease(id));
  return removed ? absl::OkStatus() : LeaseNotFound(id);
}

absl::StatusOr<std::vector<ArtifactLease>> Leases::List() {
  ASSIGN_OR_RETURN(std::vector<ArtifactLease> leases, index_.ListLeases());
  const int64_t now_ms = clock_.NowMs();
  std::erase_if(leases, [now_ms](const ArtifactLease& lease) {
    return HasEnded(lease, now_ms);
  });
  return leases;
}

absl::StatusOr<std::map<Digest, std::vector<std::string>>> Leases::Holders() {
  std::map<Digest, std::vector<std::string>> holders;
  ASSIGN_OR_RETURN(const std::vector<ArtifactPin> pins, index_.ListPins());
  for (const ArtifactPin& pin : pins) {
    holders[pin.artifact].push_back(HolderSentence(pin));
  }
  ASSIGN_OR_RETURN(const std::vector<ArtifactLease> counting, List());
  for (const ArtifactLease& lease : counting) {
    holders[lease.artifact].push_back(HolderSentence(lease));
  }
  return holders;
}

absl::Status Leases::Sweep() {
  ASSIGN_OR_RETURN(const std::vector<ArtifactLease> leases,
                   index_.ListLeases());
  const int64_t now_ms = clock_.NowMs();
  // Nothing to forget writes nothing: this must work on a full disk.
  std::vector<std::string> ended;
  for (const ArtifactLease& lease : leases) {
    if (HasEnded(lease, now_ms)) {
      ended.push_back(lease.id);
    }
  }
  return ended.empty() ? absl::OkStatus() : index_.RemoveLeases(ended);
}

absl::Status Leases::Pin(const Digest& artifact, const std::string& note) {
  if (note.size() > kMaxHolderBytes) {
    return BadLease(
        fmt::format("The note of a pin has at most {} bytes", kMaxHolderBytes));
  }
  return index_.SetPin(
      {.artifact = artifact, .note = note, .created_ms = clock_.NowMs()});
}

absl::StatusOr<bool> Leases::Unpin(const Digest& artifact) {
  return index_.RemovePin(artifact);
}

}  // namespace bottled
