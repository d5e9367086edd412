// Building an image with the user's own docker CLI, as a child process.
//
// Shelling out gives credential helpers, ssh agents, secrets, buildx drivers
// and .dockerignore as the user knows them. `docker buildx build` where the
// plugin is there, else `docker build`; never a shell.

#ifndef BOTTLED_ENGINE_BUILD_H_
#define BOTTLED_ENGINE_BUILD_H_

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/cancel.h"
#include "endpoint/endpoint.h"
#include "engine/build_output.h"

namespace bottled {

struct BuildArg {
  std::string name;
  // Absent: the builder takes it from the environment, as `--build-arg NAME`.
  std::optional<std::string> value;
};

// What to build. Values of `args` and `environment` may be secret: they go into
// the child's environment only, never into an argument, a log or the index.
struct BuildSpec {
  // An absolute directory, or a remote context ("https://…", "git@…").
  std::string context;
  // Absolute; empty = Dockerfile in the context.
  std::string dockerfile;
  std::vector<BuildArg> args;
  std::string target;
  std::string platform;
  // As `docker build` takes them, with absolute paths.
  std::vector<std::string> secrets;
  std::vector<std::string> ssh;
  bool pull = false;
  bool no_cache = false;
  // The name that the image keeps; may be empty.
  std::string tag;
  // The caller's PATH, HOME, DOCKER_CONFIG and the like.
  std::map<std::string, std::string> environment;
};

// BAD_BUILD for what no builder would take: relative paths, names of arguments
// that are none, NUL bytes, more than fits. Pure.
absl::Status ValidateBuild(const BuildSpec& spec);

// How a builder is called; exposed for tests.
struct BuildCommand {
  std::vector<std::string> argv;
  std::vector<std::string> env;
};
// `unique_tag` is how the caller finds the result. Pure.
BuildCommand MakeBuildCommand(const BuildSpec& spec,
                              const EngineEndpoint& endpoint, bool buildx,
                              const std::string& unique_tag);

// Called from the thread that runs the build.
struct BuildSink {
  std::function<void(const std::string& line)> line;
  std::function<void(BuildOutput::Steps)> steps;
};

// Runs the build and blocks until it has ended; a cancel ends its process group
// within three seconds. With `may_use_buildx` the plugin is looked for first.
// On success the image is under `unique_tag` (and spec.tag). `supervisor` is
// that of ProcessSpec. Reasons BAD_BUILD,
// BUILD_FAILED (with the step), BUILDER_NOT_FOUND, CANCELLED.
absl::Status RunBuild(const BuildSpec& spec, const EngineEndpoint& endpoint,
                      bool may_use_buildx, const std::string& unique_tag,
                      const BuildSink& sink, const std::string& supervisor,
                      const CancelToken& cancel);

}  // namespace bottled

#endif  // BOTTLED_ENGINE_BUILD_H_
