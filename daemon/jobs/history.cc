#include "jobs/history.h"

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/status_macros.h"
#include "jobs/errors.h"
#include "store/failure_json.h"

namespace bottled {
namespace {

JobState ToState(JobRowState state) {
  switch (state) {
    case JobRowState::kQueued:
      return JobState::kQueued;
    case JobRowState::kRunning:
    case JobRowState::kPublishing:
      return JobState::kRunning;
    case JobRowState::kSucceeded:
      return JobState::kSucceeded;
    case JobRowState::kFailed:
      return JobState::kFailed;
    case JobRowState::kCancelled:
      return JobState::kCancelled;
    case JobRowState::kInterrupted:
      return JobState::kInterrupted;
  }
  return JobState::kInterrupted;
}

// The artifact of a job that succeeded may be gone by now.
absl::StatusOr<JobSnapshot> ToSnapshot(const JobRecord& row, Index& index) {
  JobSnapshot job;
  job.id = row.id;
  job.state = ToState(row.state);
  job.source = row.source;
  job.content_key = row.content_key;
  job.created_ms = row.created_ms;
  job.started_ms = row.started_ms;
  job.finished_ms = row.finished_ms;
  // Above all that its runs have used: whoever followed them gets its end.
  job.last_seq = EventLog::BaseSeq(row.finished_ms) + 1;
  job.miss = row.miss;
  job.attempt = row.attempt;
  if (row.state != JobRowState::kSucceeded) {
    job.status = DecodeFailure(row.failure_json);
    return job;
  }
  ASSIGN_OR_RETURN(const std::optional<ArtifactRecord> record,
                   index.FindByDigest(row.artifact));
  if (record.has_value()) {
    job.artifact = *record;
  } else {
    job.state = JobState::kFailed;
    job.status = ArtifactGone(row.artifact);
  }
  return job;
}

}  // namespace

absl::StatusOr<std::shared_ptr<Job>> FindPastJob(const std::string& id,
                                                 Index& index,
                                                 const Clock& clock) {
  ASSIGN_OR_RETURN(const std::optional<JobRecord> row, index.FindJob(id));
  if (!row.has_value() || row->finished_ms == 0) {
    return JobNotFound(id);
  }
  ASSIGN_OR_RETURN(const JobSnapshot past, ToSnapshot(*row, index));
  return Job::FromPast(past, clock);
}

absl::StatusOr<std::shared_ptr<Job>> FindAnyJob(const std::string& id,
                                                const Scheduler& scheduler,
                                                Index& index,
                                                const Clock& clock) {
  if (std::shared_ptr<Job> job = scheduler.Find(id)) {
    return job;
  }
  return FindPastJob(id, index, clock);
}

absl::StatusOr<std::vector<JobSnapshot>> ListAllJobs(const Scheduler& scheduler,
                                                     Index& index,
                                                     bool include_finished,
                                                     int limit) {
  // Equal times keep the order in which they came, newest first.
  std::multimap<int64_t, JobSnapshot, std::greater<>> sorted;
  std::set<std::string> seen;
  for (const std::shared_ptr<Job>& job : scheduler.List()) {
    JobSnapshot snapshot = job->Snapshot();
    seen.insert(snapshot.id);
    if (include_finished || !IsTerminal(snapshot.state)) {
      sorted.emplace(snapshot.created_ms, std::move(snapshot));
    }
  }
  if (include_finished) {
    ASSIGN_OR_RETURN(const std::vector<JobRecord> rows,
                     index.ListJobs(/*include_finished=*/true, limit));
    for (const JobRecord& row : rows) {
      if (row.finished_ms != 0 && !seen.contains(row.id)) {
        ASSIGN_OR_RETURN(JobSnapshot snapshot, ToSnapshot(row, index));
        sorted.emplace(snapshot.created_ms, std::move(snapshot));
      }
    }
  }
  std::vector<JobSnapshot> jobs;
  for (auto& [created_ms, job] : sorted) {
    if (static_cast<int>(jobs.size()) >= limit) {
      break;
    }
    jobs.push_back(std::move(job));
  }
  return jobs;
}

}  // namespace bottled
