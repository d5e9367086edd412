// DockerIgnore: the files of a build context that surely go into no image,
// because .dockerignore leaves them out.
//
// Only what is certain counts: a file that is taken as part of the context by
// mistake costs a build that changes nothing, one that is left out by mistake a
// stale image. So a file with an exception ("!…") leaves nothing out, and
// patterns with "[" or "\" are passed over.
// Source: docs.docker.com/build/concepts/context, moby/patternmatcher.

#ifndef BOTTLED_JOBS_DOCKERIGNORE_H_
#define BOTTLED_JOBS_DOCKERIGNORE_H_

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/build.h"

namespace bottled {

// Thread-safe once it is made.
class DockerIgnore {
 public:
  // Leaves nothing out.
  DockerIgnore() = default;

  // The rules of a file's text. Pure.
  explicit DockerIgnore(std::string_view text);

  // Whether `path`, relative to the context and without "." and "..", is left
  // out, by itself or with a directory above it.
  bool Ignores(std::string_view path) const;

  // The text that it was made from.
  const std::string& text() const { return text_; }

 private:
  std::string text_;
  // Cleaned, without "/" at either end.
  std::vector<std::string> patterns_;
};

// That of a local build context; leaves nothing out when there is no file, or
// when the Dockerfile has one of its own, which only some builders look at.
// Errors of reading it.
absl::StatusOr<DockerIgnore> ReadDockerIgnore(const BuildSpec& spec);

}  // namespace bottled

#endif  // BOTTLED_JOBS_DOCKERIGNORE_H_
