#include "rpc/service.h"

#include <unistd.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "base/error.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "google/protobuf/util/time_util.h"
#include "jobs/errors.h"
#include "jobs/history.h"
#include "platform/file.h"
#include "rpc/call_cancel.h"
#include "rpc/convert.h"
#include "rpc/convert_cache.h"
#include "rpc/errors.h"
#include "rpc/grpc_status.h"
#include "rpc/watch_reactor.h"

namespace bottled {
namespace {

using google::protobuf::util::TimeUtil;

// Names of what this release can do; docs/protocol.md explains them.
constexpr const char* kFeatures[] = {
    "pack.image",    "pack.archive", "pack.upload", "pack.build",
    "watch.resume",  "watch.events", "interest",    "verify.deep",
    "bottles",       "prepare",      "diagnose",    "packer.native/2",
    "packer.smolvm", "packer.push",  "leases",      "leases.stream",
    "collect",       "warm",         "miss",        "scrub",
    "verify.repair", "jobs.resume",  "pack.repeat", "watch.count",
};

constexpr int kDefaultJobs = 100;
constexpr int kMaxJobs = 1000;

// A watch of a job that does not exist ends at once with the error.
class FailedWatch : public grpc::ServerWriteReactor<v1::WatchJobResponse> {
 public:
  explicit FailedWatch(grpc::Status status) { Finish(std::move(status)); }
  void OnDone() override { delete this; }
};

}  // namespace

BottledService::BottledService(const Deps& deps, ServiceInfo info)
    : deps_(deps), info_(std::move(info)), watch_hub_(info_.max_watchers) {}

absl::Status BottledService::FillInfo(const std::string& search_path,
                                      v1::GetInfoResponse* response) {
  response->set_version(info_.version);
  for (const char* feature : kFeatures) {
    response->add_features(feature);
  }
  response->set_pid(::getpid());
  *response->mutable_started_at() =
      TimeUtil::MillisecondsToTimestamp(info_.started_ms);
  response->set_instance_id(deps_.index.instance_id());
  response->set_socket_path(info_.places.socket.string());
  response->set_state_dir(info_.places.state_dir.string());
  response->set_cache_dir(info_.places.cache_dir.string());
  const absl::StatusOr<Packer> packer =
      deps_.packers.Choose(PackerKind::kAuto, search_path, CancelToken());
  response->set_packer(packer.ok() ? packer->name : "none");
  response->set_packer_reason(
      packer.ok() ? packer->reason : std::string(packer.status().message()));
  ASSIGN_OR_RETURN(const ArtifactTotals totals, deps_.index.Totals());
  response->set_artifact_bytes(totals.bytes);
  response->set_artifact_count(totals.count);
  response->set_kept_layer_bytes(deps_.kept == nullptr ? 0
                                                       : deps_.kept->Bytes());
  // Unknown free space must not hide the rest.
  response->set_free_bytes(FreeBytes(info_.places.cache_dir).value_or(0));
  FillDisk(response->mutable_disk());
  response->set_active_job_count(deps_.scheduler.active_count());
  response->set_watcher_count(watch_hub_.count());
  v1::Limits& limits = *response->mutable_limits();
  limits.set_max_running_jobs(info_.max_running_jobs);
  limits.set_max_queued_jobs(info_.max_queued_jobs);
  limits.set_max_watchers(info_.max_watchers);
  limits.set_max_connections(info_.max_connections);
  limits.set_max_unpacked_bytes(info_.image_limits.max_unpacked_bytes);
  limits.set_max_entries(info_.image_limits.max_entries);
  RETURN_IF_ERROR(FillIntegrity(response));
  if (info_.default_engine.ok()) {
    *response->mutable_default_engine() = ToProto(*info_.default_engine);
  }
  return absl::OkStatus();
}

grpc::Status BottledService::GetInfo(grpc::ServerContext* context,
                                     const v1::GetInfoRequest* request,
                                     v1::GetInfoResponse* response) {
  return ToGrpcStatus(context, FillInfo(request->search_path(), response));
}

grpc::Status BottledService::Pack(grpc::ServerContext* context,
                                  const v1::PackRequest* request,
                                  v1::PackResponse* response) {
  const auto pack = [&]() -> absl::Status {
    ASSIGN_OR_RETURN(PackSpec spec, FromProto(*request, info_.default_engine));
    spec.client = deps_.peers.ClientOf(context->peer());
    // Bounded by the engine client's timeout; the client's going away changes
    // nothing that matters here.
    ASSIGN_OR_RETURN(const PackAnswer answer,
                     deps_.packs.Pack(spec, CancelToken()));
    if (answer.artifact.has_value()) {
      *response->mutable_artifact() =
          ToProto(*answer.artifact, deps_.objects.Path(*answer.artifact));
      if (answer.lease.has_value()) {
        *response->mutable_lease() = ToProto(*answer.lease);
      }
      return absl::OkStatus();
    }
    *response->mutable_job() = ToProto(answer.job->Snapshot(), deps_.objects);
    response->set_interest_id(answer.interest_id);
    response->set_upload_id(answer.upload_id);
    response->set_miss_reason(answer.miss_reason);
    if (!answer.miss.reason.empty()) {
      *response->mutable_miss() = ToProto(answer.miss);
    }
    return absl::OkStatus();
  };
  return ToGrpcStatus(context, pack());
}

grpc::Status BottledService::UploadArchive(
    grpc::ServerContext* context,
    grpc::ServerReader<v1::UploadArchiveRequest>* reader,
    v1::UploadArchiveResponse* response) {
  const auto upload = [&]() -> absl::Status {
    v1::UploadArchiveRequest request;
    if (!reader->Read(&request)) {
      return BadRequest("The upload holds no message");
    }
    ASSIGN_OR_RETURN(const std::unique_ptr<UploadWriter> writer,
                     deps_.uploads.Take(request.upload_id()));
    const CallCancel cancel(call_watcher_, context);
    int64_t received = 0;
    do {
      ASSIGN_OR_RETURN(const bool wanted,
                       writer->Write(request.data(), cancel.token()));
      if (!wanted) {
        response->set_received_bytes(received);
        return absl::OkStatus();
      }
      received += static_cast<int64_t>(request.data().size());
    } while (reader->Read(&request));
    // Read() also returns false for a client that vanished: only a clean end
    // may make the archive look complete.
    if (context->IsCancelled()) {
      return CancelledError();
    }
    writer->Close();
    response->set_received_bytes(received);
    return absl::OkStatus();
  };
  return ToGrpcStatus(context, upload());
}

grpc::ServerWriteReactor<v1::WatchJobResponse>* BottledService::WatchJob(
    grpc::CallbackServerContext* context, const v1::WatchJobRequest* request) {
  absl::StatusOr<std::shared_ptr<Job>> job =
      FindAnyJob(request->job_id(), deps_.scheduler, deps_.index, deps_.clock);
  if (!job.ok()) {
    return new FailedWatch(ToGrpcStatus(context, job.status()));
  }
  return new WatchReactor({.scheduler = deps_.scheduler,
                           .objects = deps_.objects,
                           .hub = watch_hub_},
                          context, *std::move(job), *request);
}

grpc::Status BottledService::GetJob(grpc::ServerContext* context,
                                    const v1::GetJobRequest* request,
                                    v1::GetJobResponse* response) {
  const absl::StatusOr<std::shared_ptr<Job>> job =
      FindAnyJob(request->job_id(), deps_.scheduler, deps_.index, deps_.clock);
  if (job.ok()) {
    *response->mutable_job() = ToProto((*job)->Snapshot(), deps_.objects);
  }
  return ToGrpcStatus(context, job.status());
}

grpc::Status BottledService::ListJobs(grpc::ServerContext* context,
                                      const v1::ListJobsRequest* request,
                                      v1::ListJobsResponse* response) {
  const int limit = request->limit() <= 0
                        ? kDefaultJobs
                        : std::min<int>(request->limit(), kMaxJobs);
  const absl::StatusOr<std::vector<JobSnapshot>> jobs = ListAllJobs(
      deps_.scheduler, deps_.index, request->include_finished(), limit);
  if (jobs.ok()) {
    for (const JobSnapshot& job : *jobs) {
      *response->add_jobs() = ToProto(job, deps_.objects);
    }
  }
  return ToGrpcStatus(context, jobs.status());
}

grpc::Status BottledService::CancelJob(grpc::ServerContext* context,
                                       const v1::CancelJobRequest* request,
                                       v1::CancelJobResponse* response) {
  const absl::StatusOr<std::shared_ptr<Job>> job = deps_.scheduler.Cancel(
      request->job_id(), request->interest_id(), request->force());
  if (job.ok()) {
    *response->mutable_job() = ToProto((*job)->Snapshot(), deps_.objects);
  }
  return ToGrpcStatus(context, job.status());
}

grpc::Status BottledService::ListArtifacts(
    grpc::ServerContext* context, const v1::ListArtifactsRequest* request,
    v1::ListArtifactsResponse* response) {
  const absl::StatusOr<std::vector<ArtifactRecord>> records =
      deps_.index.ListArtifacts(std::max(0, request->limit()));
  if (records.ok()) {
    for (const ArtifactRecord& record : *records) {
      *response->add_artifacts() = ToProto(record, deps_.objects.Path(record));
    }
  }
  return ToGrpcStatus(context, records.status());
}

}  // namespace bottled
