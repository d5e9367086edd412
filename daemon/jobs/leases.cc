#include "jobs/leases.h"

#include <sys/types.h>

#include <cstdlib>
#include <limits>
#include <optional>
#include <set>
#include <utility>

#include "base/log.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "fmt/format.h"
#include "jobs/errors.h"
#include "platform/process_identity.h"
#include "store/holders.h"

namespace bottled {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

constexpr size_t kLeaseIdBytes = 16;
constexpr size_t kMaxHolderBytes = 256;
constexpr size_t kMaxLeases = 10'000;
constexpr milliseconds kMinTtl = std::chrono::seconds(1);
constexpr milliseconds kMaxTtl = std::chrono::hours(24);
// Less is a clock that is being corrected, and not worth a write.
constexpr int64_t kJumpMs = 10'000;

ProcessLook LookAt(int64_t pid) {
  // Zero and negative numbers mean other things than a process.
  return pid > 0 && pid <= std::numeric_limits<pid_t>::max()
             ? LookAtProcess(static_cast<pid_t>(pid))
             : ProcessLook{.state = ProcessLook::State::kGone};
}

absl::Status CheckTtl(milliseconds ttl) {
  return ttl >= kMinTtl && ttl <= kMaxTtl
             ? absl::OkStatus()
             : BadLease("A lease lasts between one second and 24 hours");
}

bool ProcessHasEnded(const ArtifactLease& lease) {
  const ProcessLook look = LookAt(lease.pid);
  // What cannot be told now may well be alive.
  return look.state == ProcessLook::State::kGone ||
         (look.state == ProcessLook::State::kAlive &&
          look.identity != lease.identity);
}

// The identity of the process that is to hold, empty for other kinds;
// BAD_LEASE when there can be no such lease.
absl::StatusOr<std::string> CheckedIdentity(const LeaseSpec& spec) {
  if (spec.holder.empty() || spec.holder.size() > kMaxHolderBytes) {
    return BadLease(fmt::format("A lease needs a holder of at most {} bytes",
                                kMaxHolderBytes));
  }
  if (spec.kind == LeaseKind::kStream) {
    return "";
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

int64_t OffsetMs(const Clock& clock) {
  return clock.NowMs() -
         duration_cast<milliseconds>(clock.Steady().time_since_epoch()).count();
}

}  // namespace

Leases::Leases(Index& index, const Clock& clock)
    : index_(index),
      clock_(clock),
      started_(clock.Steady()),
      offset_ms_(OffsetMs(clock)) {}

absl::Status Leases::Check(const LeaseSpec& spec) {
  return CheckedIdentity(spec).status();
}

absl::Status Leases::FollowClock() {
  const int64_t offset_ms = OffsetMs(clock_);
  const int64_t jump_ms = offset_ms - offset_ms_;
  if (std::abs(jump_ms) < kJumpMs) {
    return absl::OkStatus();
  }
  Log("jobs")->warn("the time of day jumped by {} s; leases jump with it",
                    jump_ms / 1000);
  RETURN_IF_ERROR(index_.ShiftLeases(jump_ms));
  offset_ms_ = offset_ms;
  return absl::OkStatus();
}

bool Leases::HasEnded(const ArtifactLease& lease) const {
  switch (lease.kind) {
    case LeaseKind::kPid:
      return ProcessHasEnded(lease);
    case LeaseKind::kStream: {
      const auto found = streams_.find(lease.id);
      return found == streams_.end() ? clock_.Steady() >= started_ + kReattach
                                     : found->second.attached == 0 &&
                                           clock_.Steady() >= found->second.end;
    }
    case LeaseKind::kTtl:
      break;
  }
  const int64_t now_ms = clock_.NowMs();
  // One from the future, after the clock was set back while no daemon ran,
  // holds nothing either.
  return lease.expires_ms <= now_ms || lease.expires_ms - kMaxLeaseMs > now_ms;
}

absl::Status Leases::MakeRoom() {
  ASSIGN_OR_RETURN(std::vector<ArtifactLease> all, index_.ListLeases());
  if (all.size() >= kMaxLeases) {
    RETURN_IF_ERROR(SweepLocked());
    ASSIGN_OR_RETURN(all, index_.ListLeases());
    if (all.size() >= kMaxLeases) {
      return TooManyLeases(kMaxLeases);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<ArtifactLease> Leases::Acquire(const Digest& artifact,
                                              const LeaseSpec& spec) {
  ASSIGN_OR_RETURN(std::string identity, CheckedIdentity(spec));
  MutexLock lock(mu_);
  RETURN_IF_ERROR(FollowClock());
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
  } else if (spec.kind == LeaseKind::kTtl) {
    lease.expires_ms = lease.created_ms + spec.ttl.count();
  }
  RETURN_IF_ERROR(MakeRoom());
  RETURN_IF_ERROR(index_.AddLease(lease));
  if (spec.kind == LeaseKind::kStream) {
    streams_[lease.id] = {.end = clock_.Steady() + kStreamGrace};
  }
  return lease;
}

absl::StatusOr<ArtifactLease> Leases::Renew(const std::string& id,
                                            milliseconds ttl) {
  RETURN_IF_ERROR(CheckTtl(ttl));
  MutexLock lock(mu_);
  RETURN_IF_ERROR(FollowClock());
  ASSIGN_OR_RETURN(std::optional<ArtifactLease> lease, index_.FindLease(id));
  if (!lease.has_value() || HasEnded(*lease)) {
    return LeaseNotFound(id);
  }
  if (lease->kind != LeaseKind::kTtl) {
    return BadLease(
        "A lease of a process or a stream ends with it and is not renewed");
  }
  lease->expires_ms = clock_.NowMs() + ttl.count();
  ASSIGN_OR_RETURN(const bool renewed,
                   index_.RenewLease(id, lease->expires_ms));
  if (!renewed) {
    return LeaseNotFound(id);
  }
  return *std::move(lease);
}

absl::Status Leases::Release(const std::string& id) {
  MutexLock lock(mu_);
  ASSIGN_OR_RETURN(const bool removed, index_.RemoveLease(id));
  streams_.erase(id);
  return removed ? absl::OkStatus() : LeaseNotFound(id);
}

absl::StatusOr<ArtifactLease> Leases::Attach(const std::string& id) {
  MutexLock lock(mu_);
  ASSIGN_OR_RETURN(std::optional<ArtifactLease> lease, index_.FindLease(id));
  if (!lease.has_value() || HasEnded(*lease)) {
    return LeaseNotFound(id);
  }
  if (lease->kind != LeaseKind::kStream) {
    return BadLease("Only a lease of a stream is held by a stream");
  }
  ++streams_[id].attached;
  return *std::move(lease);
}

void Leases::Detach(const std::string& id) {
  MutexLock lock(mu_);
  const auto found = streams_.find(id);
  // It is not there after a release.
  if (found != streams_.end() && found->second.attached > 0) {
    --found->second.attached;
    found->second.end = clock_.Steady() + kStreamGrace;
  }
}

absl::StatusOr<bool> Leases::Exists(const std::string& id) {
  ASSIGN_OR_RETURN(const std::optional<ArtifactLease> lease,
                   index_.FindLease(id));
  return lease.has_value();
}

absl::StatusOr<std::vector<ArtifactLease>> Leases::List() {
  MutexLock lock(mu_);
  RETURN_IF_ERROR(FollowClock());
  ASSIGN_OR_RETURN(const std::vector<ArtifactLease> leases,
                   index_.ListLeases());
  std::vector<ArtifactLease> counting;
  for (const ArtifactLease& lease : leases) {
    if (!HasEnded(lease)) {
      counting.push_back(lease);
    }
  }
  return counting;
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
  MutexLock lock(mu_);
  return SweepLocked();
}

absl::Status Leases::SweepLocked() {
  RETURN_IF_ERROR(FollowClock());
  ASSIGN_OR_RETURN(const std::vector<ArtifactLease> leases,
                   index_.ListLeases());
  // Nothing to forget writes nothing: this must work on a full disk.
  std::vector<std::string> ended;
  std::set<std::string> rows;
  for (const ArtifactLease& lease : leases) {
    rows.insert(lease.id);
    if (HasEnded(lease)) {
      ended.push_back(lease.id);
    }
  }
  if (!ended.empty()) {
    RETURN_IF_ERROR(index_.RemoveLeases(ended));
  }
  for (const std::string& id : ended) {
    rows.erase(id);
  }
  // Also what went with its artifact, unless a stream has yet to notice.
  std::erase_if(streams_, [&rows](const auto& entry) {
    return entry.second.attached == 0 && !rows.contains(entry.first);
  });
  return absl::OkStatus();
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
