// Image references as users write them, by the grammar of the distribution
// project (reference/reference.go) and docker's shorthand ("alpine" means
// docker.io/library/alpine:latest).

#ifndef BOTTLED_IMAGE_REFERENCE_H_
#define BOTTLED_IMAGE_REFERENCE_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace bottled {

// [domain/]path[:tag][@algorithm:hex], taken apart.
struct Reference {
  std::string domain;  // "docker.io", "127.0.0.1:5000"; empty if not given
  std::string path;    // "library/alpine"
  std::string tag;     // "3.20"; empty if not given
  std::string digest;  // "sha256:…", any registered algorithm; empty if none

  // The reference as text, parts in their order.
  std::string ToString() const;
  // As docker prints it: without docker.io/ and library/.
  std::string Familiar() const;
};

// The strict grammar: nothing is added. Reason BAD_REFERENCE.
absl::StatusOr<Reference> ParseReference(std::string_view text);

// What docker makes of user input: adds docker.io/library/ where missing and,
// when there is neither tag nor digest, ":latest". Refuses 64 bare hexadecimal
// digits, which are an ID.
absl::StatusOr<Reference> ParseNormalizedReference(std::string_view text);

// True for "sha256:" + 64 hex digits, 64 bare digits, or 12 to 63 bare digits
// (which may be a short ID; docker decides).
bool LooksLikeImageId(std::string_view text);

}  // namespace bottled

#endif  // BOTTLED_IMAGE_REFERENCE_H_
