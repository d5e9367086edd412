// A registry, looked at from its two sides: from the engine, which pushes to
// it, and from this host, where smolvm pulls.
//
// The engine's loopback may be another one than ours, and a name that works
// here may be refused there (docker.md §2), so neither is guessed: the engine
// is made to dial each candidate. Free functions, thread-safe; they block.

#ifndef BOTTLED_ENGINE_REGISTRY_H_
#define BOTTLED_ENGINE_REGISTRY_H_

#include <chrono>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/cancel.h"
#include "engine/client.h"
#include "image/digest.h"

namespace bottled {

// What the engine found at one address.
struct RegistryProbe {
  std::string address;  // "127.0.0.1:5001"
  // It spoke to a registry there, over plain HTTP.
  bool reached = false;
  // Its own words, or how it did; printable, bounded.
  std::string evidence;
  // The engine has no such route (podman): nothing was learned.
  bool unsupported = false;
};

// Has the engine ask for a manifest that is not there
// (`GET /distribution/{address}/{repository}:probe/json`): 200, or 404
// "manifest unknown" prove that it reached a registry (engines.md §7). An
// address that accepts and says nothing costs `limit`. Errors are those of the
// engine itself: as EngineClient::Call(), but a timeout of this call is a
// finding.
absl::StatusOr<RegistryProbe> ProbeRegistry(EngineClient& engine,
                                            const std::string& address,
                                            const std::string& repository,
                                            std::chrono::milliseconds limit,
                                            const CancelToken& cancel);

// Asks `http://address/v2/` from this process until it answers 200 or 401: a VM
// forwards a new port only after a while (docker.md §1.4). Pauses from 50 ms to
// 500 ms. Reason REGISTRY_UNREACHABLE (UNAVAILABLE) with the last failure.
absl::Status WaitForRegistry(const std::string& address,
                             std::chrono::milliseconds limit,
                             const CancelToken& cancel);

struct RegistryManifest {
  Digest digest;  // SHA-256 of its bytes
  std::string media_type;
  // Of the config blob; empty for an index.
  Digest config;
  int64_t size = 0;
};

// The manifest `reference` (a tag, or "sha256:…") of `repository`, asked for
// from this process and compared with the digest that the registry names.
// Reasons MANIFEST_MISSING (404), REGISTRY_ERROR, REGISTRY_UNREACHABLE,
// DIGEST_MISMATCH.
absl::StatusOr<RegistryManifest> ReadRegistryManifest(
    const std::string& address, const std::string& repository,
    const std::string& reference, const CancelToken& cancel);

}  // namespace bottled

#endif  // BOTTLED_ENGINE_REGISTRY_H_
