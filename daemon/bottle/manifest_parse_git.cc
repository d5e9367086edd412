#include "bottle/manifest_parse_git.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "base/status_macros.h"
#include "bottle/manifest_errors.h"
#include "bottle/manifest_values.h"
#include "fmt/format.h"

namespace bottled {
namespace {

using OptionalText = std::optional<std::string>;

constexpr size_t kMaxUserText = 256;

// git drops these from names, and a config file of it needs them escaped.
absl::StatusOr<OptionalText> UserText(const ManifestMap& user,
                                      std::string_view key) {
  ASSIGN_OR_RETURN(OptionalText text, user.Text(key));
  if (text.has_value() &&
      (HasControl(*text) || text->find_first_of("<>") != std::string::npos ||
       text->size() > kMaxUserText)) {
    return ManifestBadValue(
        user.At(key), user.Path(key),
        "must be at most 256 bytes without <, > and control characters");
  }
  return text;
}

absl::StatusOr<PartialGitUser> ParseUser(const ManifestMap& gate) {
  ASSIGN_OR_RETURN(const ManifestMap user, gate.Map("user"));
  RETURN_IF_ERROR(user.OnlyKeys({"name", "email"}));
  PartialGitUser out;
  ASSIGN_OR_RETURN(out.name, UserText(user, "name"));
  ASSIGN_OR_RETURN(out.email, UserText(user, "email"));
  return out;
}

absl::StatusOr<OptionalText> ParseUrl(const ManifestMap& repo,
                                      std::string_view key) {
  ASSIGN_OR_RETURN(const OptionalText text, repo.Text(key));
  if (!text.has_value()) {
    return std::nullopt;
  }
  return ReadSshUrl(*text, repo.At(key), repo.Path(key));
}

absl::StatusOr<OptionalText> ParseHostKey(const ManifestMap& repo,
                                          std::string_view key) {
  ASSIGN_OR_RETURN(OptionalText text, repo.Text(key));
  if (text.has_value() && !IsHostKey(*text)) {
    return ManifestBadValue(
        repo.At(key), repo.Path(key),
        "must be a key's type and its base64, such as \"ssh-ed25519 AAAA…\"");
  }
  return text;
}

absl::StatusOr<OptionalText> ParsePath(const ManifestMap& map,
                                       std::string_view key,
                                       std::string_view home) {
  ASSIGN_OR_RETURN(const OptionalText text, map.Text(key));
  if (!text.has_value()) {
    return std::nullopt;
  }
  return ReadPath(*text, home, "", map.At(key), map.Path(key));
}

absl::StatusOr<OptionalText> ParseKey(const ManifestMap& repo,
                                      std::string_view home) {
  if (repo.Find("key") == nullptr) {
    return std::nullopt;
  }
  ASSIGN_OR_RETURN(const ManifestMap key, repo.Map("key"));
  ASSIGN_OR_RETURN(const OptionalText provider, key.Text("provider"));
  // Before the keys, as another provider has other ones.
  if (provider == "gitea") {
    return ManifestUnsupported(key.At("provider"), "the key provider gitea");
  }
  if (provider.has_value() && provider != "static") {
    return ManifestBadValue(key.At("provider"), key.Path("provider"),
                            "must be static");
  }
  RETURN_IF_ERROR(key.OnlyKeys({"provider", "path"}));
  return ParsePath(key, "path", home);
}

absl::StatusOr<std::vector<ExtraHost>> ParseExtraHosts(const ManifestMap& repo,
                                                       std::string_view key) {
  ASSIGN_OR_RETURN(const ManifestMap hosts, repo.Map(key));
  std::vector<ExtraHost> out;
  for (const YamlNode& child : hosts.children()) {
    ASSIGN_OR_RETURN(const OptionalText text, hosts.TextOf(child));
    if (!text.has_value()) {
      continue;
    }
    ExtraHost host;
    ASSIGN_OR_RETURN(host.host, ReadHost(child.key, false, hosts.AtKey(child),
                                         "a name in " + hosts.what()));
    host.ip = CanonicalIp(*text);
    if (host.ip.empty()) {
      return ManifestBadValue(hosts.At(child), hosts.what(),
                              "must give IPv4 or IPv6 addresses");
    }
    const auto same = [&host](const ExtraHost& other) {
      return other.host == host.host && other.ip != host.ip;
    };
    if (std::any_of(out.begin(), out.end(), same)) {
      return ManifestExtraHostConflict(hosts.AtKey(child), host.host);
    }
    out.push_back(std::move(host));
  }
  return out;
}

absl::Status CheckRepoName(std::string_view name, const Origin& at) {
  return IsRepoName(name)
             ? absl::OkStatus()
             : ManifestBadValue(
                   at, "a repository's name",
                   "must be 1 to 100 of a-z, 0-9, dot, hyphen and underscore, "
                   "begin with a letter or digit, and have no ..");
}

absl::Status ParseRepos(const ManifestMap& repos, std::string_view home,
                        std::vector<PartialRepo>& out) {
  for (const YamlNode& child : repos.children()) {
    RETURN_IF_ERROR(CheckRepoName(child.key, repos.AtKey(child)));
    ASSIGN_OR_RETURN(const ManifestMap repo, repos.MapOf(child));
    RETURN_IF_ERROR(repo.OnlyKeys({"url", "host_key", "key", "extra_hosts"}));
    PartialRepo partial;
    partial.name = child.key;
    partial.origin = repos.AtKey(child);
    ASSIGN_OR_RETURN(partial.url, ParseUrl(repo, "url"));
    ASSIGN_OR_RETURN(partial.host_key, ParseHostKey(repo, "host_key"));
    ASSIGN_OR_RETURN(partial.key_path, ParseKey(repo, home));
    ASSIGN_OR_RETURN(partial.extra_hosts, ParseExtraHosts(repo, "extra_hosts"));
    out.push_back(std::move(partial));
  }
  return absl::OkStatus();
}

// The last part of the URL's path, which older manifests leave unsaid.
std::string NameOfUrl(std::string_view url) {
  while (url.ends_with('/')) {
    url.remove_suffix(1);
  }
  url.remove_prefix(url.rfind('/') + 1);
  if (url.ends_with(".git")) {
    url.remove_suffix(4);
  }
  return std::string(url);
}

absl::Status ParseLegacyRepo(const YamlNode& node, std::string_view file,
                             std::string what, std::string_view home,
                             std::vector<PartialRepo>& out) {
  ASSIGN_OR_RETURN(const ManifestMap repo,
                   ManifestMap::Of(node, file, std::move(what)));
  RETURN_IF_ERROR(repo.OnlyKeys(
      {"Name", "Upstream", "IdentityFile", "KnownHostKey", "ExtraHosts"}));
  PartialRepo partial;
  partial.origin = repo.At();
  ASSIGN_OR_RETURN(partial.url, ParseUrl(repo, "Upstream"));
  if (!partial.url.has_value()) {
    return ManifestMissingKey(repo.At(), repo.Path("Upstream"));
  }
  ASSIGN_OR_RETURN(const OptionalText name, repo.Text("Name"));
  partial.name = name.has_value() ? *name : NameOfUrl(*partial.url);
  RETURN_IF_ERROR(CheckRepoName(partial.name, repo.At("Name")));
  ASSIGN_OR_RETURN(partial.host_key, ParseHostKey(repo, "KnownHostKey"));
  ASSIGN_OR_RETURN(partial.key_path, ParsePath(repo, "IdentityFile", home));
  ASSIGN_OR_RETURN(partial.extra_hosts, ParseExtraHosts(repo, "ExtraHosts"));
  for (const PartialRepo& other : out) {
    if (other.name == partial.name) {
      return ManifestDuplicateKey(partial.origin, partial.name,
                                  other.origin.line);
    }
  }
  out.push_back(std::move(partial));
  return absl::OkStatus();
}

absl::Status ParseLegacyGit(const ManifestMap& root, std::string_view home,
                            PartialBottle& bottle) {
  const YamlNode& git = *root.Find("git");
  if (git.kind == YamlNode::Kind::kList) {
    for (size_t i = 0; i < git.children.size(); ++i) {
      RETURN_IF_ERROR(ParseLegacyRepo(git.children[i], root.file(),
                                      fmt::format("git[{}]", i), home,
                                      bottle.repos));
    }
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const ManifestMap map, root.Map("git"));
  RETURN_IF_ERROR(map.OnlyKeys({"user", "remotes"}));
  ASSIGN_OR_RETURN(bottle.git_user, ParseUser(map));
  ASSIGN_OR_RETURN(const ManifestMap remotes, map.Map("remotes"));
  for (size_t i = 0; i < remotes.children().size(); ++i) {
    RETURN_IF_ERROR(ParseLegacyRepo(remotes.children()[i], root.file(),
                                    fmt::format("git.remotes[{}]", i), home,
                                    bottle.repos));
  }
  return absl::OkStatus();
}

// False: there is neither. Else `*key` is the one of the two that is there.
absl::StatusOr<bool> WhichKey(const ManifestMap& root, std::string_view* key,
                              std::vector<Warning>& warnings) {
  *key = "git-gate";
  const YamlNode* legacy = root.Find("git");
  if (legacy == nullptr) {
    return root.Find("git-gate") != nullptr;
  }
  if (root.Find("git-gate") != nullptr) {
    return ManifestLegacyKey(root.AtKey(*legacy), "git", "git-gate alone");
  }
  *key = "git";
  warnings.push_back(
      {"LEGACY_GIT", Prefix(root.AtKey(*legacy)) +
                         "git is an older form of git-gate; it is still read"});
  return true;
}

}  // namespace

absl::Status ParseBottleGit(const ManifestMap& root, std::string_view home,
                            PartialBottle& bottle) {
  std::string_view key;
  ASSIGN_OR_RETURN(const bool found, WhichKey(root, &key, bottle.warnings));
  if (!found) {
    return absl::OkStatus();
  }
  if (key == "git") {
    return ParseLegacyGit(root, home, bottle);
  }
  ASSIGN_OR_RETURN(const ManifestMap gate, root.Map(key));
  RETURN_IF_ERROR(gate.OnlyKeys({"user", "repos"}));
  ASSIGN_OR_RETURN(bottle.git_user, ParseUser(gate));
  ASSIGN_OR_RETURN(const ManifestMap repos, gate.Map("repos"));
  return ParseRepos(repos, home, bottle.repos);
}

absl::Status ParseAgentGit(const ManifestMap& root, PartialAgent& agent) {
  std::string_view key;
  ASSIGN_OR_RETURN(const bool found, WhichKey(root, &key, agent.warnings));
  if (!found) {
    return absl::OkStatus();
  }
  if (root.Find(key)->kind == YamlNode::Kind::kList) {
    return ManifestAgentKey(root.AtKey(*root.Find(key)), key);
  }
  ASSIGN_OR_RETURN(const ManifestMap gate, root.Map(key));
  for (const YamlNode& child : gate.children()) {
    if (child.key == "repos" || child.key == "remotes") {
      return ManifestAgentKey(gate.AtKey(child), child.key);
    }
  }
  RETURN_IF_ERROR(gate.OnlyKeys({"user"}));
  ASSIGN_OR_RETURN(agent.git_user, ParseUser(gate));
  return absl::OkStatus();
}

}  // namespace bottled
