#include "bottle/manifest_load.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "base/status_macros.h"
#include "base/strings.h"
#include "bottle/manifest_errors.h"
#include "bottle/manifest_files.h"
#include "bottle/manifest_merge.h"
#include "bottle/manifest_parse.h"
#include "bottle/manifest_values.h"
#include "bottle/suggest.h"
#include "fmt/format.h"
#include "fmt/ranges.h"

namespace bottled {
namespace {

constexpr size_t kMaxListed = 20;

absl::Status CheckDirectories(const std::string& home, const std::string& cwd) {
  const auto is_path = [](const std::string& path) {
    return path.starts_with('/') && path.find('\0') == std::string::npos;
  };
  if (!is_path(home)) {
    return ManifestBadDirectory("home");
  }
  if (!cwd.empty() && !is_path(cwd)) {
    return ManifestBadDirectory("cwd");
  }
  return absl::OkStatus();
}

// Loads one manifest; holds what was read, so that nothing is read twice.
class Loader {
 public:
  Loader(const ManifestRequest& request, ManifestMemo& memo)
      : memo_(memo),
        home_(request.home),
        cwd_(IsHome(request.home, request.cwd) ? "" : request.cwd) {}

  absl::StatusOr<Manifest> Load(const ManifestRequest& request);

 private:
  absl::StatusOr<std::shared_ptr<const PartialAgent>> LoadAgent(
      const std::string& name);
  // The bottles that the request or else the agent names.
  absl::StatusOr<std::vector<ManifestRef>> BottlesOf(
      const ManifestRequest& request, const PartialAgent& agent);
  // The bottle with its parents, the outermost first.
  absl::StatusOr<std::vector<const PartialBottle*>> Chain(
      const ManifestRef& bottle);
  // `child` is null when the bottle is nobody's parent.
  absl::StatusOr<const PartialBottle*> LoadBottle(const ManifestRef& bottle,
                                                  const PartialBottle* child);

  void AddWarnings(const std::vector<Warning>& warnings) {
    manifest_.warnings.insert(manifest_.warnings.end(), warnings.begin(),
                              warnings.end());
  }
  void NoteLegacy(const ManifestText& text);
  // All names, or none when they cannot be listed: an error about a name must
  // not become one about a directory.
  std::vector<std::string> Names(ManifestKind kind) const {
    const auto names = ListManifests(
        home_, kind == ManifestKind::kAgent ? cwd_ : std::string(), kind);
    return names.ok() ? *names : std::vector<std::string>();
  }

  ManifestMemo& memo_;
  const std::string home_;
  const std::string cwd_;
  Manifest manifest_;
  std::map<std::string, std::shared_ptr<const PartialBottle>> bottles_;
  bool noted_legacy_ = false;
};

std::string Listed(const std::vector<std::string>& names) {
  const size_t count = std::min(names.size(), kMaxListed);
  return fmt::format(
      "{}{}",
      fmt::join(names.begin(), names.begin() + static_cast<ptrdiff_t>(count),
                ", "),
      count < names.size() ? ", …" : "");
}

void Loader::NoteLegacy(const ManifestText& text) {
  if (text.legacy && !noted_legacy_) {
    noted_legacy_ = true;
    manifest_.warnings.push_back(
        {"LEGACY_DIRECTORY",
         fmt::format("{}: ~/.claude-bottle is the older place; move it to "
                     "~/.bot-bottle",
                     Printable(text.path))});
  }
}

absl::StatusOr<std::shared_ptr<const PartialAgent>> Loader::LoadAgent(
    const std::string& name) {
  if (!cwd_.empty()) {
    RETURN_IF_ERROR(RefuseRepoBottles(cwd_));
    ASSIGN_OR_RETURN(const std::optional<ManifestText> text,
                     ReadRepoAgent(cwd_, name));
    if (text.has_value()) {
      if (HasHomeManifest(home_, ManifestKind::kAgent, name)) {
        manifest_.agent.shadowed_by_repo = true;
        manifest_.warnings.push_back(
            {"SHADOWED_BY_REPO",
             fmt::format("{}: the repository's agent hides yours of the same "
                         "name",
                         Printable(text->path))});
      }
      return memo_.Agent(*text);
    }
  }
  ASSIGN_OR_RETURN(const std::optional<ManifestText> text,
                   ReadHomeManifest(home_, ManifestKind::kAgent, name));
  if (!text.has_value()) {
    const std::vector<std::string> names = Names(ManifestKind::kAgent);
    return ManifestAgentNotFound(
        name, ManifestPlaces(home_, cwd_, ManifestKind::kAgent),
        Suggest(name, names), Listed(names));
  }
  NoteLegacy(*text);
  return memo_.Agent(*text);
}

absl::StatusOr<std::vector<ManifestRef>> Loader::BottlesOf(
    const ManifestRequest& request, const PartialAgent& agent) {
  std::vector<ManifestRef> out = agent.bottles;
  if (!request.bottles.empty()) {
    out.clear();
    for (const std::string& name : request.bottles) {
      out.push_back({name, {}});
    }
  }
  if (out.empty()) {
    return ManifestNoBottle(request.agent, agent.file);
  }
  if (out.size() > kMaxBottles) {
    return ManifestTooManyBottles(kMaxBottles);
  }
  return out;
}

absl::StatusOr<const PartialBottle*> Loader::LoadBottle(
    const ManifestRef& bottle, const PartialBottle* child) {
  const auto known = bottles_.find(bottle.name);
  if (known != bottles_.end()) {
    return known->second.get();
  }
  ASSIGN_OR_RETURN(const std::optional<ManifestText> text,
                   ReadHomeManifest(home_, ManifestKind::kBottle, bottle.name));
  if (!text.has_value()) {
    const std::vector<std::string> names = Names(ManifestKind::kBottle);
    const std::string places = ManifestPlaces(home_, "", ManifestKind::kBottle);
    const std::string suggestion = Suggest(bottle.name, names);
    return child != nullptr
               ? ManifestExtendsMissing(bottle.origin, bottle.name, places,
                                        suggestion)
               : ManifestBottleNotFound(bottle.origin, bottle.name, places,
                                        suggestion, Listed(names));
  }
  NoteLegacy(*text);
  ASSIGN_OR_RETURN(const std::shared_ptr<const PartialBottle> parsed,
                   memo_.Bottle(*text, home_));
  AddWarnings(parsed->warnings);
  bottles_[bottle.name] = parsed;
  return parsed.get();
}

absl::StatusOr<std::vector<const PartialBottle*>> Loader::Chain(
    const ManifestRef& bottle) {
  std::vector<std::string> names;
  std::vector<const PartialBottle*> chain;
  std::optional<ManifestRef> next = bottle;
  while (next.has_value()) {
    const auto seen = std::find(names.begin(), names.end(), next->name);
    const bool again = seen != names.end();
    names.push_back(next->name);
    if (again) {
      return ManifestExtendsCycle(next->origin,
                                  fmt::format("{}", fmt::join(names, " -> ")));
    }
    if (chain.size() == kMaxExtends) {
      return ManifestExtendsTooDeep(next->origin, kMaxExtends);
    }
    ASSIGN_OR_RETURN(const PartialBottle* loaded,
                     LoadBottle(*next, chain.empty() ? nullptr : chain.back()));
    chain.push_back(loaded);
    next = loaded->extends;
  }
  std::reverse(chain.begin(), chain.end());
  return chain;
}

absl::StatusOr<Manifest> Loader::Load(const ManifestRequest& request) {
  ASSIGN_OR_RETURN(const std::shared_ptr<const PartialAgent> agent,
                   LoadAgent(request.agent));
  AddWarnings(agent->warnings);
  ASSIGN_OR_RETURN(const std::vector<ManifestRef> bottles,
                   BottlesOf(request, *agent));
  PartialBottle merged;
  std::vector<std::string> names;
  std::vector<std::string> files;
  for (const ManifestRef& bottle : bottles) {
    ASSIGN_OR_RETURN(const std::vector<const PartialBottle*> chain,
                     Chain(bottle));
    names.push_back(bottle.name);
    for (const PartialBottle* part : chain) {
      MergeBottle(*part, merged);
      if (std::find(files.begin(), files.end(), part->file) == files.end()) {
        files.push_back(part->file);
      }
    }
  }
  ASSIGN_OR_RETURN(manifest_.bottle, FinishBottle(merged, agent->git_user));
  manifest_.bottle.names = std::move(names);
  manifest_.bottle.files = std::move(files);
  manifest_.agent.name = request.agent;
  manifest_.agent.file = agent->file;
  manifest_.agent.skills = agent->skills;
  manifest_.agent.prompt = agent->prompt;
  manifest_.digest = ManifestDigest(manifest_.agent, manifest_.bottle);
  return std::move(manifest_);
}

}  // namespace

absl::StatusOr<Manifest> LoadManifest(const ManifestRequest& request,
                                      ManifestMemo& memo) {
  RETURN_IF_ERROR(CheckDirectories(request.home, request.cwd));
  if (!IsManifestName(request.agent)) {
    return ManifestBadName({}, "an agent", request.agent);
  }
  for (const std::string& name : request.bottles) {
    if (!IsManifestName(name)) {
      return ManifestBadName({}, "a bottle", name);
    }
  }
  return Loader(request, memo).Load(request);
}

absl::StatusOr<std::vector<std::string>> ListAgents(const std::string& home,
                                                    const std::string& cwd) {
  RETURN_IF_ERROR(CheckDirectories(home, cwd));
  return ListManifests(home, IsHome(home, cwd) ? "" : cwd,
                       ManifestKind::kAgent);
}

}  // namespace bottled
