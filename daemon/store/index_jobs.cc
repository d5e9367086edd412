#include <algorithm>
#include <array>
#include <utility>

#include "base/error.h"
#include "base/status_macros.h"
#include "store/errors.h"
#include "store/index.h"
#include "store/index_state.h"
#include "store/miss_json.h"
#include "store/object_record.h"

namespace bottled {
namespace {

constexpr int64_t kMaxFinishedJobs = 5000;
constexpr int64_t kMaxJobAgeMs = int64_t{30} * 24 * 3600 * 1000;

constexpr std::array<std::pair<JobRowState, std::string_view>, 7> kStates = {{
    {JobRowState::kQueued, "queued"},
    {JobRowState::kRunning, "running"},
    {JobRowState::kPublishing, "publishing"},
    {JobRowState::kSucceeded, "succeeded"},
    {JobRowState::kFailed, "failed"},
    {JobRowState::kCancelled, "cancelled"},
    {JobRowState::kInterrupted, "interrupted"},
}};

// The column's CHECK allows no other text.
JobRowState StateFromText(std::string_view text) {
  for (const auto& [state, name] : kStates) {
    if (name == text) {
      return state;
    }
  }
  return JobRowState::kInterrupted;
}

Statement::Use& BindDigest(Statement::Use& use, const std::string& hex) {
  return hex.empty() ? use.BindNull() : use.Bind(hex);
}

JobRecord ReadJob(const Statement::Use& row) {
  JobRecord job;
  job.id = row.Text(0);
  job.state = StateFromText(row.Text(1));
  job.source = row.Text(2);
  job.content_key = DigestColumn(row, 3);
  job.created_ms = row.Int(4);
  job.started_ms = row.Int(5);
  job.finished_ms = row.Int(6);
  job.artifact = DigestColumn(row, 7);
  job.failure_json = row.Text(8);
  job.boot_id = row.Text(9);
  job.miss = DecodeMiss(row.Text(11));
  job.flight = row.Text(12);
  job.attempt = static_cast<int>(row.Int(13));
  job.spec = row.Text(14);
  // The column's CHECK allows no other number.
  job.wish = static_cast<JobWish>(row.Int(15));
  return job;
}

// JOB_EXISTS when another open job has the key.
absl::Status CheckKeyFree(Connection& c, const std::string& id,
                          const Digest& key) {
  if (key.empty()) {
    return absl::OkStatus();
  }
  Statement::Use use(c.statements.job_by_open_key);
  ASSIGN_OR_RETURN(const bool row, use.Bind(key.hex()).Step());
  return row && use.Text(0) != id ? JobExistsError(use.Text(0))
                                  : absl::OkStatus();
}

}  // namespace

std::string_view JobStateText(JobRowState state) {
  for (const auto& [candidate, name] : kStates) {
    if (candidate == state) {
      return name;
    }
  }
  return "interrupted";
}

absl::Status CheckJobChanged(Connection& c, const std::string& id) {
  return c.db.changes() == 1 ? absl::OkStatus() : JobNotOpenError(id);
}

absl::StatusOr<bool> WriteJobEnd(Connection& c, const JobEnd& end) {
  Statement::Use use(c.statements.job_finish);
  use.Bind(JobStateText(end.state));
  BindDigest(use, end.artifact);
  use.Bind(end.failure_json).Bind(end.finished_ms).Bind(end.id);
  RETURN_IF_ERROR(use.Run());
  return c.db.changes() == 1;
}

absl::Status Index::InsertJob(const JobRecord& job,
                              const std::string& request_key) {
  return state_->Write([&](Connection& c) -> absl::Status {
    RETURN_IF_ERROR(CheckKeyFree(c, job.id, job.content_key));
    Statement::Use use(c.statements.job_put);
    use.Bind(job.id).Bind(JobStateText(job.state)).Bind(job.source);
    BindDigest(use, job.content_key.hex());
    use.Bind(job.created_ms).Bind(job.started_ms).Bind(job.finished_ms);
    BindDigest(use, job.artifact.hex());
    RETURN_IF_ERROR(use.Bind(job.failure_json)
                        .Bind(job.boot_id)
                        .Bind(job.flight)
                        .Bind(int64_t{job.attempt})
                        .Bind(job.spec)
                        .Bind(static_cast<int64_t>(job.wish))
                        .Run());
    return request_key.empty()
               ? absl::OkStatus()
               : WriteRequest(c, request_key, job.id, job.created_ms);
  });
}

absl::Status Index::MarkRunning(const std::string& id, int64_t now_ms) {
  return state_->Write([&](Connection& c) -> absl::Status {
    RETURN_IF_ERROR(
        Statement::Use(c.statements.job_run).Bind(now_ms).Bind(id).Run());
    return CheckJobChanged(c, id);
  });
}

absl::Status Index::MarkQueued(const std::string& id) {
  return state_->Write([&](Connection& c) -> absl::Status {
    RETURN_IF_ERROR(Statement::Use(c.statements.job_requeue).Bind(id).Run());
    return CheckJobChanged(c, id);
  });
}

absl::Status Index::SetJobKey(const std::string& id, const Digest& key) {
  return state_->Write([&](Connection& c) -> absl::Status {
    RETURN_IF_ERROR(CheckKeyFree(c, id, key));
    Statement::Use use(c.statements.job_set_key);
    RETURN_IF_ERROR(BindDigest(use, key.hex()).Bind(id).Run());
    return CheckJobChanged(c, id);
  });
}

absl::Status Index::SetJobMiss(const std::string& id, const Miss& miss) {
  return state_->Write([&](Connection& c) -> absl::Status {
    RETURN_IF_ERROR(Statement::Use(c.statements.job_set_miss)
                        .Bind(EncodeMiss(miss))
                        .Bind(id)
                        .Run());
    return CheckJobChanged(c, id);
  });
}

absl::Status Index::MarkPublishing(const std::string& id,
                                   const ArtifactRecord& record) {
  return state_->Write([&](Connection& c) -> absl::Status {
    RETURN_IF_ERROR(Statement::Use(c.statements.job_publish)
                        .Bind(record.digest.hex())
                        .Bind(EncodeObjectRecord(record))
                        .Bind(id)
                        .Run());
    return CheckJobChanged(c, id);
  });
}

absl::Status Index::FinishJob(const std::string& id, JobRowState state,
                              const Digest& artifact,
                              const std::string& failure_json, int64_t now_ms) {
  JobEnd end{.id = id,
             .state = state,
             .artifact = artifact.hex(),
             .failure_json = failure_json,
             .finished_ms = now_ms};
  const absl::Status status = state_->Write([&](Connection& c) -> absl::Status {
    ASSIGN_OR_RETURN(const bool was_open, WriteJobEnd(c, end));
    return was_open ? absl::OkStatus() : JobNotOpenError(id);
  });
  if (HasReason(status, "NO_SPACE")) {
    state_->Defer(std::move(end));
  }
  return status;
}

absl::StatusOr<std::optional<JobRecord>> Index::FindJob(const std::string& id) {
  return state_->Read(
      [&](Connection& c) -> absl::StatusOr<std::optional<JobRecord>> {
        Statement::Use use(c.statements.job_by_id);
        ASSIGN_OR_RETURN(const bool row, use.Bind(id).Step());
        std::optional<JobRecord> job;
        if (row) {
          job = ReadJob(use);
        }
        return job;
      });
}

absl::StatusOr<std::vector<JobRecord>> Index::ListJobs(bool include_finished,
                                                       int limit) {
  return state_->Read(
      [&](Connection& c) -> absl::StatusOr<std::vector<JobRecord>> {
        std::vector<JobRecord> jobs;
        Statement::Use use(include_finished ? c.statements.job_list
                                            : c.statements.job_list_open);
        use.Bind(limit > 0 ? limit : -1);
        while (true) {
          ASSIGN_OR_RETURN(const bool row, use.Step());
          if (!row) {
            return jobs;
          }
          jobs.push_back(ReadJob(use));
        }
      });
}

absl::StatusOr<std::vector<Index::OpenJob>> Index::OpenJobs() {
  return state_->Read(
      [](Connection& c) -> absl::StatusOr<std::vector<OpenJob>> {
        std::vector<OpenJob> jobs;
        Statement::Use use(c.statements.job_list_open);
        use.Bind(int64_t{-1});
        while (true) {
          ASSIGN_OR_RETURN(const bool row, use.Step());
          if (!row) {
            std::reverse(jobs.begin(), jobs.end());
            return jobs;
          }
          OpenJob job{.job = ReadJob(use), .publishing = std::nullopt};
          absl::StatusOr<ArtifactRecord> record =
              DecodeObjectRecord(use.Text(10));
          if (record.ok()) {
            job.publishing = *std::move(record);
          }
          jobs.push_back(std::move(job));
        }
      });
}

absl::Status Index::TrimJobs(int64_t now_ms) {
  return state_->Write([&](Connection& c) -> absl::Status {
    RETURN_IF_ERROR(Statement::Use(c.statements.crash_trim)
                        .Bind(now_ms - kDayMemoryMs)
                        .Bind(now_ms + kDayMemoryMs)
                        .Run());
    RETURN_IF_ERROR(Statement::Use(c.statements.job_trim_age)
                        .Bind(now_ms - kMaxJobAgeMs)
                        .Run());
    RETURN_IF_ERROR(Statement::Use(c.statements.job_trim_count)
                        .Bind(kMaxFinishedJobs)
                        .Run());
    return Statement::Use(c.statements.request_trim)
        .Bind(now_ms - kDayMemoryMs)
        .Bind(now_ms + kDayMemoryMs)
        .Run();
  });
}

}  // namespace bottled
