#include "jobs/scheduler.h"

#include <algorithm>

#include "base/status_macros.h"
#include "base/strings.h"
#include "jobs/errors.h"
#include "store/errors.h"

namespace bottled {
namespace {

constexpr size_t kJobIdBytes = 8;

JobWish WishOf(const Scheduler::Request& request) {
  if (request.job_class == JobClass::kWarm) {
    return JobWish::kWarm;
  }
  return request.tied ? JobWish::kWatched : JobWish::kDetached;
}

}  // namespace

Scheduler::Scheduler(Options options, Index& index, const Clock& clock)
    : options_(std::move(options)),
      index_(index),
      clock_(clock),
      queue_(std::max(1, options_.max_running)) {
  MutexLock lock(stop_mu_);
  for (int i = 0; i < std::max(1, options_.max_running); ++i) {
    workers_.emplace_back([this] { RunWorker(); });
  }
  timer_ = std::thread([this] { RunTimer(); });
}

Scheduler::~Scheduler() { Stop(std::chrono::milliseconds(0)); }

absl::Status Scheduler::CheckRoom(const Request& request) const {
  if (static_cast<int>(queue_.size() + arriving_.size()) >=
      options_.max_queued) {
    return TooManyJobs(options_.max_queued);
  }
  if (request.client.empty() || request.job_class != JobClass::kInteractive) {
    return absl::OkStatus();
  }
  const auto arriving =
      std::count_if(arriving_.begin(), arriving_.end(),
                    [&request](const std::shared_ptr<Job>& job) {
                      return job->Clients().contains(request.client);
                    });
  if (arriving + queue_.WaitingOf(request.client) >=
      options_.max_queued_per_client) {
    return TooManyJobsOfClient(options_.max_queued_per_client);
  }
  return absl::OkStatus();
}

std::shared_ptr<Job> Scheduler::RecentFailure(const std::string& flight_key) {
  const auto now = clock_.Steady();
  std::erase_if(failures_, [&](const auto& failure) {
    return now - failure.second.at >= options_.failure_window;
  });
  const auto failure = failures_.find(flight_key);
  return failure == failures_.end() ? nullptr : failure->second.job;
}

absl::Status Scheduler::JoinOrAdd(const Request& request, int crashes,
                                  Submission& submission) {
  MutexLock lock(mu_);
  if (stopping_) {
    return ShuttingDown();
  }
  const auto flight = flights_.find(request.flight_key);
  if (flight == flights_.end() ||
      !JoinLocked(request, flight->second, submission)) {
    if (crashes >= kPoisonCrashes && !request.fresh) {
      return PoisonError(crashes);
    }
    submission.job =
        request.fresh ? nullptr : RecentFailure(request.flight_key);
    if (submission.job != nullptr) {
      submission.remembered = true;
      return absl::OkStatus();
    }
    RETURN_IF_ERROR(CheckRoom(request));
    submission.job =
        std::make_shared<Job>(RandomHex(kJobIdBytes), request.source,
                              request.flight_key, clock_, crashes + 1);
    submission.job->AddWish(WishOf(request));
    submission.job->SetContentKey(request.key);
    submission.interest_id = InterestOf(request, *submission.job);
    submission.job->AddInterest(submission.interest_id, request.job_class,
                                request.client);
    Register(submission.job);
    SetTie(request, submission);
  }
  return absl::OkStatus();
}

bool Scheduler::JoinLocked(const Request& request,
                           const std::shared_ptr<Job>& job,
                           Submission& submission) {
  const std::string interest = InterestOf(request, *job);
  if (!job->AddInterest(interest, request.job_class, request.client)) {
    return false;
  }
  submission.job = job;
  submission.interest_id = interest;
  submission.joined = true;
  SetTie(request, submission);
  // It may have become more urgent.
  changed_.NotifyAll();
  return true;
}

std::string Scheduler::NewInterestId() {
  constexpr size_t kInterestIdBytes = 16;
  return RandomHex(kInterestIdBytes);
}

std::string Scheduler::InterestOf(const Request& request, const Job& job) {
  return request.request_key.empty()
             ? NewInterestId()
             : Sha256Of(request.request_key + " " + job.id()).hex();
}

void Scheduler::Register(const std::shared_ptr<Job>& job) {
  flights_[job->flight_key()] = job;
  jobs_.emplace(job->id(), job);
  order_.push_back(job->id());
  arriving_.insert(job);
  ++active_;
}

void Scheduler::SetTie(const Request& request, const Submission& submission) {
  if (!request.tied) {
    ties_.erase(submission.interest_id);
    return;
  }
  Tie& tie = ties_.try_emplace(submission.interest_id).first->second;
  tie.job = submission.job;
  if (tie.watches == 0) {
    tie.expires = clock_.Steady() + options_.attach_timeout;
    tie.vanished = false;
  }
  changed_.NotifyAll();
}

absl::Status Scheduler::Enqueue(const std::shared_ptr<Job>& job, Work& work) {
  MutexLock lock(mu_);
  arriving_.erase(job);
  if (stopping_) {
    return JobCutShort();
  }
  // Whoever cancels after this finds it in the queue.
  RETURN_IF_ERROR(job->cancel_reason());
  queue_.Push(job, std::move(work), clock_.Steady());
  changed_.NotifyAll();
  return absl::OkStatus();
}

absl::Status Scheduler::InsertRow(const Request& request, const Job& job) {
  const JobWish wish = job.wish();
  // Without the lock, because the disk may be slow. The row has no key until
  // the job runs: an older job of the same key may still be stopping, and the
  // index allows one of them.
  RETURN_IF_ERROR(index_.InsertJob({.id = job.id(),
                                    .state = JobRowState::kQueued,
                                    .source = request.source,
                                    .content_key = Digest(),
                                    .created_ms = job.Snapshot().created_ms,
                                    .started_ms = 0,
                                    .finished_ms = 0,
                                    .artifact = Digest(),
                                    .failure_json = "",
                                    .boot_id = options_.boot_id,
                                    .flight = request.flight_key,
                                    .attempt = job.attempt(),
                                    .spec = request.spec,
                                    .wish = wish},
                                   request.request_key));
  // Who joined meanwhile found no row to write it to.
  if (job.wish() != wish) {
    NoteWish(job);
  }
  return absl::OkStatus();
}

void Scheduler::NoteWish(const Job& job) {
  const absl::Status noted = index_.SetJobWish(job.id(), job.wish());
  if (!HasReason(noted, kJobNotOpen)) {
    LogFailure(job, "cannot note who wants it", noted);
  }
}

void Scheduler::NoteJoined(const Request& request,
                           const Submission& submission) {
  submission.job->AnnounceClass();
  if (submission.job->AddWish(WishOf(request))) {
    NoteWish(*submission.job);
  }
}

std::optional<Scheduler::Submission> Scheduler::Join(const std::string& job_id,
                                                     const Request& request) {
  Submission submission;
  {
    MutexLock lock(mu_);
    const auto found = jobs_.find(job_id);
    if (stopping_ || found == jobs_.end() ||
        !JoinLocked(request, found->second, submission)) {
      return std::nullopt;
    }
    DropUnclaimed(found->second);
  }
  NoteJoined(request, submission);
  return submission;
}

absl::StatusOr<Scheduler::Submission> Scheduler::Submit(
    const Request& request, absl::AnyInvocable<Work()> make_work) {
  ASSIGN_OR_RETURN(const int crashes,
                   index_.CrashesOf(request.flight_key, clock_.NowMs()));
  Submission submission;
  RETURN_IF_ERROR(JoinOrAdd(request, crashes, submission));
  if (submission.joined) {
    NoteJoined(request, submission);
    if (!request.request_key.empty()) {
      LogFailure(*submission.job, "cannot note a request of it",
                 index_.NoteRequest(request.request_key, submission.job->id(),
                                    clock_.NowMs()));
    }
  }
  if (submission.joined || submission.remembered) {
    return submission;
  }
  const absl::Status inserted = InsertRow(request, *submission.job);
  if (!inserted.ok()) {
    {
      MutexLock lock(mu_);
      arriving_.erase(submission.job);
    }
    EndJob(submission.job, inserted);
    return inserted;
  }
  Tell(options_.changes, ChangeKind::kJob, submission.job->id());
  Work work = make_work();
  if (const absl::Status end = Enqueue(submission.job, work); !end.ok()) {
    work = nullptr;
    EndJob(submission.job, end);
  }
  return submission;
}

bool Scheduler::WouldJoin(const std::string& flight_key) const {
  MutexLock lock(mu_);
  return flights_.contains(flight_key);
}

std::shared_ptr<Job> Scheduler::Find(const std::string& job_id) const {
  MutexLock lock(mu_);
  const auto it = jobs_.find(job_id);
  return it == jobs_.end() ? nullptr : it->second;
}

std::vector<std::shared_ptr<Job>> Scheduler::List() const {
  std::vector<std::shared_ptr<Job>> jobs;
  MutexLock lock(mu_);
  jobs.reserve(order_.size());
  for (auto id = order_.rbegin(); id != order_.rend(); ++id) {
    jobs.push_back(jobs_.at(*id));
  }
  return jobs;
}

int Scheduler::active_count() const {
  MutexLock lock(mu_);
  return active_;
}

}  // namespace bottled
