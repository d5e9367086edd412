#include "bottle/manifest_parse.h"

#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <utility>

#include "base/status_macros.h"
#include "bottle/front_matter.h"
#include "bottle/manifest_errors.h"
#include "bottle/manifest_node.h"
#include "bottle/manifest_parse_git.h"
#include "bottle/manifest_values.h"
#include "bottle/yaml_tree.h"
#include "fmt/format.h"

namespace bottled {
namespace {

using OptionalText = std::optional<std::string>;

// Before the unknown keys, as for these there is an answer.
absl::Status CheckLegacyKeys(const ManifestMap& root) {
  struct Legacy {
    std::string_view key;
    std::string_view instead;
  };
  constexpr Legacy kLegacy[] = {{"egress_proxy", "egress.routes"},
                                {"cred_proxy", "auth in egress.routes"},
                                {"ssh", "git-gate.repos"}};
  for (const YamlNode& child : root.children()) {
    for (const Legacy& legacy : kLegacy) {
      if (child.key == legacy.key) {
        return ManifestLegacyKey(root.AtKey(child), legacy.key, legacy.instead);
      }
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<ManifestRef> ReadRef(const ManifestMap& map,
                                    const YamlNode& node,
                                    std::string_view what) {
  if (node.kind != YamlNode::Kind::kText) {
    return ManifestWrongType(map.At(node), what, "a bottle's name");
  }
  if (!IsManifestName(node.text)) {
    return ManifestBadName(map.At(node), "a bottle", node.text);
  }
  return ManifestRef{node.text, map.At(node)};
}

absl::Status ParseEnv(const ManifestMap& root, PartialBottle& bottle) {
  ASSIGN_OR_RETURN(const ManifestMap env, root.Map("env"));
  for (const YamlNode& child : env.children()) {
    if (!IsEnvName(child.key)) {
      return ManifestBadValue(
          env.AtKey(child), "a name in env",
          "must be letters, digits and underscores and not begin with a digit");
    }
    if (IsReservedEnv(child.key)) {
      return ManifestReservedEnv(env.AtKey(child), child.key);
    }
    ASSIGN_OR_RETURN(OptionalText value, env.TextOf(child));
    if (!value.has_value()) {
      continue;
    }
    if (value->find_first_of(std::string_view("\0\n\r", 3)) !=
        std::string::npos) {
      return ManifestBadValue(env.At(child), env.Path(child.key),
                              "must be one line without NUL bytes");
    }
    ManifestEnv item = {child.key, *std::move(value), false, env.AtKey(child)};
    item.secret_like = LooksLikeSecret(item.value);
    if (item.secret_like) {
      bottle.warnings.push_back(
          {"SECRET_LIKE_ENV",
           fmt::format("{}{} looks like a secret: the guest does not get it. "
                       "Use auth in egress.routes instead",
                       Prefix(item.origin), item.name)});
    }
    bottle.env.push_back(std::move(item));
  }
  return absl::OkStatus();
}

absl::Status ParseProvider(const ManifestMap& root, std::string_view home,
                           PartialBottle& bottle) {
  ASSIGN_OR_RETURN(const ManifestMap provider, root.Map("agent_provider"));
  RETURN_IF_ERROR(provider.OnlyKeys({"template", "dockerfile"}));
  ASSIGN_OR_RETURN(bottle.template_name, provider.Text("template"));
  if (bottle.template_name.has_value() &&
      !IsManifestName(*bottle.template_name)) {
    return ManifestBadName(provider.At("template"), "a template",
                           *bottle.template_name);
  }
  ASSIGN_OR_RETURN(bottle.dockerfile, provider.Text("dockerfile"));
  if (bottle.dockerfile.has_value() && !bottle.dockerfile->empty()) {
    const std::string base =
        std::filesystem::path(root.file()).parent_path().string();
    ASSIGN_OR_RETURN(bottle.dockerfile, ReadPath(*bottle.dockerfile, home, base,
                                                 provider.At("dockerfile"),
                                                 provider.Path("dockerfile")));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<RouteAuth>> ParseAuth(const ManifestMap& route) {
  if (route.Find("auth") == nullptr) {
    return std::nullopt;
  }
  ASSIGN_OR_RETURN(const ManifestMap auth, route.Map("auth"));
  RETURN_IF_ERROR(auth.OnlyKeys({"scheme", "token_ref"}));
  ASSIGN_OR_RETURN(const OptionalText scheme, auth.Text("scheme"));
  ASSIGN_OR_RETURN(const OptionalText token, auth.Text("token_ref"));
  for (const auto& [key, text] :
       {std::pair("scheme", &scheme), std::pair("token_ref", &token)}) {
    if (!text->has_value()) {
      return ManifestMissingKey(auth.At(), auth.Path(key));
    }
  }
  if (!IsHttpToken(*scheme)) {
    return ManifestBadValue(auth.At("scheme"), auth.Path("scheme"),
                            "must be an HTTP authentication scheme, such as "
                            "Bearer");
  }
  if (LooksLikeSecret(*token)) {
    return ManifestSecretLiteral(auth.At("token_ref"), auth.Path("token_ref"));
  }
  if (!IsEnvName(*token)) {
    return ManifestBadValue(auth.At("token_ref"), auth.Path("token_ref"),
                            "must be the name of an environment variable");
  }
  return RouteAuth{*scheme, *token};
}

absl::StatusOr<std::vector<std::string>> ParsePaths(const ManifestMap& route) {
  ASSIGN_OR_RETURN(std::optional<std::vector<std::string>> paths,
                   route.Texts("path_allowlist"));
  if (!paths.has_value()) {
    return std::vector<std::string>();
  }
  const Origin at = route.At("path_allowlist");
  const std::string what = route.Path("path_allowlist");
  if (paths->empty()) {
    return ManifestBadValue(at, what,
                            "must not be empty: leave it out for every path");
  }
  for (const std::string& path : *paths) {
    if (!path.starts_with('/') || HasControl(path) || HasDotDot(path)) {
      return ManifestBadValue(
          at, what,
          "must have paths that begin with /, without .. and control "
          "characters");
    }
  }
  return *std::move(paths);
}

absl::StatusOr<EgressRoute> ParseRoute(const YamlNode& node,
                                       std::string_view file, size_t index) {
  ASSIGN_OR_RETURN(
      const ManifestMap map,
      ManifestMap::Of(node, file, fmt::format("egress.routes[{}]", index)));
  for (const YamlNode& child : map.children()) {
    if (child.key == "role") {
      return ManifestReservedKey(map.AtKey(child), child.key);
    }
  }
  RETURN_IF_ERROR(map.OnlyKeys({"host", "path_allowlist", "auth"}));
  EgressRoute route;
  route.origin = map.At();
  ASSIGN_OR_RETURN(const OptionalText host, map.Text("host"));
  if (!host.has_value()) {
    return ManifestMissingKey(map.At(), map.Path("host"));
  }
  ASSIGN_OR_RETURN(route.host,
                   ReadHost(*host, true, map.At("host"), map.Path("host")));
  ASSIGN_OR_RETURN(route.path_allowlist, ParsePaths(map));
  ASSIGN_OR_RETURN(route.auth, ParseAuth(map));
  return route;
}

absl::Status ParseEgress(const ManifestMap& root, PartialBottle& bottle) {
  ASSIGN_OR_RETURN(const ManifestMap egress, root.Map("egress"));
  RETURN_IF_ERROR(egress.OnlyKeys({"routes"}));
  ASSIGN_OR_RETURN(const YamlNode* list, egress.List("routes"));
  if (list == nullptr) {
    return absl::OkStatus();
  }
  std::vector<EgressRoute> routes;
  std::map<std::string, int, std::less<>> lines;
  for (const YamlNode& node : list->children) {
    ASSIGN_OR_RETURN(EgressRoute route,
                     ParseRoute(node, root.file(), routes.size()));
    const auto [place, is_new] = lines.emplace(route.host, route.origin.line);
    if (!is_new) {
      return ManifestDuplicateRoute(route.origin, route.host, place->second);
    }
    routes.push_back(std::move(route));
  }
  bottle.routes = std::move(routes);
  return absl::OkStatus();
}

absl::Status CheckAgentKeys(const ManifestMap& root) {
  for (const YamlNode& child : root.children()) {
    for (const std::string_view key :
         {"extends", "env", "agent_provider", "egress", "supervise"}) {
      if (child.key == key) {
        return ManifestAgentKey(root.AtKey(child), key);
      }
    }
  }
  return root.OnlyKeys({"bottle", "skills", "git-gate", "git"});
}

absl::Status ParseBottleList(const ManifestMap& root, PartialAgent& agent) {
  const YamlNode* node = root.Find("bottle");
  if (node == nullptr) {
    return absl::OkStatus();
  }
  if (node->kind != YamlNode::Kind::kList) {
    ASSIGN_OR_RETURN(ManifestRef ref, ReadRef(root, *node, "bottle"));
    agent.bottles.push_back(std::move(ref));
    return absl::OkStatus();
  }
  for (const YamlNode& item : node->children) {
    ASSIGN_OR_RETURN(ManifestRef ref, ReadRef(root, item, "bottle"));
    agent.bottles.push_back(std::move(ref));
  }
  return absl::OkStatus();
}

absl::Status ParseSkills(const ManifestMap& root, PartialAgent& agent) {
  ASSIGN_OR_RETURN(std::optional<std::vector<std::string>> skills,
                   root.Texts("skills"));
  if (!skills.has_value()) {
    return absl::OkStatus();
  }
  std::set<std::string_view> seen;
  for (const std::string& skill : *skills) {
    if (!IsSkillName(skill)) {
      return ManifestBadValue(
          root.At("skills"), "skills",
          "must have names of letters, digits, dots, hyphens and underscores");
    }
    if (!seen.insert(skill).second) {
      return ManifestBadValue(root.At("skills"), "skills",
                              "must not name one twice");
    }
  }
  agent.skills = *std::move(skills);
  return absl::OkStatus();
}

absl::StatusOr<YamlNode> ParseTree(const FrontMatter& parts,
                                   std::string_view file) {
  return ParseYamlTree(parts.yaml, file, parts.yaml_line);
}

}  // namespace

absl::StatusOr<PartialAgent> ParseAgent(std::string_view text,
                                        std::string_view file) {
  ASSIGN_OR_RETURN(const FrontMatter parts, SplitFrontMatter(text, file));
  ASSIGN_OR_RETURN(const YamlNode tree, ParseTree(parts, file));
  ASSIGN_OR_RETURN(const ManifestMap root, ManifestMap::Of(tree, file, ""));
  RETURN_IF_ERROR(CheckLegacyKeys(root));
  RETURN_IF_ERROR(CheckAgentKeys(root));
  PartialAgent agent;
  agent.file = file;
  agent.prompt = parts.body;
  RETURN_IF_ERROR(ParseBottleList(root, agent));
  RETURN_IF_ERROR(ParseSkills(root, agent));
  RETURN_IF_ERROR(ParseAgentGit(root, agent));
  return agent;
}

absl::StatusOr<PartialBottle> ParseBottle(std::string_view text,
                                          std::string_view file,
                                          std::string_view home) {
  ASSIGN_OR_RETURN(const FrontMatter parts, SplitFrontMatter(text, file));
  ASSIGN_OR_RETURN(const YamlNode tree, ParseTree(parts, file));
  ASSIGN_OR_RETURN(const ManifestMap root, ManifestMap::Of(tree, file, ""));
  RETURN_IF_ERROR(CheckLegacyKeys(root));
  RETURN_IF_ERROR(root.OnlyKeys({"extends", "env", "agent_provider", "git-gate",
                                 "egress", "supervise", "git"}));
  PartialBottle bottle;
  bottle.file = file;
  if (const YamlNode* extends = root.Find("extends"); extends != nullptr) {
    ASSIGN_OR_RETURN(bottle.extends, ReadRef(root, *extends, "extends"));
  }
  RETURN_IF_ERROR(ParseEnv(root, bottle));
  RETURN_IF_ERROR(ParseProvider(root, home, bottle));
  RETURN_IF_ERROR(ParseBottleGit(root, home, bottle));
  RETURN_IF_ERROR(ParseEgress(root, bottle));
  ASSIGN_OR_RETURN(bottle.supervise, root.Bool("supervise"));
  return bottle;
}

}  // namespace bottled
