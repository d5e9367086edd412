// The thread of WarmService: looks, the ends of jobs, and what is watched.
#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "fmt/format.h"
#include "jobs/build_fingerprint.h"
#include "jobs/errors.h"
#include "jobs/warm_service.h"
#include "jobs/warm_spec.h"
#include "store/failure_json.h"

namespace bottled {
namespace {

// Engines and trees that are watched; what is beyond them is looked at from
// time to time.
constexpr size_t kMaxWatchedEngines = 16;
constexpr size_t kMaxWatchedTrees = 64;
// The thread looks at the clock this often at least; while it waits for jobs,
// more often, as the feed may be closed before they end.
constexpr std::chrono::milliseconds kLongestNap{60'000};
constexpr std::chrono::milliseconds kJobNap{1'000};
// A look that found nothing new is not written more often.
constexpr int64_t kStoreIntervalMs = 60'000;

std::string EngineKey(const EngineEndpoint& engine) {
  return fmt::format("engine\n{}\n{}\n{}", engine.host, engine.tls_dir,
                     engine.skip_tls_verify);
}

// The compressed spool lies beside the artifact for a while, and the next one
// may be larger.
int64_t EstimateBytes(const std::optional<ArtifactRecord>& last,
                      int64_t unknown_bytes) {
  return last.has_value() ? last->size_bytes * 3 : unknown_bytes;
}

// A context that cannot be judged would be built at every look. Once is fine.
absl::StatusOr<PackAnswer> CheckContext(const WarmTarget& row,
                                        const BuildSpec& build,
                                        const CancelToken& cancel) {
  if (!row.id.empty()) {
    ASSIGN_OR_RETURN(const std::string fingerprint,
                     BuildFingerprint(build, "", cancel));
    if (fingerprint.empty()) {
      return WarmContextTooLarge(build.context);
    }
  }
  return PackAnswer();
}

}  // namespace

void WarmService::Run() {
  while (true) {
    PrepareSpec spec;
    const std::optional<WarmTarget> row = WaitForDue(spec);
    if (!row.has_value()) {
      return;
    }
    TakeOver(row->id, LookAt(*row, spec, stop_.token()));
  }
}

std::optional<WarmTarget> WarmService::WaitForDue(PrepareSpec& spec) {
  while (true) {
    std::chrono::milliseconds nap = kLongestNap;
    {
      MutexLock lock(mu_);
      if (TakeEndedJobs()) {
        nap = kJobNap;
      }
      if (WarmEntry* entry = table_.TakeDue(Now())) {
        if (entry->spec.ok()) {
          spec = *entry->spec;
          return entry->row;
        }
        Fail(*entry, entry->spec.status());
        table_.EndLook(*entry, Now());
        continue;
      }
      if (const std::optional<WarmTable::Time> next = table_.NextDue()) {
        nap = std::clamp(
            std::chrono::ceil<std::chrono::milliseconds>(*next - Now()),
            std::chrono::milliseconds(1), nap);
      }
    }
    UpdateWatchers();
    MutexLock lock(wake_mu_);
    if (stopping_) {
      return std::nullopt;
    }
    if (!std::exchange(news_, false)) {
      woken_.WaitFor(wake_mu_, nap);
      news_ = false;
    }
    if (stopping_) {
      return std::nullopt;
    }
  }
}

WarmService::Look WarmService::LookAt(const WarmTarget& row,
                                      const PrepareSpec& spec,
                                      const CancelToken& cancel) {
  Look look;
  // Also when the rest fails: a change of a file may mend it.
  if (row.kind == WarmKind::kAgent) {
    for (const std::string& home : {spec.bottle.home, spec.bottle.cwd}) {
      const std::filesystem::path dir =
          std::filesystem::path(home) / ".bot-bottle";
      std::error_code error;
      if (!home.empty() && std::filesystem::is_directory(dir, error)) {
        look.trees["tree\n" + dir.native()] = WholeTree(dir);
      }
    }
  }
  const absl::StatusOr<std::optional<BuildSpec>> build =
      deps_.prepares.BuildOf(spec);
  if (!build.ok()) {
    look.answer = build.status();
    return look;
  }
  if (build->has_value()) {
    look.answer = CheckContext(row, **build, cancel);
    int number = 0;
    for (auto& tree : BuildTrees(**build)) {
      look.trees[fmt::format("tree\n{}\n{}\n{}", (*build)->context,
                             (*build)->dockerfile, ++number)] = std::move(tree);
    }
  }
  if (!look.answer.ok()) {
    return look;
  }
  PrepareSpec asked = spec;
  asked.only_look = true;
  look.answer = deps_.prepares.PackOnly(asked, cancel);
  if (!look.answer.ok()) {
    return look;
  }
  if (look.answer->artifact.has_value()) {
    look.used = !look.answer->artifact->warmed;
    return look;
  }
  std::optional<ArtifactRecord> last;
  if (!row.artifact.empty()) {
    last = deps_.index.FindByDigest(row.artifact).value_or(std::nullopt);
    look.used = last.has_value() && !last->warmed;
  }
  look.pause = !look.used && row.unused_count >= kMaxUnusedWarms;
  if (look.pause) {
    return look;
  }
  look.waiting = deps_.guard.Check(EstimateBytes(last, options_.unknown_bytes));
  if (look.waiting.empty()) {
    look.answer = deps_.prepares.PackOnly(spec, cancel);
  }
  return look;
}

void WarmService::TakeOver(const std::string& id, Look look) {
  MutexLock lock(mu_);
  WarmEntry* const entry = table_.Find(id);
  if (entry == nullptr) {
    // It was removed meanwhile: nobody waits for the job.
    if (look.answer.ok() && look.answer->job != nullptr) {
      deps_.scheduler
          .Cancel(look.answer->job->id(), look.answer->interest_id,
                  /*force=*/false)
          .IgnoreError();
    }
    return;
  }
  entry->trees = std::move(look.trees);
  WarmTarget& row = entry->row;
  const WarmTarget before = row;
  entry->waiting = look.waiting;
  if (look.used) {
    row.unused_count = 0;
  }
  if (absl::IsCancelled(look.answer.status())) {
    // Its caller has left, which says nothing of the target.
    table_.Touch(*entry, Now());
  } else if (!look.answer.ok()) {
    Fail(*entry, look.answer.status());
  } else if (look.pause) {
    row.paused =
        fmt::format("nobody asked for its last {} artifacts", row.unused_count);
  } else if (look.answer->artifact.has_value()) {
    row.failure_json.clear();
    row.failure_count = 0;
    row.artifact = look.answer->artifact->digest;
    row.checked_ms = deps_.clock.NowMs();
  } else if (look.answer->job != nullptr) {
    entry->job = look.answer->job;
    entry->interest_id = look.answer->interest_id;
  }
  table_.EndLook(*entry, Now());
  WarmTarget same = row;
  same.checked_ms = before.checked_ms;
  if (same != before || row.checked_ms - before.checked_ms > kStoreIntervalMs) {
    Store(*entry);
  } else {
    row.checked_ms = before.checked_ms;
  }
}

void WarmService::Fail(WarmEntry& entry, const absl::Status& why) {
  WarmTarget& row = entry.row;
  const bool known = !row.failure_json.empty() &&
                     GetErrorDetail(DecodeFailure(row.failure_json)).reason ==
                         GetErrorDetail(why).reason;
  if (!known) {
    Log("warm")->info("{} {}: {}", WarmKindWord(row.kind), Printable(row.name),
                      std::string(why.message()));
  }
  row.failure_json = EncodeFailure(why);
  ++row.failure_count;
}

bool WarmService::TakeEndedJobs() {
  bool left = false;
  for (auto& [id, entry] : table_.entries()) {
    if (entry.job != nullptr && IsTerminal(entry.job->state())) {
      EndJob(entry);
    }
    left = left || entry.job != nullptr;
  }
  return left;
}

void WarmService::EndJob(WarmEntry& entry) {
  const JobSnapshot job = std::exchange(entry.job, nullptr)->Snapshot();
  entry.interest_id.clear();
  WarmTarget& row = entry.row;
  if (job.state == JobState::kSucceeded) {
    if (!job.artifact.warmed) {
      row.unused_count = 0;
    } else if (job.artifact.created_ms >= job.started_ms) {
      // Else it found what another job had made meanwhile. One that is made
      // again because it was collected counts, too.
      ++row.warmed_count;
      ++row.unused_count;
      row.warmed_ms = job.finished_ms;
    }
    row.artifact = job.artifact.digest;
    row.checked_ms = job.finished_ms;
    row.failure_json.clear();
    row.failure_count = 0;
  } else if (stop_.token().Cancelled()) {
    return;
  } else {
    Fail(entry, job.status);
  }
  table_.EndLook(entry, Now());
  Store(entry);
}

void WarmService::Store(WarmEntry& entry) {
  const absl::StatusOr<bool> stored = deps_.index.UpdateWarmTarget(entry.row);
  if (!stored.ok()) {
    Log("warm")->warn("cannot note {}: {}", Printable(entry.row.name),
                      std::string(stored.status().message()));
  }
}

void WarmService::UpdateWatchers() {
  std::map<std::string, Watchers::Loop> wanted;
  size_t engines = 0;
  size_t trees = 0;
  {
    MutexLock lock(mu_);
    for (const auto& [id, entry] : table_.entries()) {
      if (!entry.spec.ok() || !entry.row.paused.empty()) {
        continue;
      }
      const EngineEndpoint& engine = *entry.spec->engine;
      const std::string key = EngineKey(engine);
      if (!wanted.contains(key) && engines < kMaxWatchedEngines) {
        ++engines;
        wanted[key] = EngineLoop(engine);
      }
      for (const auto& [tree, make] : entry.trees) {
        if (trees < kMaxWatchedTrees) {
          ++trees;
          wanted[id + "\n" + tree] = TreeLoop(id, tree, make);
        }
      }
    }
  }
  watchers_.Set(std::move(wanted));
}

Watchers::Loop WarmService::EngineLoop(const EngineEndpoint& endpoint) {
  return [this, endpoint](const CancelToken& cancel) {
    const EngineSink sink = {
        .connected =
            [&] {
              Log("warm")->debug("follows the events of {}", endpoint.host);
              MutexLock lock(mu_);
              table_.TouchEngine(endpoint, Now());
              Wake();
            },
        .events =
            [&](const std::vector<ImageEvent>& events) {
              MutexLock lock(mu_);
              table_.TouchEngine(endpoint, events, Now());
              Wake();
            },
        .lost =
            [&](const absl::Status& why) {
              Log("warm")->info("no events of {}: {}", endpoint.host,
                                std::string(why.message()));
              // So that its targets say so, too.
              MutexLock lock(mu_);
              table_.TouchEngine(endpoint, Now());
              Wake();
            }};
    const std::shared_ptr<EngineClient> engine = deps_.engines.Get(endpoint);
    WatchEngine(*engine, sink, options_.triggers, cancel);
  };
}

Watchers::Loop WarmService::TreeLoop(
    const std::string& id, const std::string& key,
    std::function<absl::StatusOr<WatchedTree>()> make) {
  return [this, id, key, make = std::move(make)](const CancelToken& cancel) {
    const TreeSink sink = {.changed =
                               [&] {
                                 MutexLock lock(mu_);
                                 if (WarmEntry* entry = table_.Find(id)) {
                                   table_.Touch(*entry, Now());
                                 }
                                 Wake();
                               },
                           .watched =
                               [&](const absl::Status& status) {
                                 MutexLock lock(mu_);
                                 if (WarmEntry* entry = table_.Find(id)) {
                                   entry->blind[key] =
                                       std::string(status.message());
                                 }
                               }};
    WatchTree(make, sink, options_.triggers, cancel);
  };
}

}  // namespace bottled
