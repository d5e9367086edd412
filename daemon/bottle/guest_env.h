// The environment of the guest: the bottle's own variables, then those that
// lead its traffic to the gates. Pure.

#ifndef BOTTLED_BOTTLE_GUEST_ENV_H_
#define BOTTLED_BOTTLE_GUEST_ENV_H_

#include <string>
#include <vector>

#include "bottle/addresses.h"
#include "bottle/manifest.h"

namespace bottled {

// "NAME=value" strings, each name once:
//   the manifest's, in its order, but for those that look like a secret: a
//     value given to smolvm stays in its database and shows in `ps`, so a
//     secret is never passed on (the manifest's loader warns)
//   HTTPS_PROXY, HTTP_PROXY, https_proxy, http_proxy → pipelock; curl reads
//     only the lower-case http_proxy
//   NO_PROXY, no_proxy → with the endpoint, so that the guest's own gates are
//     not asked for through the proxy
//   GIT_GATE_URL when there are repositories, MCP_SUPERVISE_URL when the bottle
//     is supervised
std::vector<std::string> MakeGuestEnv(const Manifest& manifest,
                                      const Addresses& addresses);

}  // namespace bottled

#endif  // BOTTLED_BOTTLE_GUEST_ENV_H_
