// Engines: one EngineClient per endpoint, kept for the daemon's life so that
// the API version is negotiated once.

#ifndef BOTTLED_ENGINE_ENGINES_H_
#define BOTTLED_ENGINE_ENGINES_H_

#include <map>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "engine/client.h"

namespace bottled {

// Thread-safe. At most 64 endpoints are kept; the least recently used goes.
class Engines {
 public:
  explicit Engines(EngineClient::Options options) : options_(options) {}

  std::shared_ptr<EngineClient> Get(const EngineEndpoint& endpoint);

 private:
  struct Slot {
    std::shared_ptr<EngineClient> client;
    uint64_t last_use = 0;
  };

  const EngineClient::Options options_;
  Mutex mu_;
  uint64_t uses_ ABSL_GUARDED_BY(mu_) = 0;
  std::map<std::string, Slot> slots_ ABSL_GUARDED_BY(mu_);
};

}  // namespace bottled

#endif  // BOTTLED_ENGINE_ENGINES_H_
