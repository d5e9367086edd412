#include "bottle/manifest_merge.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "bottle/manifest_errors.h"
#include "fmt/format.h"
#include "image/digest.h"
#include "nlohmann/json.hpp"

namespace bottled {
namespace {

using nlohmann::json;

template <typename T>
void Override(const std::optional<T>& over, std::optional<T>& base) {
  if (over.has_value()) {
    base = over;
  }
}

// The item of `items` whose `name` member is that of `item`, or null.
template <typename T>
T* FindSame(std::vector<T>& items, const T& item, std::string T::* name) {
  const auto found =
      std::find_if(items.begin(), items.end(),
                   [&](const T& other) { return other.*name == item.*name; });
  return found == items.end() ? nullptr : &*found;
}

template <typename T>
void OverrideItems(const std::vector<T>& over, std::string T::* name,
                   std::vector<T>& base) {
  for (const T& item : over) {
    if (T* same = FindSame(base, item, name); same != nullptr) {
      *same = item;
    } else {
      base.push_back(item);
    }
  }
}

// Env maps may have thousands of names.
void MergeEnv(const std::vector<ManifestEnv>& over,
              std::vector<ManifestEnv>& base) {
  std::map<std::string, size_t, std::less<>> places;
  for (size_t i = 0; i < base.size(); ++i) {
    places.emplace(base[i].name, i);
  }
  for (const ManifestEnv& item : over) {
    const auto [place, is_new] = places.emplace(item.name, base.size());
    if (is_new) {
      base.push_back(item);
    } else {
      base[place->second] = item;
    }
  }
}

void MergeRepo(const PartialRepo& over, PartialRepo& base) {
  Override(over.url, base.url);
  Override(over.host_key, base.host_key);
  Override(over.key_path, base.key_path);
  OverrideItems(over.extra_hosts, &ExtraHost::host, base.extra_hosts);
  base.origin = over.origin;
}

void MergeUser(const PartialGitUser& over, PartialGitUser& base) {
  Override(over.name, base.name);
  Override(over.email, base.email);
}

// What makes two URLs one upstream for every git server that is in use.
std::string_view Upstream(std::string_view url) {
  while (url.ends_with('/')) {
    url.remove_suffix(1);
  }
  if (url.ends_with(".git")) {
    url.remove_suffix(4);
  }
  return url;
}

absl::StatusOr<GitRepo> FinishRepo(const PartialRepo& repo) {
  const std::string what = "git-gate.repos." + repo.name;
  if (!repo.url.has_value()) {
    return ManifestMissingKey(repo.origin, what + ".url");
  }
  if (!repo.host_key.has_value()) {
    return ManifestHostKeyMissing(repo.origin, repo.name);
  }
  if (!repo.key_path.has_value()) {
    return ManifestMissingKey(repo.origin, what + ".key.path");
  }
  return GitRepo{repo.name,      *repo.url,        *repo.host_key,
                 *repo.key_path, repo.extra_hosts, repo.origin};
}

absl::StatusOr<std::vector<GitRepo>> FinishRepos(
    const std::vector<PartialRepo>& repos) {
  std::vector<GitRepo> out;
  std::map<std::string, std::string, std::less<>> upstreams;
  std::map<std::string, std::string, std::less<>> addresses;
  for (const PartialRepo& partial : repos) {
    ASSIGN_OR_RETURN(GitRepo repo, FinishRepo(partial));
    const auto [other, is_new] =
        upstreams.emplace(Upstream(repo.url), repo.name);
    if (!is_new) {
      return ManifestDuplicateUpstream(repo.origin, repo.name, other->second);
    }
    for (const ExtraHost& host : repo.extra_hosts) {
      if (addresses.emplace(host.host, host.ip).first->second != host.ip) {
        return ManifestExtraHostConflict(repo.origin, host.host);
      }
    }
    out.push_back(std::move(repo));
  }
  return out;
}

json RouteJson(const EgressRoute& route) {
  json out = {{"host", route.host}, {"path_allowlist", route.path_allowlist}};
  if (route.auth.has_value()) {
    out["auth"] = {{"scheme", route.auth->scheme},
                   {"token_ref", route.auth->token_ref}};
  }
  return out;
}

json RepoJson(const GitRepo& repo) {
  json hosts = json::array();
  for (const ExtraHost& host : repo.extra_hosts) {
    hosts.push_back({{"host", host.host}, {"ip", host.ip}});
  }
  return {{"name", repo.name},
          {"url", repo.url},
          {"host_key", repo.host_key},
          {"key_path", repo.key_path},
          {"extra_hosts", std::move(hosts)}};
}

json BottleJson(const BottleSpec& bottle) {
  json env = json::array();
  for (const ManifestEnv& item : bottle.env) {
    env.push_back({{"name", item.name}, {"value", item.value}});
  }
  json repos = json::array();
  for (const GitRepo& repo : bottle.repos) {
    repos.push_back(RepoJson(repo));
  }
  json routes = json::array();
  for (const EgressRoute& route : bottle.routes) {
    routes.push_back(RouteJson(route));
  }
  return {{"names", bottle.names},
          {"env", std::move(env)},
          {"template", bottle.provider.template_name},
          {"dockerfile", bottle.provider.dockerfile},
          {"git_user",
           {{"name", bottle.git_user.name}, {"email", bottle.git_user.email}}},
          {"repos", std::move(repos)},
          {"routes", std::move(routes)},
          {"supervise", bottle.supervise}};
}

}  // namespace

void MergeBottle(const PartialBottle& over, PartialBottle& base) {
  MergeEnv(over.env, base.env);
  Override(over.template_name, base.template_name);
  Override(over.dockerfile, base.dockerfile);
  MergeUser(over.git_user, base.git_user);
  for (const PartialRepo& repo : over.repos) {
    if (PartialRepo* same = FindSame(base.repos, repo, &PartialRepo::name);
        same != nullptr) {
      MergeRepo(repo, *same);
    } else {
      base.repos.push_back(repo);
    }
  }
  Override(over.routes, base.routes);
  Override(over.supervise, base.supervise);
}

absl::StatusOr<BottleSpec> FinishBottle(const PartialBottle& merged,
                                        const PartialGitUser& agent_user) {
  BottleSpec out;
  out.env = merged.env;
  out.provider.template_name = merged.template_name.value_or("claude");
  out.provider.dockerfile = merged.dockerfile.value_or("");
  PartialGitUser user = merged.git_user;
  MergeUser(agent_user, user);
  out.git_user = {user.name.value_or(""), user.email.value_or("")};
  ASSIGN_OR_RETURN(out.repos, FinishRepos(merged.repos));
  out.routes = merged.routes.value_or(std::vector<EgressRoute>());
  out.supervise = merged.supervise.value_or(false);
  return out;
}

std::string ManifestDigest(const AgentSpec& agent, const BottleSpec& bottle) {
  const json document = {{"agent",
                          {{"name", agent.name},
                           {"shadowed_by_repo", agent.shadowed_by_repo},
                           {"skills", agent.skills},
                           {"prompt_sha256", Sha256Of(agent.prompt).hex()}}},
                         {"bottle", BottleJson(bottle)}};
  return Sha256Of(document.dump(-1, ' ', false, json::error_handler_t::replace))
      .hex();
}

}  // namespace bottled
