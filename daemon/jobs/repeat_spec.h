// How to ask again for what a job makes, as the text of its row: for a daemon
// that starts after the one that ran it died.
//
// The text holds no secret, see kept_environment.h. Free functions, pure.

#ifndef BOTTLED_JOBS_REPEAT_SPEC_H_
#define BOTTLED_JOBS_REPEAT_SPEC_H_

#include <optional>
#include <string>
#include <string_view>

#include "jobs/pack_service.h"

namespace bottled {

// JSON; "" for what nobody can ask for again: an upload, a build with something
// that may be a secret, and one that the kept part of its environment is not
// enough for. Of a build's environment only what
// KeptEnvironment() keeps is in it. Who wants it, and a lease, are not.
std::string EncodeRepeat(const PackSpec& spec);

// The inverse; nothing for text of another form, which a later release may have
// written.
std::optional<PackSpec> DecodeRepeat(std::string_view text);

}  // namespace bottled

#endif  // BOTTLED_JOBS_REPEAT_SPEC_H_
