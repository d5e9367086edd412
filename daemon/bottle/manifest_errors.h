// Errors of manifests, one function each. A message begins with file, line and
// column where there are some, and names keys, never values: a value may be a
// secret that somebody wrote into the wrong place.

#ifndef BOTTLED_BOTTLE_MANIFEST_ERRORS_H_
#define BOTTLED_BOTTLE_MANIFEST_ERRORS_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "bottle/manifest.h"

namespace bottled {

// "FILE:LINE:COLUMN: ", without what is not known. Printable.
std::string Prefix(const Origin& at);
// `key` in quotes, printable, without what follows a '=': `{NAME=secret}` makes
// a key of both.
std::string QuotedKey(std::string_view key);

// The file.
absl::Status ManifestTooLarge(const Origin& at);
absl::Status ManifestLineTooLong(const Origin& at);
absl::Status ManifestNulByte(const Origin& at);
absl::Status ManifestNotUtf8(const Origin& at);
absl::Status ManifestControlCharacter(const Origin& at);
absl::Status ManifestNoFrontMatter(const Origin& at);
absl::Status ManifestFrontMatterOpen(const Origin& at);

// YAML.
absl::Status ManifestYamlSyntax(const Origin& at, std::string_view why);
absl::Status ManifestYamlAnchor(const Origin& at);
absl::Status ManifestYamlTag(const Origin& at);
absl::Status ManifestYamlDirective(const Origin& at);
absl::Status ManifestYamlMergeKey(const Origin& at);
absl::Status ManifestYamlDocuments(const Origin& at);
absl::Status ManifestYamlComplexKey(const Origin& at);
absl::Status ManifestYamlTooDeep(const Origin& at);
absl::Status ManifestYamlTooManyNodes(const Origin& at);
absl::Status ManifestDuplicateKey(const Origin& at, std::string_view key,
                                  int first_line);

// The schema. `what` is a path of keys: "egress.routes[0].host".
absl::Status ManifestUnknownKey(const Origin& at, std::string_view key,
                                std::string_view where,
                                std::string_view suggestion,
                                std::string_view allowed);
absl::Status ManifestAgentKey(const Origin& at, std::string_view key);
absl::Status ManifestLegacyKey(const Origin& at, std::string_view key,
                               std::string_view instead);
absl::Status ManifestReservedKey(const Origin& at, std::string_view key);
absl::Status ManifestWrongType(const Origin& at, std::string_view what,
                               std::string_view expected);
absl::Status ManifestMissingKey(const Origin& at, std::string_view what);
absl::Status ManifestBadValue(const Origin& at, std::string_view what,
                              std::string_view why);
absl::Status ManifestBadHost(const Origin& at, std::string_view what,
                             std::string_view why);
absl::Status ManifestBadUrl(const Origin& at, std::string_view what,
                            std::string_view why);
absl::Status ManifestReservedEnv(const Origin& at, std::string_view name);
absl::Status ManifestSecretLiteral(const Origin& at, std::string_view what);
absl::Status ManifestUnsupported(const Origin& at, std::string_view what);
absl::Status ManifestHostKeyMissing(const Origin& at, std::string_view repo);
absl::Status ManifestDuplicateRoute(const Origin& at, std::string_view host,
                                    int first_line);
absl::Status ManifestDuplicateUpstream(const Origin& at, std::string_view repo,
                                       std::string_view other);
absl::Status ManifestExtraHostConflict(const Origin& at, std::string_view host);

// Names and places.
absl::Status ManifestBadName(const Origin& at, std::string_view what,
                             std::string_view name);
absl::Status ManifestBadDirectory(std::string_view what);
// `places` and `known` are lists for people; `suggestion` may be empty.
absl::Status ManifestAgentNotFound(std::string_view name,
                                   std::string_view places,
                                   std::string_view suggestion,
                                   std::string_view known);
absl::Status ManifestBottleNotFound(const Origin& at, std::string_view name,
                                    std::string_view places,
                                    std::string_view suggestion,
                                    std::string_view known);
absl::Status ManifestExtendsMissing(const Origin& at, std::string_view name,
                                    std::string_view places,
                                    std::string_view suggestion);
// `chain` is "a -> b -> a".
absl::Status ManifestExtendsCycle(const Origin& at, std::string_view chain);
absl::Status ManifestExtendsTooDeep(const Origin& at, size_t limit);
absl::Status ManifestTooManyBottles(size_t limit);
absl::Status ManifestNoBottle(std::string_view agent, std::string_view file);
absl::Status ManifestRepoBottles(std::string_view path);
absl::Status ManifestUnsafeFile(std::string_view path, std::string_view why,
                                std::string_view remedy);
absl::Status ManifestOutsideRepo(std::string_view path);

}  // namespace bottled

#endif  // BOTTLED_BOTTLE_MANIFEST_ERRORS_H_
