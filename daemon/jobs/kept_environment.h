// What of a caller's environment may be written down.

#ifndef BOTTLED_JOBS_KEPT_ENVIRONMENT_H_
#define BOTTLED_JOBS_KEPT_ENVIRONMENT_H_

#include <map>
#include <string>

#include "engine/build.h"

namespace bottled {

// Of an environment what names programs and directories, which is no secret.
// Pure.
std::map<std::string, std::string> KeptEnvironment(
    const std::map<std::string, std::string>& environment);

// Nothing in it may be a secret but its environment: a directory of this
// machine, whose build has no arguments, no secrets and no ssh sockets. Pure.
bool HasNoSecrets(const BuildSpec& build);

// Whether a build may come out differently with KeptEnvironment() only: it has
// a proxy, or settings of docker's that are not kept. Where the engine is does
// not count. Pure.
bool NeedsMoreThanKept(const std::map<std::string, std::string>& environment);

}  // namespace bottled

#endif  // BOTTLED_JOBS_KEPT_ENVIRONMENT_H_
