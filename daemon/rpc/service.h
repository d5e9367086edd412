// BottledService: the methods of bottled.v1.Bottled. Each is short: check the
// request's form, call the domain, convert. Unary methods run in gRPC's sync
// threads and may block on SQLite, files and the engine; WatchJob, WatchEvents
// and HoldLease are callback streams.

#ifndef BOTTLED_RPC_SERVICE_H_
#define BOTTLED_RPC_SERVICE_H_

#include <string>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/task_thread.h"
#include "bottled/v1/bottled.grpc.pb.h"
#include "endpoint/endpoint.h"
#include "image/limits.h"
#include "jobs/bottle_service.h"
#include "jobs/change_feed.h"
#include "jobs/collector.h"
#include "jobs/leases.h"
#include "jobs/pack_service.h"
#include "jobs/packers.h"
#include "jobs/preflight.h"
#include "jobs/prepare_service.h"
#include "jobs/scheduler.h"
#include "jobs/upload.h"
#include "jobs/warm_service.h"
#include "platform/places.h"
#include "rpc/call_cancel.h"
#include "rpc/peers.h"
#include "rpc/watch_hub.h"
#include "store/index.h"
#include "store/objects.h"

namespace bottled {

// What GetInfo tells and requests fall back to; constant.
struct ServiceInfo {
  std::string version;
  int64_t started_ms = 0;
  Places places;
  absl::StatusOr<EngineEndpoint> default_engine = EngineEndpoint();
  ImageLimits image_limits;
  int max_running_jobs = 0;
  int max_queued_jobs = 0;
  int max_watchers = 0;
  int max_connections = 0;
};

// Thread-safe.
class BottledService : public v1::Bottled::WithCallbackMethod_WatchJob<
                           v1::Bottled::WithCallbackMethod_WatchEvents<
                               v1::Bottled::WithCallbackMethod_HoldLease<
                                   v1::Bottled::Service>>> {
 public:
  struct Deps {
    PackService& packs;
    Packers& packers;
    Leases& leases;
    Collector& collector;
    Admission& admission;
    DiskState& disk;
    BottleService& bottles;
    PrepareService& prepares;
    Preflight& preflight;
    WarmService& warming;
    ChangeFeed& feed;
    Scheduler& scheduler;
    Uploads& uploads;
    Index& index;
    Objects& objects;
    const Clock& clock;
    const Peers& peers;
    // Null when none are kept.
    const KeptLayers* kept = nullptr;
  };

  BottledService(const Deps& deps, ServiceInfo info);

  grpc::Status GetInfo(grpc::ServerContext* context,
                       const v1::GetInfoRequest* request,
                       v1::GetInfoResponse* response) override;
  grpc::Status Pack(grpc::ServerContext* context,
                    const v1::PackRequest* request,
                    v1::PackResponse* response) override;
  grpc::Status UploadArchive(
      grpc::ServerContext* context,
      grpc::ServerReader<v1::UploadArchiveRequest>* reader,
      v1::UploadArchiveResponse* response) override;
  grpc::ServerWriteReactor<v1::WatchJobResponse>* WatchJob(
      grpc::CallbackServerContext* context,
      const v1::WatchJobRequest* request) override;
  grpc::Status GetJob(grpc::ServerContext* context,
                      const v1::GetJobRequest* request,
                      v1::GetJobResponse* response) override;
  grpc::Status ListJobs(grpc::ServerContext* context,
                        const v1::ListJobsRequest* request,
                        v1::ListJobsResponse* response) override;
  grpc::Status CancelJob(grpc::ServerContext* context,
                         const v1::CancelJobRequest* request,
                         v1::CancelJobResponse* response) override;
  grpc::Status ListArtifacts(grpc::ServerContext* context,
                             const v1::ListArtifactsRequest* request,
                             v1::ListArtifactsResponse* response) override;
  grpc::Status GetArtifact(grpc::ServerContext* context,
                           const v1::GetArtifactRequest* request,
                           v1::GetArtifactResponse* response) override;
  grpc::Status RemoveArtifact(grpc::ServerContext* context,
                              const v1::RemoveArtifactRequest* request,
                              v1::RemoveArtifactResponse* response) override;

  // In service_integrity.cc.
  grpc::Status VerifyArtifacts(grpc::ServerContext* context,
                               const v1::VerifyArtifactsRequest* request,
                               v1::VerifyArtifactsResponse* response) override;

  // In service_cache.cc.
  grpc::Status PinArtifact(grpc::ServerContext* context,
                           const v1::PinArtifactRequest* request,
                           v1::PinArtifactResponse* response) override;
  grpc::Status UnpinArtifact(grpc::ServerContext* context,
                             const v1::UnpinArtifactRequest* request,
                             v1::UnpinArtifactResponse* response) override;
  grpc::Status AcquireLease(grpc::ServerContext* context,
                            const v1::AcquireLeaseRequest* request,
                            v1::AcquireLeaseResponse* response) override;
  grpc::Status RenewLease(grpc::ServerContext* context,
                          const v1::RenewLeaseRequest* request,
                          v1::RenewLeaseResponse* response) override;
  grpc::Status ReleaseLease(grpc::ServerContext* context,
                            const v1::ReleaseLeaseRequest* request,
                            v1::ReleaseLeaseResponse* response) override;
  grpc::ServerWriteReactor<v1::HoldLeaseResponse>* HoldLease(
      grpc::CallbackServerContext* context,
      const v1::HoldLeaseRequest* request) override;
  grpc::Status ListLeases(grpc::ServerContext* context,
                          const v1::ListLeasesRequest* request,
                          v1::ListLeasesResponse* response) override;
  grpc::Status CollectGarbage(grpc::ServerContext* context,
                              const v1::CollectGarbageRequest* request,
                              v1::CollectGarbageResponse* response) override;

  // In service_warm.cc.
  grpc::Status Warm(grpc::ServerContext* context,
                    const v1::WarmRequest* request,
                    v1::WarmResponse* response) override;
  grpc::Status ListWarmTargets(grpc::ServerContext* context,
                               const v1::ListWarmTargetsRequest* request,
                               v1::ListWarmTargetsResponse* response) override;
  grpc::Status RemoveWarmTarget(
      grpc::ServerContext* context, const v1::RemoveWarmTargetRequest* request,
      v1::RemoveWarmTargetResponse* response) override;
  grpc::Status ResumeWarmTarget(
      grpc::ServerContext* context, const v1::ResumeWarmTargetRequest* request,
      v1::ResumeWarmTargetResponse* response) override;

  // In service_bottles.cc.
  grpc::Status Resolve(grpc::ServerContext* context,
                       const v1::ResolveRequest* request,
                       v1::ResolveResponse* response) override;
  grpc::Status Prepare(grpc::ServerContext* context,
                       const v1::PrepareRequest* request,
                       v1::PrepareResponse* response) override;
  grpc::Status ListBottles(grpc::ServerContext* context,
                           const v1::ListBottlesRequest* request,
                           v1::ListBottlesResponse* response) override;
  grpc::Status GetBottle(grpc::ServerContext* context,
                         const v1::GetBottleRequest* request,
                         v1::GetBottleResponse* response) override;
  grpc::Status RemoveBottle(grpc::ServerContext* context,
                            const v1::RemoveBottleRequest* request,
                            v1::RemoveBottleResponse* response) override;
  grpc::Status ReportConflict(grpc::ServerContext* context,
                              const v1::ReportConflictRequest* request,
                              v1::ReportConflictResponse* response) override;
  grpc::Status Diagnose(grpc::ServerContext* context,
                        const v1::DiagnoseRequest* request,
                        v1::DiagnoseResponse* response) override;
  grpc::ServerWriteReactor<v1::WatchEventsResponse>* WatchEvents(
      grpc::CallbackServerContext* context,
      const v1::WatchEventsRequest* request) override;

 private:
  absl::Status FillInfo(const std::string& search_path,
                        v1::GetInfoResponse* response);
  void FillDisk(v1::DiskInfo* disk);
  absl::Status FillIntegrity(v1::GetInfoResponse* response);

  // Constant after construction.
  const Deps deps_;
  const ServiceInfo info_;

  // Self-synchronised.
  WatchHub watch_hub_;
  CallWatcher call_watcher_;
  TaskThread tasks_;
};

}  // namespace bottled

#endif  // BOTTLED_RPC_SERVICE_H_
