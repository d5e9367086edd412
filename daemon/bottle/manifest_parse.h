// One manifest file, checked against the schema of agents or of bottles, as a
// partial spec: what it sets, and nothing else, so that merging can tell.
//
// All checks that one file allows are made here; what depends on several is
// manifest_merge.h's. Pure, thread-safe: no file is opened.

#ifndef BOTTLED_BOTTLE_MANIFEST_PARSE_H_
#define BOTTLED_BOTTLE_MANIFEST_PARSE_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "bottle/manifest.h"
#include "bottle/warning.h"

namespace bottled {

// The name of another manifest, and where it was written.
struct ManifestRef {
  std::string name;
  Origin origin;
};

struct PartialGitUser {
  std::optional<std::string> name;
  std::optional<std::string> email;
};

struct PartialAgent {
  std::string file;
  // In order; empty when it names none.
  std::vector<ManifestRef> bottles;
  std::vector<std::string> skills;
  PartialGitUser git_user;
  std::string prompt;
  std::vector<Warning> warnings;
};

struct PartialRepo {
  std::string name;
  std::optional<std::string> url;
  std::optional<std::string> host_key;
  std::optional<std::string> key_path;
  // Merged per host.
  std::vector<ExtraHost> extra_hosts;
  Origin origin;
};

struct PartialBottle {
  std::string file;
  std::optional<ManifestRef> extends;
  std::vector<ManifestEnv> env;
  std::optional<std::string> template_name;
  // Absolute, or empty when the file says "".
  std::optional<std::string> dockerfile;
  PartialGitUser git_user;
  std::vector<PartialRepo> repos;
  std::optional<std::vector<EgressRoute>> routes;
  std::optional<bool> supervise;
  std::vector<Warning> warnings;
};

// Parse the content of `file`, an absolute path that is not opened. `home` is
// what "~/" stands for. Relative dockerfiles are beside the file. Reasons:
// those of front_matter.h and yaml_tree.h, and MANIFEST_UNKNOWN_KEY,
// MANIFEST_AGENT_KEY, MANIFEST_LEGACY_KEY, MANIFEST_RESERVED_KEY,
// MANIFEST_WRONG_TYPE, MANIFEST_MISSING_KEY, MANIFEST_BAD_VALUE,
// MANIFEST_BAD_NAME, MANIFEST_BAD_HOST, MANIFEST_BAD_URL,
// MANIFEST_RESERVED_ENV, MANIFEST_SECRET_LITERAL, MANIFEST_UNSUPPORTED,
// MANIFEST_DUPLICATE_ROUTE. Warnings: LEGACY_GIT, SECRET_LIKE_ENV.
absl::StatusOr<PartialAgent> ParseAgent(std::string_view text,
                                        std::string_view file);
absl::StatusOr<PartialBottle> ParseBottle(std::string_view text,
                                          std::string_view file,
                                          std::string_view home);

}  // namespace bottled

#endif  // BOTTLED_BOTTLE_MANIFEST_PARSE_H_
