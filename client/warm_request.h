// The request of `warm` from the command line and the caller's environment.

#ifndef BOTTLED_CLIENT_WARM_REQUEST_H_
#define BOTTLED_CLIENT_WARM_REQUEST_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bottled/v1/bottled.pb.h"
#include "client/options.h"
#include "platform/places.h"

namespace bottled::client {

// A source for the build, or one for each image, and one for each agent. Errors
// as MakeBuildSource(), MakeBottleRequest() and ResolveEndpoint(). Reads
// docker's config files.
absl::StatusOr<v1::WarmRequest> MakeWarmRequest(
    const Options& options, const GetEnv& env,
    const std::vector<std::string>& env_list);

}  // namespace bottled::client

#endif  // BOTTLED_CLIENT_WARM_REQUEST_H_
