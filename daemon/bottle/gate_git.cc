#include "bottle/gate_git.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <set>
#include <utility>

#include "base/status_macros.h"
#include "bottle/gate_checks.h"
#include "bottle/gate_errors.h"
#include "bottle/git_gate_scripts.h"
#include "bottle/manifest_values.h"
#include "bottle/yaml_text.h"
#include "fmt/format.h"

namespace bottled {
namespace {

constexpr char kConfigDir[] = "/etc/bottled/git-gate";
constexpr char kKeysDir[] = "/run/bottled/git-gate/keys";

bool IsAlnum(char c) { return std::isalnum(static_cast<unsigned char>(c)); }

bool AllOf(std::string_view text, std::string_view extra) {
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return IsAlnum(c) || extra.find(c) != std::string_view::npos;
  });
}

std::string Lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) {
    return static_cast<char>(std::tolower(c));
  });
  return out;
}

// sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"; ssh looks names up in lower case.
std::string KnownHosts(const SshUrl& url, std::string_view host_key) {
  const std::string host = Lower(url.host);
  return url.port == 22 ? fmt::format("{} {}\n", host, host_key)
                        : fmt::format("[{}]:{} {}\n", host, url.port, host_key);
}

// Everything that people write for the same repository.
std::vector<std::string> Spellings(std::string_view text, const SshUrl& url) {
  std::vector<std::string> out = {std::string(text)};
  if (url.port != 22) {
    return out;
  }
  if (url.port_given) {
    out.push_back(fmt::format("ssh://{}@{}{}", url.user, url.host, url.path));
  }
  out.push_back(
      fmt::format("{}@{}:{}", url.user, url.host, url.path.substr(1)));
  out.push_back(fmt::format("{}@{}:{}", url.user, url.host, url.path));
  return out;
}

absl::Status CheckRepo(const GitRepo& repo) {
  const auto fault = [&](std::string_view value, std::string_view why) {
    return GateUnrenderable("git-gate", value, why, repo.origin);
  };
  if (!IsRepoName(repo.name)) {
    return fault(repo.name,
                 "a repository's name has lower-case letters, digits, dots, "
                 "underscores and hyphens");
  }
  if (!ParseSshUrl(repo.url).has_value()) {
    return fault(repo.url, "the url is not ssh://user@host[:port]/path");
  }
  if (!IsHostKey(repo.host_key)) {
    return fault(repo.host_key, "a host key is its type and its base64 text");
  }
  if (!repo.key_path.starts_with('/') || HasControl(repo.key_path) ||
      !IsYamlText(repo.key_path)) {
    return fault(repo.key_path, "a key's path is absolute, on one line, UTF-8");
  }
  for (const ExtraHost& extra : repo.extra_hosts) {
    if (!IsSshHost(extra.host)) {
      return fault(extra.host, "an extra host is a name");
    }
    if (!IsIpAddress(extra.ip)) {
      return fault(extra.ip, "an extra host's ip is an IPv4 or IPv6 address");
    }
  }
  return absl::OkStatus();
}

// What no single repository shows.
absl::Status CheckTogether(const std::vector<GitRepo>& repos) {
  std::set<std::string> names;
  std::map<std::string, std::string> urls;
  std::map<std::string, std::string> hosts;
  for (const GitRepo& repo : repos) {
    if (!names.insert(repo.name).second) {
      return GateUnrenderable("git-gate", repo.name, "two have this name",
                              repo.origin);
    }
    const SshUrl url = *ParseSshUrl(repo.url);
    const std::string same = fmt::format("{}@{}:{}{}", url.user,
                                         Lower(url.host), url.port, url.path);
    if (!urls.try_emplace(same, repo.name).second) {
      return GateUnrenderable("git-gate", repo.url,
                              "two repositories have this upstream",
                              repo.origin);
    }
    for (const ExtraHost& extra : repo.extra_hosts) {
      const auto it = hosts.try_emplace(Lower(extra.host), extra.ip).first;
      if (it->second != extra.ip) {
        return GateUnrenderable("git-gate", extra.host,
                                "it has two addresses in extra hosts",
                                repo.origin);
      }
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> GuestConfig(const GateInput& input) {
  const BottleSpec& bottle = input.manifest.bottle;
  std::string out;
  for (const std::string* value :
       {&bottle.git_user.name, &bottle.git_user.email}) {
    if (HasControl(*value) || !IsYamlText(*value)) {
      return GateUnrenderable("git-gate", *value,
                              "git takes one line of UTF-8 here", {});
    }
  }
  if (!bottle.git_user.empty()) {
    out += "[user]\n";
  }
  if (!bottle.git_user.name.empty()) {
    out += fmt::format("\tname = {}\n", GitConfigQuoted(bottle.git_user.name));
  }
  if (!bottle.git_user.email.empty()) {
    out +=
        fmt::format("\temail = {}\n", GitConfigQuoted(bottle.git_user.email));
  }
  for (const GitRepo& repo : bottle.repos) {
    out += fmt::format("[url \"git://{}:{}/{}.git\"]\n",
                       input.addresses.endpoint_ip().ToString(), kGitGatePort,
                       repo.name);
    for (const std::string& url : Spellings(repo.url, *ParseSshUrl(repo.url))) {
      out += fmt::format("\tinsteadOf = {}\n", GitConfigQuoted(url));
    }
  }
  return out;
}

GateFile Script(std::string path, std::string_view content) {
  std::string target = fmt::format("{}/{}", kConfigDir, path);
  return {.path = std::move(path),
          .content = std::string(content),
          .target = std::move(target)};
}

}  // namespace

std::optional<SshUrl> ParseSshUrl(std::string_view url) {
  constexpr std::string_view kScheme = "ssh://";
  if (!url.starts_with(kScheme)) {
    return std::nullopt;
  }
  url.remove_prefix(kScheme.size());
  const size_t slash = url.find('/');
  const size_t at = url.substr(0, slash).find('@');
  if (slash == std::string_view::npos || at == std::string_view::npos) {
    return std::nullopt;
  }
  SshUrl out{.user = url.substr(0, at),
             .host = url.substr(at + 1, slash - at - 1),
             .path = url.substr(slash)};
  const size_t colon = out.host.find(':');
  if (colon != std::string_view::npos) {
    const std::string_view port = out.host.substr(colon + 1);
    out.host = out.host.substr(0, colon);
    out.port_given = true;
    out.port = 0;
    if (port.empty() || port.size() > 5 || port[0] == '0') {
      return std::nullopt;
    }
    for (const char c : port) {
      if (c < '0' || c > '9') {
        return std::nullopt;
      }
      out.port = out.port * 10 + (c - '0');
    }
    if (out.port > 65535) {
      return std::nullopt;
    }
  }
  const bool user_ok =
      !out.user.empty() && out.user[0] != '-' && AllOf(out.user, "._+-");
  const bool path_ok = out.path.size() > 1 &&
                       std::all_of(out.path.begin(), out.path.end(),
                                   [](char c) { return c != ' '; }) &&
                       !HasControl(out.path) && IsYamlText(out.path);
  if (!user_ok || !path_ok || !IsSshHost(out.host)) {
    return std::nullopt;
  }
  return out;
}

std::string GitConfigQuoted(std::string_view value) {
  std::string out = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') {
      out += '\\';
    }
    out += c;
  }
  return out + '"';
}

bool GitGate::Wanted(const Manifest& manifest) const {
  return !manifest.bottle.repos.empty();
}

absl::StatusOr<GateOutput> GitGate::Render(const GateInput& input) const {
  const std::vector<GitRepo>& repos = input.manifest.bottle.repos;
  for (const GitRepo& repo : repos) {
    RETURN_IF_ERROR(CheckRepo(repo));
  }
  RETURN_IF_ERROR(CheckTogether(repos));
  ASSIGN_OR_RETURN(std::string guest, GuestConfig(input));
  GateOutput out;
  out.files.push_back(Script("entrypoint.sh", kGitGateEntrypoint));
  out.files.push_back(Script("access-hook", kGitGateAccessHook));
  out.files.push_back(Script("pre-receive", kGitGatePreReceive));
  out.files.push_back(Script(".gitleaks.toml", kGitGateGitleaks));
  std::string upstreams;
  for (const GitRepo& repo : repos) {
    GateFile known = Script("known_hosts/" + repo.name,
                            KnownHosts(*ParseSshUrl(repo.url), repo.host_key));
    std::string key = fmt::format("{}/{}", kKeysDir, repo.name);
    upstreams +=
        fmt::format("{}\t{}\t{}\t{}\n", repo.name, repo.url, key, known.target);
    out.files.push_back(std::move(known));
    out.mounts.push_back(
        {.source = repo.key_path, .target = std::move(key), .read_only = true});
  }
  out.files.push_back(Script("upstreams.tsv", upstreams));
  // The guest's: nothing in the bundle reads it.
  out.files.push_back(
      {.path = "gitconfig", .content = std::move(guest), .target = ""});
  return out;
}

}  // namespace bottled
