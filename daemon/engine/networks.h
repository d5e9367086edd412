// Reads the answer of `GET /networks`: which subnets an engine's networks use.

#ifndef BOTTLED_ENGINE_NETWORKS_H_
#define BOTTLED_ENGINE_NETWORKS_H_

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace bottled {

struct EngineNetwork {
  std::string name;
  std::string id;
  std::string driver;
  // As the engine writes them, "172.17.0.0/16": IPv4 only, none for "host" and
  // "none". The engine is trusted no further: callers parse them.
  std::vector<std::string> subnets;
  std::map<std::string, std::string> labels;

  bool operator==(const EngineNetwork&) const = default;
};

// Members may be null or absent, but a Name must be there: a network that
// cannot be read could be the one that is in the way, so anything of the wrong
// type is an error. Texts are made printable and cut at 512 bytes. Reason
// ENGINE_ANSWER_INVALID. Pure, thread-safe.
absl::StatusOr<std::vector<EngineNetwork>> ParseNetworks(std::string_view json);

}  // namespace bottled

#endif  // BOTTLED_ENGINE_NETWORKS_H_
