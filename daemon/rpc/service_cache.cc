// The methods that are about what stays in the cache.

#include <string>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "rpc/call_cancel.h"
#include "rpc/convert.h"
#include "rpc/convert_cache.h"
#include "rpc/convert_source.h"
#include "rpc/grpc_status.h"
#include "rpc/hold_reactor.h"
#include "rpc/service.h"

namespace bottled {
namespace {

constexpr size_t kMaxNoteBytes = 4096;

}  // namespace

grpc::Status BottledService::GetArtifact(grpc::ServerContext* context,
                                         const v1::GetArtifactRequest* request,
                                         v1::GetArtifactResponse* response) {
  const auto get = [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const ArtifactRecord record,
                     deps_.packs.FindArtifact(request->digest()));
    ASSIGN_OR_RETURN(auto holders, deps_.leases.Holders());
    *response->mutable_artifact() = ToProto(record, deps_.objects.Path(record));
    response->set_key_inputs_json(record.key_inputs);
    const std::vector<std::string>& own = holders[record.digest];
    response->mutable_holders()->Assign(own.begin(), own.end());
    return absl::OkStatus();
  };
  return ToGrpcStatus(context, get());
}

grpc::Status BottledService::RemoveArtifact(
    grpc::ServerContext* context, const v1::RemoveArtifactRequest* request,
    v1::RemoveArtifactResponse* response) {
  const auto remove = [&]() -> absl::Status {
    std::vector<std::string> holders;
    if (request->force()) {
      ASSIGN_OR_RETURN(const ArtifactRecord record,
                       deps_.packs.FindArtifact(request->digest()));
      ASSIGN_OR_RETURN(auto all, deps_.leases.Holders());
      holders = std::move(all[record.digest]);
    }
    ASSIGN_OR_RETURN(
        const ArtifactRecord record,
        deps_.packs.RemoveArtifact(request->digest(), request->force()));
    *response->mutable_artifact() = ToProto(record, deps_.objects.Path(record));
    response->mutable_holders()->Assign(holders.begin(), holders.end());
    return absl::OkStatus();
  };
  return ToGrpcStatus(context, remove());
}

grpc::Status BottledService::PinArtifact(grpc::ServerContext* context,
                                         const v1::PinArtifactRequest* request,
                                         v1::PinArtifactResponse* response) {
  const auto pin = [&]() -> absl::Status {
    RETURN_IF_ERROR(CheckText(request->note(), kMaxNoteBytes, "The note"));
    ASSIGN_OR_RETURN(const ArtifactRecord record,
                     deps_.packs.FindArtifact(request->digest()));
    RETURN_IF_ERROR(deps_.leases.Pin(record.digest, request->note()));
    *response->mutable_artifact() = ToProto(record, deps_.objects.Path(record));
    return absl::OkStatus();
  };
  return ToGrpcStatus(context, pin());
}

grpc::Status BottledService::UnpinArtifact(
    grpc::ServerContext* context, const v1::UnpinArtifactRequest* request,
    v1::UnpinArtifactResponse* response) {
  const auto unpin = [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const ArtifactRecord record,
                     deps_.packs.FindArtifact(request->digest()));
    ASSIGN_OR_RETURN(const bool was_pinned, deps_.leases.Unpin(record.digest));
    *response->mutable_artifact() = ToProto(record, deps_.objects.Path(record));
    response->set_was_pinned(was_pinned);
    return absl::OkStatus();
  };
  return ToGrpcStatus(context, unpin());
}

grpc::Status BottledService::AcquireLease(
    grpc::ServerContext* context, const v1::AcquireLeaseRequest* request,
    v1::AcquireLeaseResponse* response) {
  const auto acquire = [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const LeaseSpec spec, FromProto(request->spec()));
    ASSIGN_OR_RETURN(const ArtifactRecord record,
                     deps_.packs.FindArtifact(request->digest()));
    ASSIGN_OR_RETURN(const ArtifactLease lease,
                     deps_.leases.Acquire(record.digest, spec));
    *response->mutable_lease() = ToProto(lease);
    return absl::OkStatus();
  };
  return ToGrpcStatus(context, acquire());
}

grpc::Status BottledService::RenewLease(grpc::ServerContext* context,
                                        const v1::RenewLeaseRequest* request,
                                        v1::RenewLeaseResponse* response) {
  const auto renew = [&]() -> absl::Status {
    v1::LeaseSpec wanted;
    wanted.set_ttl_seconds(request->ttl_seconds());
    ASSIGN_OR_RETURN(const LeaseSpec spec, FromProto(wanted));
    ASSIGN_OR_RETURN(const ArtifactLease lease,
                     deps_.leases.Renew(request->lease_id(), spec.ttl));
    *response->mutable_lease() = ToProto(lease);
    return absl::OkStatus();
  };
  return ToGrpcStatus(context, renew());
}

grpc::Status BottledService::ReleaseLease(
    grpc::ServerContext* context, const v1::ReleaseLeaseRequest* request,
    v1::ReleaseLeaseResponse* /*response*/) {
  return ToGrpcStatus(context, deps_.leases.Release(request->lease_id()));
}

grpc::ServerWriteReactor<v1::HoldLeaseResponse>* BottledService::HoldLease(
    grpc::CallbackServerContext* context, const v1::HoldLeaseRequest* request) {
  return new HoldReactor({.hold = {.leases = deps_.leases,
                                   .index = deps_.index,
                                   .objects = deps_.objects},
                          .packs = deps_.packs,
                          .feed = deps_.feed,
                          .hub = watch_hub_,
                          .tasks = tasks_},
                         context, *request);
}

grpc::Status BottledService::ListLeases(
    grpc::ServerContext* context, const v1::ListLeasesRequest* /*request*/,
    v1::ListLeasesResponse* response) {
  const absl::StatusOr<std::vector<ArtifactLease>> leases = deps_.leases.List();
  if (leases.ok()) {
    for (const ArtifactLease& lease : *leases) {
      *response->add_leases() = ToProto(lease);
    }
  }
  return ToGrpcStatus(context, leases.status());
}

grpc::Status BottledService::CollectGarbage(
    grpc::ServerContext* context, const v1::CollectGarbageRequest* request,
    v1::CollectGarbageResponse* response) {
  const CallCancel cancel(call_watcher_, context);
  const absl::StatusOr<Collection> collection =
      deps_.collector.Collect(request->dry_run(), cancel.token());
  if (collection.ok()) {
    *response = ToProto(*collection);
    response->set_reserved_bytes(deps_.admission.reserved_bytes());
  }
  return ToGrpcStatus(context, collection.status());
}

}  // namespace bottled
