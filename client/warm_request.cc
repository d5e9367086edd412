#include "client/warm_request.h"

#include <utility>

#include "base/status_macros.h"
#include "client/bottle_request.h"
#include "client/build_request.h"
#include "client/engine_endpoint.h"

namespace bottled::client {
namespace {

absl::Status AddBuildSource(const Options& options, const GetEnv& env,
                            const std::vector<std::string>& env_list,
                            v1::WarmRequest& request) {
  Options named = options;
  named.image = options.images.empty() ? "" : options.images.front();
  ASSIGN_OR_RETURN(*request.add_sources()->mutable_build(),
                   MakeBuildSource(named, env, env_list));
  return absl::OkStatus();
}

absl::Status AddAgents(const Options& options, const GetEnv& env,
                       const std::vector<std::string>& env_list,
                       v1::WarmRequest& request) {
  const auto environment = BuilderEnvironment(env_list, {});
  for (const std::string& name : options.agents) {
    Options one = options;
    one.agent = name;
    ASSIGN_OR_RETURN(v1::BottleRequest bottle, MakeBottleRequest(one, env));
    v1::WarmAgent& agent = *request.add_sources()->mutable_agent();
    agent.set_name(name);
    agent.mutable_bottles()->Swap(bottle.mutable_bottles());
    agent.set_home(bottle.home());
    agent.set_cwd(bottle.cwd());
    agent.set_default_image(DefaultImageName(env));
    agent.mutable_build_environment()->insert(environment.begin(),
                                              environment.end());
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<v1::WarmRequest> MakeWarmRequest(
    const Options& options, const GetEnv& env,
    const std::vector<std::string>& env_list) {
  v1::WarmRequest request;
  request.set_keep(options.keep);
  if (!options.build.empty()) {
    RETURN_IF_ERROR(AddBuildSource(options, env, env_list, request));
  } else {
    for (const std::string& image : options.images) {
      request.add_sources()->mutable_image()->set_reference(image);
    }
  }
  RETURN_IF_ERROR(AddAgents(options, env, env_list, request));
  ASSIGN_OR_RETURN(const v1::EngineEndpoint engine,
                   MakeEngineEndpoint(env, options.engine));
  for (v1::WarmSource& source : *request.mutable_sources()) {
    *source.mutable_engine() = engine;
    source.mutable_options()->set_cpus(options.cpus);
    source.mutable_options()->set_memory_mib(options.memory_mib);
    source.set_packer(options.packer);
    source.set_search_path(env("PATH").value_or(""));
  }
  return request;
}

}  // namespace bottled::client
