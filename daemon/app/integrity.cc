#include "app/integrity.h"

#include <string>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "jobs/cache_hit.h"
#include "store/backup.h"
#include "store/quarantine.h"
#include "store/recovery.h"

namespace bottled {
namespace {

constexpr std::chrono::minutes kKeepUpInterval(60);
// How often to ask whether something is due.
constexpr std::chrono::minutes kScrubInterval(10);
constexpr int64_t kDayMs = int64_t{24} * 3600 * 1000;

void LogFailure(const char* what, const absl::Status& status) {
  if (!status.ok() && !absl::IsCancelled(status)) {
    Log("app")->warn("cannot {}: {}", what,
                     Printable(std::string(status.message())));
  }
}

absl::Status BackUpDaily(Index& index, const Places& places, int64_t now_ms) {
  ASSIGN_OR_RETURN(const std::vector<BackupFile> backups,
                   ListBackups(places.backups()));
  // One from the future is from before the clock was set back.
  if (!backups.empty() && backups.front().made_ms <= now_ms &&
      now_ms - backups.front().made_ms < kDayMs) {
    return absl::OkStatus();
  }
  return index.BackUp(places.backups(), now_ms);
}

Scrubber::Options ScrubOptions(const Integrity::Options& options) {
  Scrubber::Options out;
  out.interval = std::chrono::hours(24 * options.scrub_days);
  out.bytes_per_second = options.scrub_bytes_per_second;
  out.busy = options.busy;
  return out;
}

}  // namespace

void KeepUp(Index& index, const Places& places, const Clock& clock) {
  const int64_t now_ms = clock.NowMs();
  // First, as what follows writes.
  const absl::Status checked = index.CheckIfDue(now_ms);
  LogFailure("check the index", checked);
  LogFailure("clean up the quarantine",
             TrimQuarantine(places, QuarantineLimits(), now_ms).status());
  LogFailure("forget old misses", index.TrimKeys(now_ms));
  LogFailure("shrink the index", index.Shrink());
  // A damaged one would in the end replace all good copies.
  if (checked.ok() || HasReason(checked, "NO_SPACE")) {
    LogFailure("copy the index", BackUpDaily(index, places, now_ms));
  }
}

Integrity::Integrity(const Scrubber::Deps& deps, const Places& places,
                     const Options& options)
    : deps_(deps),
      places_(places),
      options_(options),
      scrubber_(deps, ScrubOptions(options)),
      after_crash_(deps.index.after_crash()) {
  keeping_up_ = std::make_unique<Periodic>(
      kKeepUpInterval,
      [&index = deps.index, &places, &clock = deps.clock](const CancelToken&) {
        KeepUp(index, places, clock);
      });
  scrubbing_ = std::make_unique<Periodic>(kScrubInterval,
                                          [this](const CancelToken& cancel) {
                                            Settle(cancel);
                                            Scrub(cancel);
                                          });
}

Integrity::~Integrity() {
  scrubbing_.reset();
  keeping_up_.reset();
}

void Integrity::Settle(const CancelToken& cancel) {
  if (settled_) {
    return;
  }
  RecoveryReport report;
  const absl::StatusOr<std::vector<RepairAction>> actions = SettleObjects(
      places_, deps_.index, deps_.objects,
      [&cancel](int64_t) { return cancel.Check(); }, report);
  LogFailure("compare cache and index", actions.status());
  LogRecovery(report);
  settled_ = actions.ok();
  if (settled_) {
    TellRepaired(deps_.changes, deps_.index, *actions);
  }
}

void Integrity::Scrub(const CancelToken& cancel) {
  if (options_.scrub_days == 0 || cancel.Cancelled()) {
    return;
  }
  const absl::StatusOr<ScrubRound> round = scrubber_.Run(after_crash_, cancel);
  LogFailure("scrub", round.status());
  if (!round.ok()) {
    return;
  }
  after_crash_ = false;
  if (round->artifacts > 0) {
    Log("app")->info("scrubbed {} artifacts, {}: {} damaged", round->artifacts,
                     FormatBytes(round->bytes), round->damaged);
  }
}

}  // namespace bottled
