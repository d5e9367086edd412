#include "jobs/collector.h"

#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "base/log.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "fmt/format.h"
#include "fmt/ranges.h"
#include "jobs/cache_hit.h"
#include "jobs/layer_share.h"
#include "jobs/watched_time.h"

namespace bottled {
namespace {

// How often a waiting collection looks at its token.
constexpr std::chrono::milliseconds kLookAtCancel(100);

// The time of a look at the cache is written at most so often.
constexpr std::chrono::milliseconds kNoteEvery = std::chrono::minutes(1);

// A file that is not there, or no file, has no other names that matter.
bool HasOtherNames(const std::filesystem::path& path) {
  struct stat info = {};
  return ::lstat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) &&
         info.st_nlink > 1;
}

std::string Joined(const std::vector<std::string>& holders) {
  return fmt::format("{}", fmt::join(holders, "; "));
}

void Spare(Verdict& verdict, std::string why) {
  verdict.remove = false;
  verdict.reason = "HELD";
  verdict.detail = std::move(why);
}

// Removes one; what came of it goes to the verdict and the sums. An error is
// the index's.
absl::Status RemoveOne(const Collector::Deps& deps,
                       const ArtifactRecord& record, Verdict& verdict,
                       Collection& collection) {
  // Earlier unlinks may have taken a while.
  ASSIGN_OR_RETURN(std::optional<ArtifactRecord> now,
                   deps.index.FindByDigest(record.digest));
  if (!now.has_value()) {
    verdict.detail += "; somebody removed it meanwhile";
    return absl::OkStatus();
  }
  const absl::StatusOr<std::vector<std::string>> holders =
      deps.objects.RemoveUnlessHeld(record, "EVICTED",
                                    /*unchanged_only=*/true, verdict.reason);
  if (holders.ok() && !holders->empty()) {
    Spare(verdict, Joined(*holders));
    return absl::OkStatus();
  }
  if (holders.ok()) {
    Log("jobs")->info("removed {} ({}): {}", record.digest.ToString(),
                      verdict.reason, verdict.detail);
    collection.removed_bytes += record.size_bytes;
  } else {
    // The row goes before the file: while it is there, the index failed.
    ASSIGN_OR_RETURN(now, deps.index.FindByDigest(record.digest));
    if (now.has_value()) {
      return holders.status();
    }
    const std::string why =
        Printable(std::string(holders.status().message()), 512);
    Log("jobs")->warn("the file of {} could not be removed: {}",
                      record.digest.ToString(), why);
    verdict.detail += "; its file could not be removed: " + why;
  }
  ++collection.removed_count;
  Tell(deps.changes, ChangeKind::kArtifactRemoved, record.digest.ToString());
  return absl::OkStatus();
}

}  // namespace

Collector::Collector(const Deps& deps, CachePolicy policy, Disk disk)
    : deps_(deps), policy_(policy), disk_(std::move(disk)) {}

absl::StatusOr<std::vector<CacheEntry>> Collector::Look() {
  // Before the holders: what is made after this look is not judged.
  ASSIGN_OR_RETURN(std::vector<ArtifactRecord> records,
                   deps_.index.ListArtifacts(0));
  ASSIGN_OR_RETURN(const auto holders, deps_.leases.Holders());
  std::vector<CacheEntry> entries;
  entries.reserve(records.size());
  for (ArtifactRecord& record : records) {
    CacheEntry entry;
    const auto held = holders.find(record.digest);
    if (held != holders.end()) {
      entry.holders = held->second;
    }
    ASSIGN_OR_RETURN(const std::optional<ArtifactRecord> current,
                     deps_.index.FindByKey(record.content_key));
    entry.current = current.has_value() && current->digest == record.digest;
    entry.linked = HasOtherNames(deps_.objects.Path(record));
    entry.record = std::move(record);
    entries.push_back(std::move(entry));
  }
  return entries;
}

absl::StatusOr<Collection> Collector::Collect(bool dry_run,
                                              const CancelToken& cancel,
                                              int64_t more_free_bytes) {
  if (dry_run) {
    return Run(dry_run, cancel, more_free_bytes);
  }
  {
    MutexLock lock(mu_);
    while (running_) {
      RETURN_IF_ERROR(cancel.Check());
      ended_.WaitFor(mu_, kLookAtCancel);
    }
    running_ = true;
  }
  absl::StatusOr<Collection> collection = Run(dry_run, cancel, more_free_bytes);
  if (collection.ok() && collection->removed_count > 0) {
    Log("jobs")->info("collected {} artifacts, {}", collection->removed_count,
                      FormatBytes(collection->removed_bytes));
  }
  MutexLock lock(mu_);
  running_ = false;
  ended_.NotifyAll();
  return collection;
}

absl::StatusOr<WatchedTime> Collector::Watch(int64_t now_ms, bool dry_run) {
  ASSIGN_OR_RETURN(const WatchedTime before, deps_.index.GetWatchedTime());
  const WatchedTime now = LookedAt(before, now_ms, policy_.max_idle);
  if (!dry_run && (now.since_ms != before.since_ms ||
                   now.seen_ms - before.seen_ms >= kNoteEvery.count())) {
    const absl::Status noted = deps_.index.SetWatchedTime(now);
    if (!noted.ok()) {
      // The disk may be full, and then there is all the more to collect.
      Log("jobs")->warn("cannot note the time of a look at the cache: {}",
                        std::string(noted.message()));
    }
  }
  return now;
}

void Collector::CollectLayers(const CachePolicy& policy,
                              Collection& collection) {
  if (deps_.kept == nullptr) {
    return;
  }
  const int64_t bytes = deps_.kept->Bytes();
  const int64_t stay =
      LayersThatMayStay(bytes, collection.artifact_bytes,
                        collection.free_bytes + collection.trash_bytes, policy);
  collection.kept_layer_bytes = bytes;
  collection.removed_kept_layer_bytes =
      collection.dry_run ? bytes - stay : deps_.kept->Trim(stay);
}

absl::StatusOr<Collection> Collector::Run(bool dry_run,
                                          const CancelToken& cancel,
                                          int64_t more_free_bytes) {
  Collection collection;
  collection.dry_run = dry_run;
  ASSIGN_OR_RETURN(const int64_t total_bytes, disk_.total_bytes());
  ASSIGN_OR_RETURN(collection.free_bytes, disk_.free_bytes());
  collection.policy = Resolved(policy_, total_bytes);
  if (!dry_run) {
    // The index does not know which processes have ended.
    RETURN_IF_ERROR(deps_.leases.Sweep());
  }
  ASSIGN_OR_RETURN(const std::vector<CacheEntry> entries, Look());
  std::map<Digest, const ArtifactRecord*> records;
  for (const CacheEntry& entry : entries) {
    collection.artifact_bytes += entry.record.size_bytes;
    records.emplace(entry.record.digest, &entry.record);
  }
  collection.trash_bytes = deps_.objects.trash().PendingBytes();
  CachePolicy policy = collection.policy;
  policy.min_free_bytes += more_free_bytes;
  CollectLayers(policy, collection);
  const int64_t now_ms = deps_.clock.NowMs();
  ASSIGN_OR_RETURN(const WatchedTime watched, Watch(now_ms, dry_run));
  collection.verdicts = Judge(entries,
                              collection.free_bytes + collection.trash_bytes +
                                  collection.removed_kept_layer_bytes,
                              policy, now_ms, watched.since_ms);
  for (const Verdict& verdict : collection.verdicts) {
    if (verdict.remove || verdict.reason == "WITHIN_LIMITS") {
      collection.reclaimable_bytes += verdict.bytes;
    } else if (verdict.reason == "HELD") {
      collection.held_bytes += verdict.bytes;
    }
  }
  for (Verdict& verdict : collection.verdicts) {
    if (!verdict.remove) {
      break;
    }
    RETURN_IF_ERROR(cancel.Check());
    if (dry_run) {
      collection.removed_bytes += verdict.bytes;
      ++collection.removed_count;
    } else {
      RETURN_IF_ERROR(
          RemoveOne(deps_, *records.at(verdict.artifact), verdict, collection));
    }
  }
  const auto stays = [](const Verdict& verdict) { return !verdict.remove; };
  std::vector<Verdict> spared;
  std::copy_if(collection.verdicts.begin(), collection.verdicts.end(),
               std::back_inserter(spared), stays);
  std::erase_if(collection.verdicts, stays);
  collection.verdicts.insert(collection.verdicts.end(), spared.begin(),
                             spared.end());
  return collection;
}

}  // namespace bottled
