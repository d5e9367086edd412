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
    context.out.Result(fmt::format("{{\"artifact\":{},\"keyInputs\":{}}}\n",
                                   ToJson(response.artifact()),
                                   JsonString(response.key_inputs_json())));
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
    ASSIGN_OR_RETURN(const v1::RemoveArtifactResponse response,
                     context.session.Call<v1::RemoveArtifactResponse>(
                         "RemoveArtifact", request));
    if (context.out.json()) {
      context.out.JsonLine("removed", ToJson(response.artifact()));
    } else {
      context.out.Result(Printable(response.artifact().digest()) + "\n");
    }
  }
  return absl::OkStatus();
}

absl::Status RunCacheVerify(const Context& context) {
  v1::VerifyArtifactsRequest request;
  request.set_deep(context.options.deep);
  for (const std::string& digest : context.options.digests) {
    request.add_digests(digest);
  }
  // It reads every byte: no deadline.
  ASSIGN_OR_RETURN(const v1::VerifyArtifactsResponse response,
                   context.session.Call<v1::VerifyArtifactsResponse>(
                       "VerifyArtifacts", request, std::nullopt));
  if (context.out.json()) {
    context.out.JsonLine("verifications", JsonArray(response.verifications()));
  } else {
    context.out.Result(DescribeVerifications(response));
  }
  const auto bad = static_cast<int>(std::count_if(
      response.verifications().begin(), response.verifications().end(),
      [](const v1::Verification& each) { return !each.ok(); }));
  return bad == 0 ? absl::OkStatus()
                  : VerifyFailed(bad, response.verifications_size());
}

}  // namespace bottled::client
