// Between warm targets and messages.

#ifndef BOTTLED_RPC_CONVERT_WARM_H_
#define BOTTLED_RPC_CONVERT_WARM_H_

#include "absl/status/statusor.h"
#include "bottled/v1/bottled.pb.h"
#include "endpoint/endpoint.h"
#include "jobs/prepare_service.h"
#include "jobs/warm_service.h"
#include "store/objects.h"

namespace bottled {

// Checks the form. `default_engine` stands in when the source names none.
// Reasons as those of Pack and Prepare.
absl::StatusOr<PrepareSpec> FromProto(
    const v1::WarmSource& source,
    const absl::StatusOr<EngineEndpoint>& default_engine);

v1::WarmTarget ToProto(const WarmView& view);
v1::Warmed ToProto(const WarmResult& result, const Objects& objects);

}  // namespace bottled

#endif  // BOTTLED_RPC_CONVERT_WARM_H_
