#include "bottle/manifest_errors.h"

#include <iterator>

#include "base/error.h"
#include "base/strings.h"
#include "fmt/format.h"

namespace bottled {
namespace {

constexpr size_t kMaxQuoted = 200;
constexpr size_t kMaxPlaces = 1000;

std::string DidYouMean(std::string_view suggestion) {
  return suggestion.empty()
             ? ""
             : fmt::format("; did you mean \"{}\"?", Printable(suggestion));
}

std::string Known(std::string_view known) {
  return known.empty()
             ? "docs/manifest.md shows how to write one."
             : fmt::format("There are: {}.", Printable(known, kMaxPlaces));
}

}  // namespace

std::string Prefix(const Origin& at) {
  if (at.file.empty()) {
    return "";
  }
  const std::string file = Printable(at.file, kMaxPlaces);
  if (at.line == 0) {
    return file + ": ";
  }
  if (at.column == 0) {
    return fmt::format("{}:{}: ", file, at.line);
  }
  return fmt::format("{}:{}:{}: ", file, at.line, at.column);
}

std::string QuotedKey(std::string_view key) {
  return "\"" + Printable(key.substr(0, key.find('=')), kMaxQuoted) + "\"";
}

absl::Status ManifestTooLarge(const Origin& at) {
  return MakeError(absl::StatusCode::kInvalidArgument, "MANIFEST_TOO_LARGE",
                   Prefix(at) + "the file has more than 1 MiB",
                   "Move long texts into files of the image, or split the "
                   "bottle with extends.");
}

absl::Status ManifestLineTooLong(const Origin& at) {
  return MakeError(absl::StatusCode::kInvalidArgument, "MANIFEST_LINE_TOO_LONG",
                   Prefix(at) + "the line has more than 64 KiB",
                   "Break the line.");
}

absl::Status ManifestNulByte(const Origin& at) {
  return MakeError(absl::StatusCode::kInvalidArgument, "MANIFEST_NUL_BYTE",
                   Prefix(at) + "the file has a NUL byte",
                   "Save it as UTF-8 text.");
}

absl::Status ManifestNotUtf8(const Origin& at) {
  return MakeError(absl::StatusCode::kInvalidArgument, "MANIFEST_NOT_UTF8",
                   Prefix(at) + "the front matter is not UTF-8",
                   "Save the file as UTF-8 text.");
}

absl::Status ManifestControlCharacter(const Origin& at) {
  return MakeError(absl::StatusCode::kInvalidArgument,
                   "MANIFEST_CONTROL_CHARACTER",
                   Prefix(at) + "the front matter has a control character",
                   "Remove it; in a quoted string it can be written as \\xNN.");
}

absl::Status ManifestNoFrontMatter(const Origin& at) {
  return MakeError(
      absl::StatusCode::kInvalidArgument, "MANIFEST_NO_FRONT_MATTER",
      Prefix(at) + "the file does not begin with a line that is exactly ---",
      "Begin the file with a line ---, then YAML, then another line ---.");
}

absl::Status ManifestFrontMatterOpen(const Origin& at) {
  return MakeError(absl::StatusCode::kInvalidArgument,
                   "MANIFEST_FRONT_MATTER_OPEN",
                   Prefix(at) + "the front matter that begins here has no end",
                   "End the YAML with a line that is exactly ---.");
}

absl::Status ManifestYamlSyntax(const Origin& at, std::string_view why) {
  return MakeError(absl::StatusCode::kInvalidArgument, "MANIFEST_YAML_SYNTAX",
                   Prefix(at) + "not valid YAML: " + Printable(why, kMaxQuoted),
                   "Mend the line; docs/manifest.md shows the format.");
}

absl::Status ManifestYamlAnchor(const Origin& at) {
  return MakeError(absl::StatusCode::kInvalidArgument, "MANIFEST_YAML_ANCHOR",
                   Prefix(at) + "anchors and aliases (&, *) are not allowed",
                   "Write the value again, share it with extends, or quote a "
                   "text that begins with & or *.");
}

absl::Status ManifestYamlTag(const Origin& at) {
  return MakeError(absl::StatusCode::kInvalidArgument, "MANIFEST_YAML_TAG",
                   Prefix(at) + "tags (!) are not allowed",
                   "Remove the tag, or quote a text that begins with !.");
}

absl::Status ManifestYamlDirective(const Origin& at) {
  return MakeError(
      absl::StatusCode::kInvalidArgument, "MANIFEST_YAML_DIRECTIVE",
      Prefix(at) + "directives (%) are not allowed", "Remove the line.");
}

absl::Status ManifestYamlMergeKey(const Origin& at) {
  return MakeError(absl::StatusCode::kInvalidArgument,
                   "MANIFEST_YAML_MERGE_KEY",
                   Prefix(at) + "the merge key << is not allowed",
                   "Use extends to share a part of a bottle.");
}

absl::Status ManifestYamlDocuments(const Origin& at) {
  return MakeError(
      absl::StatusCode::kInvalidArgument, "MANIFEST_YAML_DOCUMENTS",
      Prefix(at) + "the front matter must be one YAML document",
      "End it with a line that is exactly ---, without anything after it.");
}

absl::Status ManifestYamlComplexKey(const Origin& at) {
  return MakeError(absl::StatusCode::kInvalidArgument,
                   "MANIFEST_YAML_COMPLEX_KEY",
                   Prefix(at) + "a key must be a text that is not empty",
                   "Write it as NAME: VALUE.");
}

absl::Status ManifestYamlTooDeep(const Origin& at) {
  return MakeError(absl::StatusCode::kInvalidArgument, "MANIFEST_YAML_TOO_DEEP",
                   Prefix(at) + "more than 16 levels of lists and maps",
                   "No part of a manifest needs so many levels.");
}

absl::Status ManifestYamlTooManyNodes(const Origin& at) {
  return MakeError(
      absl::StatusCode::kInvalidArgument, "MANIFEST_YAML_TOO_MANY_NODES",
      Prefix(at) + "more than 20 000 values", "Make the manifest smaller.");
}

absl::Status ManifestDuplicateKey(const Origin& at, std::string_view key,
                                  int first_line) {
  return MakeError(
      absl::StatusCode::kInvalidArgument, "MANIFEST_DUPLICATE_KEY",
      Prefix(at) + fmt::format("the key {} is there already, in line {}",
                               QuotedKey(key), first_line),
      "Remove one of them.");
}

absl::Status ManifestUnknownKey(const Origin& at, std::string_view key,
                                std::string_view where,
                                std::string_view suggestion,
                                std::string_view allowed) {
  std::string message =
      fmt::format("{}unknown key {}", Prefix(at), QuotedKey(key));
  if (!where.empty()) {
    fmt::format_to(std::back_inserter(message), " in {}", where);
  }
  return MakeError(absl::StatusCode::kInvalidArgument, "MANIFEST_UNKNOWN_KEY",
                   message + DidYouMean(suggestion),
                   fmt::format("Known here: {}.", allowed));
}

absl::Status ManifestAgentKey(const Origin& at, std::string_view key) {
  return MakeError(absl::StatusCode::kInvalidArgument, "MANIFEST_AGENT_KEY",
                   Prefix(at) + QuotedKey(key) + " may be set by bottles only",
                   "Move it to a bottle in ~/.bot-bottle/bottles. Of git-gate "
                   "an agent may set user.");
}

absl::Status ManifestLegacyKey(const Origin& at, std::string_view key,
                               std::string_view instead) {
  return MakeError(absl::StatusCode::kInvalidArgument, "MANIFEST_LEGACY_KEY",
                   Prefix(at) + QuotedKey(key) + " is a key of an older format",
                   fmt::format("Use {} instead.", instead));
}

absl::Status ManifestReservedKey(const Origin& at, std::string_view key) {
  return MakeError(absl::StatusCode::kInvalidArgument, "MANIFEST_RESERVED_KEY",
                   Prefix(at) + QuotedKey(key) + " is reserved", "Remove it.");
}

absl::Status ManifestWrongType(const Origin& at, std::string_view what,
                               std::string_view expected) {
  return MakeError(absl::StatusCode::kInvalidArgument, "MANIFEST_WRONG_TYPE",
                   Prefix(at) + fmt::format("{} must be {}", what, expected),
                   "docs/manifest.md shows the format.");
}

absl::Status ManifestMissingKey(const Origin& at, std::string_view what) {
  return MakeError(absl::StatusCode::kInvalidArgument, "MANIFEST_MISSING_KEY",
                   Prefix(at) + fmt::format("{} is missing", what),
                   "Add it; docs/manifest.md shows the format.");
}

absl::Status ManifestBadValue(const Origin& at, std::string_view what,
                              std::string_view why) {
  return MakeError(absl::StatusCode::kInvalidArgument, "MANIFEST_BAD_VALUE",
                   Prefix(at) + fmt::format("{} {}", what, why),
                   "docs/manifest.md says what is allowed.");
}

absl::Status ManifestBadHost(const Origin& at, std::string_view what,
                             std::string_view why) {
  return MakeError(absl::StatusCode::kInvalidArgument, "MANIFEST_BAD_HOST",
                   Prefix(at) + fmt::format("{} is not a host: {}", what, why),
                   "Write a name such as api.example.com or *.example.com, "
                   "without scheme, port and path.");
}

absl::Status ManifestBadUrl(const Origin& at, std::string_view what,
                            std::string_view why) {
  return MakeError(absl::StatusCode::kInvalidArgument, "MANIFEST_BAD_URL",
                   Prefix(at) + fmt::format("{} cannot be used: {}", what, why),
                   "Write ssh://user@host[:port]/path or user@host:path.");
}

absl::Status ManifestReservedEnv(const Origin& at, std::string_view name) {
  return MakeError(absl::StatusCode::kInvalidArgument, "MANIFEST_RESERVED_ENV",
                   Prefix(at) + fmt::format("{} is set by bottled",
                                            Printable(name, kMaxQuoted)),
                   "Remove it: the gates would be bypassed or unreachable.");
}

absl::Status ManifestSecretLiteral(const Origin& at, std::string_view what) {
  return MakeError(
      absl::StatusCode::kInvalidArgument, "MANIFEST_SECRET_LITERAL",
      Prefix(at) + fmt::format("{} looks like a secret itself", what),
      "Put the secret into an environment variable of the host and write that "
      "variable's name. Replace the secret: it was in a file.");
}

absl::Status ManifestUnsupported(const Origin& at, std::string_view what) {
  return MakeError(absl::StatusCode::kUnimplemented, "MANIFEST_UNSUPPORTED",
                   Prefix(at) + fmt::format("{} is not supported", what),
                   "Use key: { provider: static, path: ~/.ssh/KEY }.");
}

absl::Status ManifestHostKeyMissing(const Origin& at, std::string_view repo) {
  return MakeError(
      absl::StatusCode::kInvalidArgument, "MANIFEST_HOST_KEY_MISSING",
      Prefix(at) + fmt::format("git-gate.repos.{} has no host_key", repo),
      "Add the server's key, checked with its operator: ssh-keyscan -t ed25519 "
      "HOST prints it after the host's name.");
}

absl::Status ManifestDuplicateRoute(const Origin& at, std::string_view host,
                                    int first_line) {
  return MakeError(
      absl::StatusCode::kInvalidArgument, "MANIFEST_DUPLICATE_ROUTE",
      Prefix(at) + fmt::format("there is a route for {} already, in line {}",
                               host, first_line),
      "Make one route of both.");
}

absl::Status ManifestDuplicateUpstream(const Origin& at, std::string_view repo,
                                       std::string_view other) {
  return MakeError(
      absl::StatusCode::kInvalidArgument, "MANIFEST_DUPLICATE_UPSTREAM",
      Prefix(at) +
          fmt::format("git-gate.repos.{} has the same url as {}", repo, other),
      "Give each repository one name.");
}

absl::Status ManifestExtraHostConflict(const Origin& at,
                                       std::string_view host) {
  return MakeError(
      absl::StatusCode::kInvalidArgument, "MANIFEST_EXTRA_HOST_CONFLICT",
      Prefix(at) + fmt::format("extra_hosts gives {} two addresses", host),
      "Give the host the same address in all repos; they share one resolver.");
}

absl::Status ManifestBadName(const Origin& at, std::string_view what,
                             std::string_view name) {
  return MakeError(absl::StatusCode::kInvalidArgument, "MANIFEST_BAD_NAME",
                   Prefix(at) + fmt::format("\"{}\" cannot be the name of {}",
                                            Printable(name, kMaxQuoted), what),
                   "A name has 1 to 63 lower-case letters, digits and hyphens "
                   "and does not begin with a hyphen.");
}

absl::Status ManifestBadDirectory(std::string_view what) {
  return MakeError(absl::StatusCode::kInvalidArgument, "MANIFEST_BAD_DIRECTORY",
                   fmt::format("{} is not an absolute path", what),
                   "Send an absolute path.");
}

absl::Status ManifestAgentNotFound(std::string_view name,
                                   std::string_view places,
                                   std::string_view suggestion,
                                   std::string_view known) {
  return MakeError(
      absl::StatusCode::kNotFound, "MANIFEST_AGENT_NOT_FOUND",
      fmt::format("there is no agent \"{}\" in {}{}",
                  Printable(name, kMaxQuoted), Printable(places, kMaxPlaces),
                  DidYouMean(suggestion)),
      Known(known));
}

absl::Status ManifestBottleNotFound(const Origin& at, std::string_view name,
                                    std::string_view places,
                                    std::string_view suggestion,
                                    std::string_view known) {
  return MakeError(absl::StatusCode::kNotFound, "MANIFEST_BOTTLE_NOT_FOUND",
                   Prefix(at) + fmt::format("there is no bottle \"{}\" in {}{}",
                                            Printable(name, kMaxQuoted),
                                            Printable(places, kMaxPlaces),
                                            DidYouMean(suggestion)),
                   Known(known));
}

absl::Status ManifestExtendsMissing(const Origin& at, std::string_view name,
                                    std::string_view places,
                                    std::string_view suggestion) {
  return MakeError(absl::StatusCode::kNotFound, "MANIFEST_EXTENDS_MISSING",
                   Prefix(at) + fmt::format("there is no bottle \"{}\" in {}{}",
                                            Printable(name, kMaxQuoted),
                                            Printable(places, kMaxPlaces),
                                            DidYouMean(suggestion)),
                   "Write that bottle, or change extends.");
}

absl::Status ManifestExtendsCycle(const Origin& at, std::string_view chain) {
  return MakeError(absl::StatusCode::kInvalidArgument, "MANIFEST_EXTENDS_CYCLE",
                   Prefix(at) + fmt::format("extends goes in a circle: {}",
                                            Printable(chain, kMaxPlaces)),
                   "Remove one of them.");
}

absl::Status ManifestExtendsTooDeep(const Origin& at, size_t limit) {
  return MakeError(
      absl::StatusCode::kInvalidArgument, "MANIFEST_EXTENDS_TOO_DEEP",
      Prefix(at) + fmt::format("more than {} bottles extend each other", limit),
      "Make the chain shorter.");
}

absl::Status ManifestTooManyBottles(size_t limit) {
  return MakeError(absl::StatusCode::kInvalidArgument,
                   "MANIFEST_TOO_MANY_BOTTLES",
                   fmt::format("more than {} bottles for one agent", limit),
                   "Make one bottle of several with extends.");
}

absl::Status ManifestNoBottle(std::string_view agent, std::string_view file) {
  return MakeError(
      absl::StatusCode::kFailedPrecondition, "MANIFEST_NO_BOTTLE",
      fmt::format("the agent {} names no bottle ({}), and none was asked for",
                  Printable(agent, kMaxQuoted), Printable(file, kMaxQuoted)),
      "Add bottle: NAME to its front matter, or give a bottle with the "
      "request.");
}

absl::Status ManifestRepoBottles(std::string_view path) {
  return MakeError(absl::StatusCode::kFailedPrecondition,
                   "MANIFEST_REPO_BOTTLES",
                   fmt::format("{} exists: a repository must not bring bottles",
                               Printable(path, kMaxPlaces)),
                   "Remove it. Bottles decide what a guest may reach; they "
                   "belong in ~/.bot-bottle/bottles.");
}

absl::Status ManifestUnsafeFile(std::string_view path, std::string_view why,
                                std::string_view remedy) {
  return MakeError(
      absl::StatusCode::kFailedPrecondition, "MANIFEST_UNSAFE_FILE",
      fmt::format("{} {}", Printable(path, kMaxPlaces), why), remedy);
}

absl::Status ManifestOutsideRepo(std::string_view path) {
  return MakeError(absl::StatusCode::kFailedPrecondition,
                   "MANIFEST_OUTSIDE_REPO",
                   fmt::format("{} is a link that leaves the repository",
                               Printable(path, kMaxPlaces)),
                   "Replace the link by a file.");
}

}  // namespace bottled
