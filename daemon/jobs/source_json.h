// What a bottle's artifact is made from, as the text that is kept with it.

#ifndef BOTTLED_JOBS_SOURCE_JSON_H_
#define BOTTLED_JOBS_SOURCE_JSON_H_

#include <string>
#include <string_view>
#include <variant>

#include "engine/build.h"
#include "jobs/pack_service.h"

namespace bottled {

// Nothing said, a local image's reference, an archive file, a build.
using SourceVariant =
    std::variant<std::monostate, std::string, ArchiveFileSource, BuildSpec>;

// {"image":…} or {"archive":…,"reference":…}; "" for the other two. Pure.
std::string EncodeSource(const SourceVariant& source);

// The inverse; nothing said for what it does not understand. Pure.
SourceVariant DecodeSource(std::string_view text);

}  // namespace bottled

#endif  // BOTTLED_JOBS_SOURCE_JSON_H_
