// Between bottles and messages.

#ifndef BOTTLED_RPC_CONVERT_BOTTLE_H_
#define BOTTLED_RPC_CONVERT_BOTTLE_H_

#include <string>

#include "absl/status/statusor.h"
#include "bottled/v1/bottled.pb.h"
#include "endpoint/endpoint.h"
#include "jobs/bottle_service.h"
#include "jobs/preflight.h"
#include "jobs/prepare_service.h"

namespace bottled {

v1::Bottle ToProto(const BottleView& view);
v1::Finding ToProto(const Finding& finding);

// Checks the form: names, absolute paths. `default_engine` stands in when the
// request names none; its error only means that docker is not asked. Reason
// BAD_REQUEST.
absl::StatusOr<BottleQuery> FromProto(
    const v1::BottleRequest& request,
    const absl::StatusOr<EngineEndpoint>& default_engine);
absl::StatusOr<PrepareSpec> FromProto(
    const v1::PrepareRequest& request,
    const absl::StatusOr<EngineEndpoint>& default_engine);

}  // namespace bottled

#endif  // BOTTLED_RPC_CONVERT_BOTTLE_H_
