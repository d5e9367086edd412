// EngineAddress: the host text of an EngineEndpoint taken apart for dialling.

#ifndef BOTTLED_ENGINE_ADDRESS_H_
#define BOTTLED_ENGINE_ADDRESS_H_

#include <string>

#include "absl/status/statusor.h"
#include "endpoint/endpoint.h"

namespace bottled {

struct EngineAddress {
  enum class Kind { kUnix, kTcp, kSsh };
  Kind kind = Kind::kUnix;
  std::string path;  // kUnix: the socket
  std::string user;  // kSsh: empty if not given
  // kTcp, kSsh. An IPv6 address has no brackets here.
  std::string host;
  int port = 0;  // kSsh: 0 if not given

  // "host:port" for a URL; brackets around IPv6, no port when it is 0.
  std::string Authority() const;
};

// Checks and completes the text with ParseEngineAddress() of endpoint/, so that
// nothing reaches libcurl's URL parser or ssh's command line that is not a
// host, a user or a port. Reason BAD_ENGINE_ADDRESS. Pure, thread-safe.
absl::StatusOr<EngineAddress> SplitEngineAddress(
    const EngineEndpoint& endpoint);

}  // namespace bottled

#endif  // BOTTLED_ENGINE_ADDRESS_H_
