// Containers, as far as we make any: a registry for the time of a push, and one
// that is never started and only exported.
//
// What is made here outlives the process: note it before (jobs/
// engine_objects.h). Free functions, thread-safe; they block for the engine.
// All return what EngineClient::Call() does, and ENGINE_ERROR with the engine's
// words for an answer that is not expected.

#ifndef BOTTLED_ENGINE_CONTAINERS_H_
#define BOTTLED_ENGINE_CONTAINERS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/cancel.h"
#include "engine/client.h"
#include "image/byte_source.h"

namespace bottled {

// A port of the container, published on 127.0.0.1 of the engine's host. Both
// are given: engines in a VM treat a random host port in another way
// (docker.md §1.3).
struct PublishedPort {
  int container_port = 0;
  int host_port = 0;
};

struct ContainerSpec {
  std::string name;
  // A reference, or an ID.
  std::string image;
  std::vector<std::string> command;  // empty = the image's own
  std::vector<std::string> env;      // "NAME=value"
  std::map<std::string, std::string> labels;
  std::optional<PublishedPort> port;
  // Path → mount options ("size=1g"); "" = none.
  std::map<std::string, std::string> tmpfs;
  std::string working_dir;
  // "none", "host"; empty = the engine's default.
  std::string network_mode;
  // Gone with its volumes as soon as it ends.
  bool auto_remove = false;
  // 0 = no limit.
  int64_t memory_bytes = 0;
  int64_t pids_limit = 0;
};

// The body of POST /containers/create. Pure; exposed for tests.
std::string ContainerJson(const ContainerSpec& spec);

// Creates it and returns its ID; never starts it, never pulls. Reasons
// IMAGE_NOT_FOUND, CONTAINER_NAME_TAKEN (CONTAINER_…: ALREADY_EXISTS).
absl::StatusOr<std::string> CreateContainer(EngineClient& engine,
                                            const ContainerSpec& spec,
                                            const CancelToken& cancel);

// Reason PORT_TAKEN (UNAVAILABLE) when another program has the published port:
// the texts are those of docker.md §5.1 and of podman.
absl::Status StartContainer(EngineClient& engine, const std::string& id,
                            const CancelToken& cancel);

struct ContainerState {
  std::string id;
  bool running = false;
  int exit_code = 0;
  std::map<std::string, std::string> labels;
};
// By name or ID; nullopt when there is none.
absl::StatusOr<std::optional<ContainerState>> InspectContainer(
    EngineClient& engine, const std::string& name, const CancelToken& cancel);

// Kills and removes it with its anonymous volumes. False when there is none, or
// when the engine is removing it already.
absl::StatusOr<bool> RemoveContainer(EngineClient& engine,
                                     const std::string& name,
                                     const CancelToken& cancel);

// `GET /containers/{id}/export` as a stream: the tar of its file system. The
// faults of it are those of docker.md §3.2. Reasons as SaveImage()'s stream.
absl::StatusOr<std::unique_ptr<ByteSource>> ExportContainer(
    EngineClient& engine, const std::string& id, const CancelToken& cancel);

}  // namespace bottled

#endif  // BOTTLED_ENGINE_CONTAINERS_H_
