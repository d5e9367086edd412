#include "engine/engines.h"

#include <algorithm>

namespace bottled {
namespace {

constexpr size_t kMaxEndpoints = 64;

// With the origin, because messages name it. A NUL occurs in none of the parts.
std::string KeyOf(const EngineEndpoint& endpoint) {
  std::string key = endpoint.host;
  key += '\0';
  key += endpoint.tls_dir;
  key += '\0';
  key += endpoint.skip_tls_verify ? '1' : '0';
  key += '\0';
  key += endpoint.origin;
  return key;
}

}  // namespace

std::shared_ptr<EngineClient> Engines::Get(const EngineEndpoint& endpoint) {
  const std::string key = KeyOf(endpoint);
  const MutexLock lock(mu_);
  const auto it = slots_.find(key);
  if (it != slots_.end()) {
    it->second.last_use = ++uses_;
    return it->second.client;
  }
  if (slots_.size() >= kMaxEndpoints) {
    slots_.erase(std::min_element(
        slots_.begin(), slots_.end(), [](const auto& a, const auto& b) {
          return a.second.last_use < b.second.last_use;
        }));
  }
  Slot slot;
  slot.client = std::make_shared<EngineClient>(endpoint, options_);
  slot.last_use = ++uses_;
  return slots_.emplace(key, std::move(slot)).first->second.client;
}

}  // namespace bottled
