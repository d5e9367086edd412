// From the name of an agent to a checked manifest: finds the files, follows
// `extends`, merges.
//
// Docs: docs/manifest.md. Both functions block on the disk (a few small files,
// each read once; no directory is listed unless a name is unknown) and are
// thread-safe.

#ifndef BOTTLED_BOTTLE_MANIFEST_LOAD_H_
#define BOTTLED_BOTTLE_MANIFEST_LOAD_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bottle/manifest.h"
#include "bottle/manifest_memo.h"

namespace bottled {

// Bottles in one chain of `extends`, and bottles that one agent may name.
inline constexpr size_t kMaxExtends = 32;
inline constexpr size_t kMaxBottles = 32;

struct ManifestRequest {
  std::string agent;
  // When there are some, they replace what the agent names.
  std::vector<std::string> bottles;
  // Absolute: the caller's home, not the daemon's.
  std::string home;
  // Absolute, or empty: no repository.
  std::string cwd;
};

// Reasons: those of manifest_parse.h, manifest_merge.h, manifest_files.h, and
// MANIFEST_BAD_DIRECTORY, MANIFEST_BAD_NAME, MANIFEST_AGENT_NOT_FOUND,
// MANIFEST_BOTTLE_NOT_FOUND, MANIFEST_EXTENDS_MISSING, MANIFEST_EXTENDS_CYCLE,
// MANIFEST_EXTENDS_TOO_DEEP, MANIFEST_TOO_MANY_BOTTLES, MANIFEST_NO_BOTTLE.
// Warnings: LEGACY_DIRECTORY, LEGACY_GIT, SECRET_LIKE_ENV, SHADOWED_BY_REPO.
absl::StatusOr<Manifest> LoadManifest(const ManifestRequest& request,
                                      ManifestMemo& memo);

// The names of agents that `home` and `cwd` (may be empty) have files for,
// sorted; the files are not opened. Reasons of ErrnoError(), and
// MANIFEST_BAD_DIRECTORY.
absl::StatusOr<std::vector<std::string>> ListAgents(const std::string& home,
                                                    const std::string& cwd);

}  // namespace bottled

#endif  // BOTTLED_BOTTLE_MANIFEST_LOAD_H_
