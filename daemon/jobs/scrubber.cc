#include "jobs/scrubber.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "fmt/format.h"
#include "fmt/ranges.h"
#include "platform/idle_io.h"
#include "store/errors.h"

namespace bottled {
namespace {

using std::chrono::duration_cast;
using std::chrono::microseconds;
using std::chrono::milliseconds;

// Further behind than this is not caught up with.
constexpr milliseconds kMaxDebt(1000);
// While disks are busy. Pressure is a mean of ten seconds, and has our own part
// in it: so there is an end to pausing in each round, too.
constexpr milliseconds kBusyPause(10'000);
constexpr int kPausesPerArtifact = 12;
constexpr int kPausesPerRound = 360;

}  // namespace

milliseconds BytePace::Spend(int64_t bytes,
                             std::chrono::steady_clock::time_point now) {
  spent_ += bytes;
  // As a fraction first: the product with a million would overflow.
  const auto due = start_ + microseconds(static_cast<int64_t>(
                                static_cast<double>(spent_) /
                                static_cast<double>(rate_) * 1'000'000.0));
  if (due + kMaxDebt < now) {
    start_ = now;
    spent_ = 0;
    return milliseconds(0);
  }
  return std::max(milliseconds(0), duration_cast<milliseconds>(due - now));
}

absl::StatusOr<ScrubRound> Scrubber::Run(bool after_crash,
                                         const CancelToken& cancel) {
  ScrubRound round;
  round.started_ms = deps_.clock.NowMs();
  ASSIGN_OR_RETURN(const std::vector<Digest> due,
                   deps_.index.ScrubDue(round.started_ms,
                                        milliseconds(options_.interval).count(),
                                        after_crash));
  if (due.empty()) {
    return round;
  }
  BytePace pace(options_.bytes_per_second, deps_.clock.Steady());
  absl::Status status;
  int pauses = 0;
  for (const Digest& digest : due) {
    status = LetOthersFinish(pauses, cancel);
    if (!status.ok()) {
      break;
    }
    ASSIGN_OR_RETURN(const std::optional<ArtifactRecord> record,
                     deps_.index.FindByDigest(digest));
    if (record.has_value()) {
      status = ScrubOne(*record, pace, cancel, round);
    }
    if (!status.ok()) {
      break;
    }
  }
  round.finished_ms = deps_.clock.NowMs();
  RETURN_IF_ERROR(deps_.index.SetScrubRound(round));
  RETURN_IF_ERROR(status);
  return round;
}

absl::Status Scrubber::LetOthersFinish(int& pauses,
                                       const CancelToken& cancel) const {
  const int most = std::min(pauses + kPausesPerArtifact, kPausesPerRound);
  for (; pauses < most && options_.busy && options_.busy(); ++pauses) {
    RETURN_IF_ERROR(options_.sleep(kBusyPause, cancel));
  }
  return cancel.Check();
}

absl::Status Scrubber::ScrubOne(const ArtifactRecord& record, BytePace& pace,
                                const CancelToken& cancel, ScrubRound& round) {
  const OnRead on_read = [&](int64_t bytes) -> absl::Status {
    round.bytes += bytes;
    const milliseconds wait = pace.Spend(bytes, deps_.clock.Steady());
    return wait.count() > 0 ? options_.sleep(wait, cancel) : cancel.Check();
  };
  absl::Status status;
  {
    const IdleIo idle;
    status = deps_.objects.ReadBack(record, on_read);
  }
  RETURN_IF_ERROR(cancel.Check());
  if (status.ok()) {
    ++round.artifacts;
    return deps_.index.NoteScrubbed(record.digest, deps_.clock.NowMs());
  }
  if (HasReason(status, kArtifactDamaged)) {
    ++round.artifacts;
    return Condemn(record, std::string(status.message()), on_read, round);
  }
  if (HasReason(status, kArtifactMissing)) {
    RETURN_IF_ERROR(deps_.objects.CheckFile(record.digest).status());
    Tell(deps_.changes, ChangeKind::kArtifactRemoved, record.digest.ToString());
    return absl::OkStatus();
  }
  ++round.unread;
  Log("jobs")->warn("cannot scrub {}: {}", record.digest.ToString(),
                    Printable(std::string(status.message())));
  return absl::OkStatus();
}

absl::Status Scrubber::Condemn(const ArtifactRecord& record,
                               const std::string& why, const OnRead& on_read,
                               ScrubRound& round) {
  // Before: leases go with the row.
  ASSIGN_OR_RETURN(auto holders, deps_.leases.Holders());
  bool gone = false;
  if (deps_.objects.OpenObject(record).ok()) {
    ASSIGN_OR_RETURN(gone, deps_.objects.QuarantineUnchanged(record, why));
  } else {
    // Another file: that of a restored backup is read in full.
    ASSIGN_OR_RETURN(const std::optional<ArtifactRecord> now,
                     deps_.objects.CheckFile(record.digest, on_read));
    gone = !now.has_value();
  }
  if (!gone) {
    return absl::OkStatus();
  }
  ++round.damaged;
  const std::vector<std::string>& own = holders[record.digest];
  if (!own.empty()) {
    Log("jobs")->error("{} was in use when it was found damaged: {}",
                       record.digest.ToString(), fmt::join(own, "; "));
  }
  Tell(deps_.changes, ChangeKind::kArtifactRemoved, record.digest.ToString());
  ASSIGN_OR_RETURN(
      const Miss miss,
      deps_.index.Explain(record.content_key, "", "", deps_.clock.NowMs()));
  if (miss.suspect()) {
    Log("jobs")->error(
        "{} artifacts of the content {} were damaged within 24 hours: the disk "
        "or the memory of this machine is suspect",
        miss.quarantines, record.content_key.ToString());
  }
  return absl::OkStatus();
}

}  // namespace bottled
