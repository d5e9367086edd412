#include <algorithm>

#include "base/clock.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "bottled/v1/bottled.pb.h"
#include "client/commands.h"
#include "client/describe.h"
#include "client/errors.h"
#include "client/json.h"
#include "fmt/format.h"

namespace bottled::client {

namespace {

// `what` was done to it, as JSON or as its digest alone.
void PrintDigest(const Context& context, const char* what,
                 const v1::Artifact& artifact) {
  if (context.out.json()) {
    context.out.JsonLine(what, ToJson(artifact));
  } else {
    context.out.Result(Printable(artifact.digest()) + "\n");
  }
}

}  // namespace

absl::Status RunCacheList(const Context& context) {
  ASSIGN_OR_RETURN(const v1::ListArtifactsResponse response,
                   context.session.Call<v1::ListArtifactsResponse>(
                       "ListArtifacts", v1::ListArtifactsRequest()));
  if (context.out.json()) {
    context.out.JsonLine("artifacts", JsonArray(response.artifacts()));
  } else {
    context.out.Result(DescribeArtifacts(response, Clock::System().NowMs()));
  }
  return absl::OkStatus();
}

absl::Status RunCacheShow(const Context& context) {
  v1::GetArtifactRequest request;
  request.set_digest(context.options.digests.front());
  ASSIGN_OR_RETURN(
      const v1::GetArtifactResponse response,
      context.session.Call<v1::GetArtifactResponse>("GetArtifact", request));
  if (context.out.json()) {
    std::string holders;
    for (const std::string& holder : response.holders()) {
      holders += (holders.empty() ? "" : ",") + JsonString(holder);
    }
    context.out.Result(
        fmt::format("{{\"artifact\":{},\"keyInputs\":{},\"holders\":[{}]}}\n",
                    ToJson(response.artifact()),
                    JsonString(response.key_inputs_json()), holders));
  } else {
    context.out.Result(DescribeArtifact(response));
  }
  return absl::OkStatus();
}

absl::Status RunCacheRemove(const Context& context) {
  // One after the other: those before an error are gone, and printed.
  for (const std::string& digest : context.options.digests) {
    v1::RemoveArtifactRequest request;
    request.set_digest(digest);
    request.set_force(context.options.force);
    ASSIGN_OR_RETURN(const v1::RemoveArtifactResponse response,
                     context.session.Call<v1::RemoveArtifactResponse>(
                         "RemoveArtifact", request));
    for (const std::string& holder : response.holders()) {
      context.out.Info(Printable(response.artifact().digest()) + " was " +
                       Printable(holder));
    }
    PrintDigest(context, "removed", response.artifact());
  }
  return absl::OkStatus();
}

absl::Status RunCachePin(const Context& context) {
  for (const std::string& digest : context.options.digests) {
    v1::PinArtifactRequest request;
    request.set_digest(digest);
    request.set_note(context.options.note);
    ASSIGN_OR_RETURN(
        const v1::PinArtifactResponse response,
        context.session.Call<v1::PinArtifactResponse>("PinArtifact", request));
    PrintDigest(context, "pinned", response.artifact());
  }
  return absl::OkStatus();
}

absl::Status RunCacheUnpin(const Context& context) {
  for (const std::string& digest : context.options.digests) {
    v1::UnpinArtifactRequest request;
    request.set_digest(digest);
    ASSIGN_OR_RETURN(const v1::UnpinArtifactResponse response,
                     context.session.Call<v1::UnpinArtifactResponse>(
                         "UnpinArtifact", request));
    if (!response.was_pinned() && !context.out.json()) {
      context.out.Info(Printable(response.artifact().digest()) +
                       " was not pinned");
    }
    PrintDigest(context, "unpinned", response.artifact());
  }
  return absl::OkStatus();
}

absl::Status RunCacheCollect(const Context& context) {
  v1::CollectGarbageRequest request;
  request.set_dry_run(context.options.dry_run);
  // It may have much to delete: no deadline.
  ASSIGN_OR_RETURN(const v1::CollectGarbageResponse response,
                   context.session.Call<v1::CollectGarbageResponse>(
                       "CollectGarbage", request, std::nullopt));
  if (context.out.json()) {
    context.out.JsonLine("collection", ToJson(response));
  } else {
    context.out.Result(DescribeCollection(response, context.options.dry_run));
  }
  return absl::OkStatus();
}

absl::Status RunCacheVerify(const Context& context) {
  v1::VerifyArtifactsRequest request;
  request.set_deep(context.options.deep);
  request.set_repair(context.options.repair);
  for (const std::string& digest : context.options.digests) {
    request.add_digests(digest);
  }
  // It reads every byte: no deadline.
  ASSIGN_OR_RETURN(const v1::VerifyArtifactsResponse response,
                   context.session.Call<v1::VerifyArtifactsResponse>(
                       "VerifyArtifacts", request, std::nullopt));
  if (context.out.json()) {
    context.out.Result(fmt::format(
        "{{\"verifications\":{},\"repairs\":{},\"quarantine\":{}}}\n",
        JsonArray(response.verifications()), JsonArray(response.repairs()),
        ToJson(response.quarantine())));
  } else {
    context.out.Result(DescribeVerifications(response, context.options.repair));
  }
  const auto bad = static_cast<int>(std::count_if(
      response.verifications().begin(), response.verifications().end(),
      [](const v1::Verification& each) { return !each.ok(); }));
  return bad == 0 ? absl::OkStatus()
                  : VerifyFailed(bad, response.verifications_size());
}

}  // namespace bottled::client
