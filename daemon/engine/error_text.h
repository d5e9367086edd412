// What an engine says when it fails, made fit for users and logs.
//
// Bodies seen (measured): {"message"} of dockerd, {"cause","message"} of
// podman, text/plain of both. They carry paths of the engine's host, which are
// shortened. Pure, thread-safe.

#ifndef BOTTLED_ENGINE_ERROR_TEXT_H_
#define BOTTLED_ENGINE_ERROR_TEXT_H_

#include <string>
#include <string_view>

namespace bottled {

// The message in a body of any of the forms: one printable line of at most 2
// KiB, paths redacted. "no message" when it says nothing.
std::string EngineErrorText(std::string_view body);

// Replaces absolute paths by their last component. URLs and image names stay.
std::string RedactPaths(std::string_view text);

}  // namespace bottled

#endif  // BOTTLED_ENGINE_ERROR_TEXT_H_
