// Requests about bottles from the command line and the caller's environment.

#ifndef BOTTLED_CLIENT_BOTTLE_REQUEST_H_
#define BOTTLED_CLIENT_BOTTLE_REQUEST_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bottled/v1/bottled.pb.h"
#include "client/options.h"
#include "platform/places.h"

namespace bottled::client {

// Which bottle, for whom. The home is $HOME; without --cwd the directory is the
// current one. Errors: USAGE (no HOME for a new bottle), READ_FAILED (no
// current directory), those of ResolveEndpoint(). Reads docker's config files.
absl::StatusOr<v1::BottleRequest> MakeBottleRequest(const Options& options,
                                                    const GetEnv& env);

// The whole request of `prepare`; further errors as MakeBuildSource().
absl::StatusOr<v1::PrepareRequest> MakePrepareRequest(
    const Options& options, const GetEnv& env,
    const std::vector<std::string>& env_list);

// The request for the whole plan of the bottle that `made` prepared, once its
// artifact exists. Pure.
v1::ResolveRequest MakeFinishRequest(const v1::BottleRequest& made,
                                     const std::string& slug,
                                     const std::string& artifact_digest);

}  // namespace bottled::client

#endif  // BOTTLED_CLIENT_BOTTLE_REQUEST_H_
