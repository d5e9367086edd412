// The methods that are about whether the cache is what it should be.

#include <string>
#include <vector>

#include "base/status_macros.h"
#include "base/strings.h"
#include "rpc/call_cancel.h"
#include "rpc/convert_cache.h"
#include "rpc/errors.h"
#include "rpc/grpc_status.h"
#include "rpc/service.h"
#include "store/quarantine.h"

namespace bottled {

absl::Status BottledService::FillIntegrity(v1::GetInfoResponse* response) {
  ASSIGN_OR_RETURN(const std::optional<ScrubRound> round,
                   deps_.index.LastScrubRound());
  if (round.has_value()) {
    *response->mutable_last_scrub() = ToProto(*round);
  }
  // An unreadable directory must not hide the rest.
  *response->mutable_quarantine() =
      ToProto(MeasureQuarantine(info_.places).value_or(QuarantineTotals()));
  return absl::OkStatus();
}

grpc::Status BottledService::VerifyArtifacts(
    grpc::ServerContext* context, const v1::VerifyArtifactsRequest* request,
    v1::VerifyArtifactsResponse* response) {
  const auto verify = [&]() -> absl::Status {
    if (request->repair() && !request->digests().empty()) {
      return BadRequest("A repair is of the whole cache, not of digests");
    }
    std::vector<std::string> digests(request->digests().begin(),
                                     request->digests().end());
    if (digests.empty()) {
      ASSIGN_OR_RETURN(const std::vector<ArtifactRecord> all,
                       deps_.index.ListArtifacts(0));
      for (const ArtifactRecord& record : all) {
        digests.push_back(record.digest.ToString());
      }
    }
    const VerifyDepth depth =
        request->deep() ? VerifyDepth::kDeep : VerifyDepth::kChecksums;
    const CallCancel cancel(call_watcher_, context);
    for (const std::string& digest : digests) {
      ASSIGN_OR_RETURN(const PackService::Verified verified,
                       deps_.packs.Verify(digest, depth, cancel.token()));
      v1::Verification& out = *response->add_verifications();
      out.set_digest(verified.record.digest.ToString());
      out.set_ok(verified.problem.ok());
      out.set_problem(Printable(std::string(verified.problem.message())));
      out.set_quarantined(verified.quarantined);
      out.set_bytes_read(verified.report.bytes_read);
      out.set_bytes_decoded(verified.report.bytes_decoded);
    }
    if (request->repair()) {
      ASSIGN_OR_RETURN(const std::vector<RepairAction> actions,
                       deps_.packs.RepairCache(info_.places, cancel.token()));
      for (const RepairAction& action : actions) {
        *response->add_repairs() = ToProto(action);
      }
    }
    ASSIGN_OR_RETURN(const QuarantineTotals totals,
                     MeasureQuarantine(info_.places));
    *response->mutable_quarantine() = ToProto(totals);
    return absl::OkStatus();
  };
  return ToGrpcStatus(context, verify());
}

}  // namespace bottled
