#include "image/archive_index.h"

#include <algorithm>
#include <utility>

#include "base/status_macros.h"
#include "fmt/format.h"
#include "image/errors.h"
#include "image/json.h"
#include "image/layer_entry.h"
#include "image/reference.h"

namespace bottled {
namespace {

using nlohmann::json;

// An index in an index is all that engines write.
constexpr int kMaxIndexDepth = 4;
constexpr size_t kMaxImages = 1000;
constexpr size_t kMaxLayers = 10'000;

constexpr char kRefName[] = "org.opencontainers.image.ref.name";
constexpr char kContainerdName[] = "io.containerd.image.name";
constexpr char kSubject[] = "io.containerd.manifest.subject";
constexpr char kReferenceType[] = "vnd.docker.reference.type";

std::string TextOf(const json& value) {
  return value.is_string() ? value.get<std::string>() : "";
}

std::string BlobPath(const json& descriptor) {
  const absl::StatusOr<Digest> digest =
      Digest::Parse(TextOf(Member(descriptor, "digest")));
  return digest.ok() ? "blobs/sha256/" + digest->hex() : "";
}

// "alpine" and "docker.io/library/alpine:latest" are one name.
bool SameName(const std::string& a, const std::string& b) {
  if (a == b) {
    return true;
  }
  const absl::StatusOr<Reference> left = ParseNormalizedReference(a);
  const absl::StatusOr<Reference> right = ParseNormalizedReference(b);
  return left.ok() && right.ok() && left->ToString() == right->ToString();
}

bool AnyIs(const std::vector<std::string>& names,
           const std::string& reference) {
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
    return SameName(name, reference);
  });
}

std::string Listed(const std::vector<std::vector<std::string>>& images) {
  std::string text;
  for (const std::vector<std::string>& names : images) {
    text += text.empty() ? "" : ", ";
    text += names.empty() ? "(unnamed)" : names.front();
  }
  return text;
}

// Attestations and referrers are no images, though they look like manifests.
bool IsImage(const json& descriptor) {
  const json& annotations = Member(descriptor, "annotations");
  const json& platform = Member(descriptor, "platform");
  return Member(descriptor, "artifactType").is_null() &&
         Member(annotations, kSubject).is_null() &&
         Member(annotations, kReferenceType).is_null() &&
         TextOf(Member(platform, "os")) != "unknown";
}

bool Matches(const Platform& have, const Platform& want) {
  return have.os.empty() ||
         (have.os == want.os && have.architecture == want.architecture);
}

absl::StatusOr<std::string> PathIn(const json& value) {
  if (!value.is_string()) {
    return ArchiveInvalid("manifest.json names a member that is no string");
  }
  absl::StatusOr<std::string> path = NormalizePath(value.get<std::string>());
  if (!path.ok() || path->empty()) {
    return ArchiveInvalid("manifest.json names an unusable path");
  }
  return path;
}

}  // namespace

const ArchiveMember* ArchiveIndex::Find(const std::string& path) const {
  const auto it = members_.find(path);
  if (it == members_.end() || it->second.kind != ArchiveMember::Kind::kLink) {
    return it == members_.end() ? nullptr : &it->second;
  }
  const auto target = members_.find(it->second.target);
  // One hop is all that engines use, so a loop cannot occur.
  return target == members_.end() ||
                 target->second.kind == ArchiveMember::Kind::kLink
             ? nullptr
             : &target->second;
}

std::optional<json> ArchiveIndex::Document(const std::string& path) const {
  const ArchiveMember* const member = Find(path);
  if (member == nullptr || member->kind != ArchiveMember::Kind::kText) {
    return std::nullopt;
  }
  return ParseJson(member->text);
}

absl::StatusOr<SelectedImage> ArchiveIndex::Select(
    const std::string& reference, const Platform& platform) const {
  const std::optional<json> manifest = Document("manifest.json");
  if (manifest.has_value() && manifest->is_array() && !manifest->empty()) {
    return SelectDocker(*manifest, reference);
  }
  const std::optional<json> index = Document("index.json");
  if (index.has_value() && index->is_object()) {
    return SelectOci(*index, reference, platform);
  }
  return ArchiveNoImage("it has neither manifest.json nor index.json");
}

absl::StatusOr<SelectedImage> ArchiveIndex::SelectDocker(
    const json& manifest, const std::string& reference) const {
  std::vector<SelectedImage> found;
  std::vector<std::vector<std::string>> all;
  if (manifest.size() > kMaxImages) {
    return ArchiveInvalid("manifest.json lists too many images");
  }
  for (const json& item : manifest) {
    SelectedImage image;
    const json& layers = Member(item, "Layers");
    if (!item.is_object() ||
        !ReadTexts(Member(item, "RepoTags"), &image.names) ||
        !(layers.is_null() || layers.is_array()) ||
        layers.size() > kMaxLayers) {
      return ArchiveInvalid("manifest.json is malformed");
    }
    all.push_back(image.names);
    if (!reference.empty() && !AnyIs(image.names, reference)) {
      continue;
    }
    ASSIGN_OR_RETURN(image.config_path, PathIn(Member(item, "Config")));
    for (const json& layer : layers) {
      ASSIGN_OR_RETURN(std::string path, PathIn(layer));
      image.layer_paths.push_back(std::move(path));
    }
    found.push_back(std::move(image));
  }
  if (found.empty()) {
    return ArchiveNoImage(
        fmt::format("{} is not among {}", reference, Listed(all)));
  }
  if (found.size() > 1) {
    return ArchiveAmbiguous(Listed(all));
  }
  return std::move(found.front());
}

void ArchiveIndex::Collect(const json& index, int depth,
                           const std::vector<std::string>& names,
                           std::vector<Candidate>& out) const {
  const json& manifests = Member(index, "manifests");
  if (!manifests.is_array() || depth > kMaxIndexDepth) {
    return;
  }
  for (const json& descriptor : manifests) {
    if (!IsImage(descriptor) || out.size() >= kMaxImages) {
      continue;
    }
    std::vector<std::string> here = names;
    const json& annotations = Member(descriptor, "annotations");
    for (const char* key : {kContainerdName, kRefName}) {
      if (std::string name = TextOf(Member(annotations, key)); !name.empty()) {
        here.push_back(std::move(name));
      }
    }
    const std::string path = BlobPath(descriptor);
    const std::optional<json> document = Document(path);
    if (document.has_value() && Member(*document, "manifests").is_array()) {
      Collect(*document, depth + 1, here, out);
      continue;
    }
    const json& platform = Member(descriptor, "platform");
    out.push_back(
        {.manifest_path = path,
         .platform = {.os = TextOf(Member(platform, "os")),
                      .architecture = TextOf(Member(platform, "architecture")),
                      .variant = TextOf(Member(platform, "variant"))},
         .names = std::move(here)});
  }
}

absl::StatusOr<SelectedImage> ArchiveIndex::SelectOci(
    const json& index, const std::string& reference,
    const Platform& platform) const {
  std::vector<Candidate> candidates;
  Collect(index, 0, {}, candidates);
  std::vector<std::vector<std::string>> all;
  for (const Candidate& candidate : candidates) {
    all.push_back(candidate.names);
  }
  if (!reference.empty()) {
    std::erase_if(candidates, [&](const Candidate& candidate) {
      return !AnyIs(candidate.names, reference);
    });
  }
  if (candidates.empty()) {
    return ArchiveNoImage(
        reference.empty()
            ? std::string("index.json names no image")
            : fmt::format("{} is not among {}", reference, Listed(all)));
  }
  // A single image of another platform is taken here and refused later, with
  // the message that says so.
  if (candidates.size() > 1) {
    std::erase_if(candidates, [&](const Candidate& candidate) {
      return !Matches(candidate.platform, platform);
    });
    if (candidates.empty()) {
      return ArchiveNoImage("none is for " + platform.WithoutVariant());
    }
  }
  if (candidates.size() > 1) {
    return ArchiveAmbiguous(Listed(all));
  }
  const Candidate& chosen = candidates.front();
  const std::optional<json> manifest = Document(chosen.manifest_path);
  if (!manifest.has_value()) {
    return ArchiveIncomplete("the image manifest " + chosen.manifest_path);
  }
  SelectedImage image{.config_path = BlobPath(Member(*manifest, "config")),
                      .layer_paths = {},
                      .names = chosen.names};
  const json& layers = Member(*manifest, "layers");
  if (image.config_path.empty() || !layers.is_array() ||
      layers.size() > kMaxLayers) {
    return ArchiveInvalid("its image manifest is malformed");
  }
  for (const json& layer : layers) {
    image.layer_paths.push_back(BlobPath(layer));
    if (image.layer_paths.back().empty()) {
      return ArchiveInvalid("its image manifest names a layer by no digest");
    }
  }
  return image;
}

bool ArchiveIndex::LeadsTo(const Digest& id, const Digest& config) const {
  return id == config || LeadsTo(id, config, 0);
}

bool ArchiveIndex::LeadsTo(const Digest& id, const Digest& config,
                           int depth) const {
  const std::string path = "blobs/sha256/" + id.hex();
  const ArchiveMember* const member = Find(path);
  const std::optional<json> document = Document(path);
  if (member == nullptr || member->digest != id || !document.has_value() ||
      depth > kMaxIndexDepth) {
    return false;
  }
  if (TextOf(Member(Member(*document, "config"), "digest")) ==
      config.ToString()) {
    return true;
  }
  const json& manifests = Member(*document, "manifests");
  return manifests.is_array() &&
         std::any_of(manifests.begin(), manifests.end(),
                     [&](const json& descriptor) {
                       const absl::StatusOr<Digest> next =
                           Digest::Parse(TextOf(Member(descriptor, "digest")));
                       return next.ok() && LeadsTo(*next, config, depth + 1);
                     });
}

}  // namespace bottled
