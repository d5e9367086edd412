// Finding and opening manifest files: the trust rules.
//
// What is in the home decides what a guest may reach, so nobody else may be
// able to write it: each file and the two directories above it belong to this
// user and are writable by no one else, checked on open descriptors. What is in
// a repository is foreign and may only be an agent. All functions block on the
// disk and are thread-safe; names must be IsManifestName().

#ifndef BOTTLED_BOTTLE_MANIFEST_FILES_H_
#define BOTTLED_BOTTLE_MANIFEST_FILES_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace bottled {

enum class ManifestKind { kAgent, kBottle };

struct ManifestText {
  std::string path;
  // At most a byte more than kMaxManifestBytes.
  std::string content;
  // It is in ~/.claude-bottle.
  bool legacy = false;
};

// <home>/.bot-bottle/<kind>s/<name>.md, else the same in .claude-bottle;
// nullopt when there is neither. Reasons MANIFEST_UNSAFE_FILE,
// NOT_A_REGULAR_FILE, and those of ErrnoError().
absl::StatusOr<std::optional<ManifestText>> ReadHomeManifest(
    const std::string& home, ManifestKind kind, std::string_view name);

// Whether ReadHomeManifest() would find something to read or to refuse.
bool HasHomeManifest(const std::string& home, ManifestKind kind,
                     std::string_view name);

// <cwd>/.bot-bottle/agents/<name>.md, whoever owns it; nullopt when there is
// none. Links are followed within `cwd`. Reasons MANIFEST_OUTSIDE_REPO,
// NOT_A_REGULAR_FILE, and those of ErrnoError().
absl::StatusOr<std::optional<ManifestText>> ReadRepoAgent(
    const std::string& cwd, std::string_view name);

// True when `cwd` is no repository of its own: it is empty, the home itself, or
// shares .bot-bottle with it.
bool IsHome(const std::string& home, const std::string& cwd);

// Reason MANIFEST_REPO_BOTTLES when <cwd>/.bot-bottle/bottles is there, as
// whatever.
absl::Status RefuseRepoBottles(const std::string& cwd);

// The names of all files that are called like manifests, sorted, once each;
// nothing is opened. `cwd` may be empty.
absl::StatusOr<std::vector<std::string>> ListManifests(const std::string& home,
                                                       const std::string& cwd,
                                                       ManifestKind kind);

// Where ReadHomeManifest() and, for `cwd` not empty, ReadRepoAgent() look: for
// messages.
std::string ManifestPlaces(const std::string& home, const std::string& cwd,
                           ManifestKind kind);

}  // namespace bottled

#endif  // BOTTLED_BOTTLE_MANIFEST_FILES_H_
