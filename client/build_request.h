// A build request from the command line and the caller's environment.

#ifndef BOTTLED_CLIENT_BUILD_REQUEST_H_
#define BOTTLED_CLIENT_BUILD_REQUEST_H_

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bottled/v1/bottled.pb.h"
#include "client/options.h"
#include "platform/places.h"

namespace bottled::client {

// The name that a build without one keeps: BOTTLED_IMAGE, CLAUDE_BOTTLE_IMAGE,
// or "claude-bottle:latest". Pure.
std::string DefaultImageName(const GetEnv& env);

// What builds depend on: what docker's CLI and its helpers look at, and the
// variables in `asked`. Pure.
std::map<std::string, std::string> BuilderEnvironment(
    const std::vector<std::string>& env_list,
    const std::set<std::string>& asked);

// Relative paths, those in --secret and --ssh included, become absolute; of the
// environment only what docker's CLI and its helpers look at is sent, and what
// --build-arg NAME and --secret env=NAME ask for. READ_FAILED when there is no
// current directory.
absl::StatusOr<v1::BuildSource> MakeBuildSource(
    const Options& options, const GetEnv& env,
    const std::vector<std::string>& env_list);

}  // namespace bottled::client

#endif  // BOTTLED_CLIENT_BUILD_REQUEST_H_
