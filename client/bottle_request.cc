#include "client/bottle_request.h"

#include "base/status_macros.h"
#include "client/absolute_path.h"
#include "client/build_request.h"
#include "client/engine_endpoint.h"
#include "client/errors.h"

namespace bottled::client {
namespace {

v1::EndpointMode ToMode(const std::string& word) {
  if (word == "bridge") {
    return v1::ENDPOINT_MODE_BRIDGE;
  }
  return word == "loopback" ? v1::ENDPOINT_MODE_LOOPBACK
                            : v1::ENDPOINT_MODE_UNSPECIFIED;
}

absl::Status FillSource(const Options& options, const GetEnv& env,
                        const std::vector<std::string>& env_list,
                        v1::PrepareRequest& request) {
  if (!options.image.empty()) {
    request.mutable_image()->set_reference(options.image);
  } else if (!options.archive.empty()) {
    ASSIGN_OR_RETURN(const std::string path, AbsolutePath(options.archive));
    request.mutable_archive()->set_path(path);
    request.mutable_archive()->set_reference(options.reference);
  } else if (!options.build.empty()) {
    ASSIGN_OR_RETURN(*request.mutable_build(),
                     MakeBuildSource(options, env, env_list));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<v1::BottleRequest> MakeBottleRequest(const Options& options,
                                                    const GetEnv& env) {
  v1::BottleRequest request;
  const std::string home = env("HOME").value_or("");
  if (home.starts_with('/')) {
    request.set_home(home);
  } else if (options.resume.empty()) {
    return NoHome();
  }
  if (options.resume.empty()) {
    request.set_agent(options.agent);
    request.mutable_bottles()->Assign(options.bottles.begin(),
                                      options.bottles.end());
    ASSIGN_OR_RETURN(std::string cwd,
                     AbsolutePath(options.cwd.empty() ? "." : options.cwd));
    if (cwd.size() > 1 && cwd.ends_with('/')) {
      cwd.pop_back();
    }
    request.set_cwd(cwd);
    request.set_copy_cwd(options.copy_cwd);
  } else {
    request.set_resume(options.resume);
  }
  request.set_endpoint_mode(ToMode(options.endpoint));
  ASSIGN_OR_RETURN(*request.mutable_engine(),
                   MakeEngineEndpoint(env, options.engine));
  return request;
}

absl::StatusOr<v1::PrepareRequest> MakePrepareRequest(
    const Options& options, const GetEnv& env,
    const std::vector<std::string>& env_list) {
  v1::PrepareRequest request;
  ASSIGN_OR_RETURN(*request.mutable_bottle(), MakeBottleRequest(options, env));
  RETURN_IF_ERROR(FillSource(options, env, env_list, request));
  request.set_default_image(DefaultImageName(env));
  const auto environment = BuilderEnvironment(env_list, {});
  request.mutable_build_environment()->insert(environment.begin(),
                                              environment.end());
  request.set_freshness(options.rebuild ? v1::FRESHNESS_ALWAYS
                                        : v1::FRESHNESS_IF_CHANGED);
  request.mutable_options()->set_cpus(options.cpus);
  request.mutable_options()->set_memory_mib(options.memory_mib);
  request.set_packer(options.packer);
  request.set_cancel_on_disconnect(!options.detach);
  return request;
}

v1::ResolveRequest MakeFinishRequest(const v1::BottleRequest& made,
                                     const std::string& slug,
                                     const std::string& artifact_digest) {
  v1::ResolveRequest request;
  v1::BottleRequest& bottle = *request.mutable_bottle();
  bottle = made;
  bottle.clear_agent();
  bottle.clear_bottles();
  bottle.clear_cwd();
  bottle.clear_copy_cwd();
  bottle.set_resume(slug);
  request.set_artifact(artifact_digest);
  return request;
}

}  // namespace bottled::client
