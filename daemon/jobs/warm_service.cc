#include "jobs/warm_service.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/log.h"
#include "base/status_macros.h"
#include "jobs/errors.h"
#include "jobs/warm_spec.h"
#include "store/failure_json.h"

namespace bottled {
namespace {

// The first reason of a target that is blind.
std::string BlindReason(const WarmEntry& entry) {
  for (const auto& [tree, why] : entry.blind) {
    if (!why.empty() && entry.trees.contains(tree)) {
      return why;
    }
  }
  return "";
}

}  // namespace

WarmService::WarmService(const Deps& deps, const Options& options)
    : deps_(deps), options_(options), table_(options.times) {}

WarmService::~WarmService() { Stop(); }

absl::Status WarmService::Start() {
  ASSIGN_OR_RETURN(const std::vector<WarmTarget> rows,
                   deps_.index.ListWarmTargets());
  {
    MutexLock lock(mu_);
    for (const WarmTarget& row : rows) {
      table_.Put(row, Now());
    }
  }
  subscription_ = deps_.changes.Subscribe([this] { Wake(); });
  thread_ = std::thread([this] { Run(); });
  return absl::OkStatus();
}

void WarmService::Stop() {
  if (subscription_.has_value()) {
    deps_.changes.Unsubscribe(*subscription_);
    subscription_.reset();
  }
  stop_.Cancel();
  {
    MutexLock lock(wake_mu_);
    stopping_ = true;
    woken_.NotifyAll();
  }
  if (thread_.joinable()) {
    thread_.join();
  }
  watchers_.Set({});
}

void WarmService::Wake() {
  MutexLock lock(wake_mu_);
  news_ = true;
  woken_.NotifyAll();
}

absl::StatusOr<WarmResult> WarmService::Warm(PrepareSpec spec, bool keep,
                                             const CancelToken& cancel) {
  spec.job_class = JobClass::kWarm;
  spec.tied = false;
  WarmResult result;
  if (!keep) {
    Look look = LookAt(WarmTarget(), spec, cancel);
    result.failure = look.answer.status();
    if (!look.waiting.empty()) {
      result.failure = WarmRefused(look.waiting);
    } else if (look.answer.ok()) {
      result.artifact = std::move(look.answer->artifact);
      result.job = std::move(look.answer->job);
    }
    return result;
  }
  ASSIGN_OR_RETURN(const WarmTarget wanted,
                   MakeWarmTarget(spec, deps_.clock.NowMs()));
  WarmTarget row;
  bool mine = false;
  {
    MutexLock lock(mu_);
    if (table_.Find(wanted.id) == nullptr &&
        table_.entries().size() >= kMaxWarmTargets) {
      return TooManyWarmTargets(kMaxWarmTargets);
    }
    ASSIGN_OR_RETURN(row, deps_.index.AddWarmTarget(wanted));
    WarmEntry& entry = table_.Put(row, Now());
    RETURN_IF_ERROR(entry.spec.status());
    spec = *entry.spec;
    // Whoever looks at it now has not seen what this caller knows.
    mine = !entry.busy && entry.job == nullptr;
    if (mine) {
      table_.BeginLook(entry);
    }
  }
  if (mine) {
    Look look = LookAt(row, spec, cancel);
    if (look.answer.ok()) {
      result.artifact = look.answer->artifact;
    }
    TakeOver(row.id, std::move(look));
  }
  Wake();
  MutexLock lock(mu_);
  if (const WarmEntry* entry = table_.Find(row.id)) {
    result.job = entry->job;
    result.target = View(*entry);
    if (entry->job == nullptr && !entry->row.failure_json.empty()) {
      result.failure = DecodeFailure(entry->row.failure_json);
    }
  }
  return result;
}

WarmView WarmService::View(const WarmEntry& entry) const {
  WarmView view;
  view.row = entry.row;
  if (entry.spec.ok() && entry.spec->engine.ok()) {
    view.engine = *entry.spec->engine;
  }
  view.status = entry.status();
  view.waiting = entry.waiting;
  if (entry.due.has_value() && view.status != WarmStatus::kPaused) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        *entry.due - Now());
    view.next_ms = deps_.clock.NowMs() + std::max<int64_t>(0, left.count());
  }
  view.job_id = entry.job == nullptr ? "" : entry.job->id();
  view.blind = BlindReason(entry);
  return view;
}

std::vector<WarmView> WarmService::List() {
  std::vector<WarmView> views;
  {
    MutexLock lock(mu_);
    for (const auto& [id, entry] : table_.entries()) {
      views.push_back(View(entry));
    }
  }
  std::sort(views.begin(), views.end(),
            [](const WarmView& a, const WarmView& b) {
              return std::tie(a.row.created_ms, a.row.id) <
                     std::tie(b.row.created_ms, b.row.id);
            });
  return views;
}

absl::StatusOr<WarmView> WarmService::Remove(const std::string& name) {
  WarmView view;
  std::shared_ptr<Job> job;
  std::string interest_id;
  {
    MutexLock lock(mu_);
    ASSIGN_OR_RETURN(WarmEntry * entry, table_.FindNamed(name));
    RETURN_IF_ERROR(deps_.index.RemoveWarmTarget(entry->row.id).status());
    view = View(*entry);
    job = entry->job;
    interest_id = entry->interest_id;
    table_.Erase(view.row.id);
  }
  if (job != nullptr) {
    // Only our interest: it may have ended, or others may want it.
    const auto cancelled =
        deps_.scheduler.Cancel(job->id(), interest_id, /*force=*/false);
    if (!cancelled.ok()) {
      Log("warm")->debug("job {}: {}", job->id(),
                         std::string(cancelled.status().message()));
    }
  }
  Wake();
  return view;
}

absl::StatusOr<WarmView> WarmService::Resume(const std::string& name) {
  WarmView view;
  {
    MutexLock lock(mu_);
    ASSIGN_OR_RETURN(WarmEntry * entry, table_.FindNamed(name));
    ASSIGN_OR_RETURN(const WarmTarget row,
                     deps_.index.AddWarmTarget(entry->row));
    view = View(table_.Put(row, Now()));
  }
  Wake();
  return view;
}

}  // namespace bottled
