#include "image/archive_index.h"

#include <algorithm>
#include <set>
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
// Descriptors that are looked at, so that an index cannot keep us busy.
constexpr int kMaxDescriptors = 10'000;
// Names of one image; more are left out.
constexpr size_t kMaxNames = 100;
constexpr size_t kMaxNameBytes = 512;
constexpr size_t kMaxLayers = 10'000;

constexpr char kRefName[] = "org.opencontainers.image.ref.name";
constexpr char kContainerdName[] = "io.containerd.image.name";
constexpr char kSubject[] = "io.containerd.manifest.subject";
constexpr char kReferenceType[] = "vnd.docker.reference.type";

std::string TextOf(const json& value) {
  return value.is_string() ? value.get<std::string>() : "";
}

std::string BlobPath(const Digest& digest) {
  return "blobs/sha256/" + digest.hex();
}

// Empty when the descriptor has none.
Digest DigestOf(const json& descriptor) {
  return Digest::Parse(TextOf(Member(descriptor, "digest"))).value_or(Digest());
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
  return TextOf(Member(descriptor, "artifactType")).empty() &&
         Member(annotations, kSubject).is_null() &&
         Member(annotations, kReferenceType).is_null() &&
         TextOf(Member(platform, "os")) != "unknown";
}

Platform ReadPlatform(const json& value) {
  return {.os = TextOf(Member(value, "os")),
          .architecture = TextOf(Member(value, "architecture")),
          .variant = TextOf(Member(value, "variant"))};
}

std::string VariantOf(const Platform& platform) {
  // arm64 has one variant, which is often left out.
  return platform.architecture == "arm64" && platform.variant.empty()
             ? "v8"
             : platform.variant;
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

// Adds names to what is known already; false when it is not.
template <typename T>
bool AddNames(std::vector<T>& known, const Digest& digest,
              const std::vector<std::string>& names) {
  const auto same =
      std::find_if(known.begin(), known.end(),
                   [&](const T& have) { return have.digest == digest; });
  if (same == known.end()) {
    return false;
  }
  const size_t room = kMaxNames - std::min(kMaxNames, same->names.size());
  same->names.insert(same->names.end(), names.begin(),
                     names.begin() + std::min(room, names.size()));
  return true;
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

absl::StatusOr<json> ArchiveIndex::Blob(const Digest& digest) const {
  const ArchiveMember* const member = Find(BlobPath(digest));
  if (digest.empty() || member == nullptr ||
      member->kind != ArchiveMember::Kind::kText) {
    return json();
  }
  if (member->digest != digest) {
    return DigestMismatch("The blob " + BlobPath(digest), digest,
                          member->digest);
  }
  return ParseJson(member->text).value_or(json());
}

absl::StatusOr<SelectedImage> ArchiveIndex::Select(
    const std::string& reference, const Platform& platform) const {
  const std::optional<json> manifest = Document("manifest.json");
  if (manifest.has_value() && manifest->is_array() && !manifest->empty()) {
    return SelectDocker(*manifest, reference);
  }
  // Without an image dockerd writes null, or no file at all.
  if (Find("manifest.json") != nullptr &&
      !(manifest.has_value() && manifest->empty())) {
    return ArchiveInvalid("manifest.json is malformed or too large");
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

Platform ArchiveIndex::PlatformOf(const json& descriptor,
                                  const json& manifest) const {
  Platform platform = ReadPlatform(Member(descriptor, "platform"));
  if (platform.os.empty()) {
    const absl::StatusOr<json> config =
        Blob(DigestOf(Member(manifest, "config")));
    platform = ReadPlatform(config.ok() ? *config : json());
  }
  return platform;
}

absl::StatusOr<std::vector<ArchiveIndex::Candidate>> ArchiveIndex::Collect(
    const json& index) const {
  std::vector<Candidate> found;
  std::vector<Pending> pending = {{.index = index}};
  int seen = 0;
  for (size_t i = 0; i < pending.size(); ++i) {
    // `pending` grows; the digest stays, to know the index again.
    Pending next = pending[i];
    pending[i].index = nullptr;
    const json& manifests = Member(next.index, "manifests");
    if (!manifests.is_array()) {
      continue;
    }
    for (const json& descriptor : manifests) {
      if (++seen > kMaxDescriptors || found.size() > kMaxImages) {
        return ArchiveInvalid("its indexes list too many images");
      }
      if (!IsImage(descriptor)) {
        continue;
      }
      std::vector<std::string> names = next.names;
      for (const char* key : {kContainerdName, kRefName}) {
        std::string name =
            TextOf(Member(Member(descriptor, "annotations"), key));
        if (!name.empty() && name.size() <= kMaxNameBytes &&
            names.size() < kMaxNames) {
          names.push_back(std::move(name));
        }
      }
      const Digest digest = DigestOf(descriptor);
      // Several names may lead to one image; it is looked into once.
      if (AddNames(pending, digest, names) || AddNames(found, digest, names)) {
        continue;
      }
      ASSIGN_OR_RETURN(json document, Blob(digest));
      if (!Member(document, "manifests").is_array()) {
        Platform platform = PlatformOf(descriptor, document);
        found.push_back({.digest = digest,
                         .manifest = std::move(document),
                         .platform = std::move(platform),
                         .names = std::move(names)});
      } else {
        // One that is too deep is remembered, so as not to be read again.
        const bool deep = next.depth >= kMaxIndexDepth;
        pending.push_back({.digest = digest,
                           .index = deep ? json() : std::move(document),
                           .depth = next.depth + 1,
                           .names = std::move(names)});
      }
    }
  }
  return found;
}

absl::StatusOr<SelectedImage> ArchiveIndex::SelectOci(
    const json& index, const std::string& reference,
    const Platform& platform) const {
  ASSIGN_OR_RETURN(std::vector<Candidate> candidates, Collect(index));
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
      return candidate.platform.WithoutVariant() != platform.WithoutVariant();
    });
    if (candidates.empty()) {
      return ArchiveNoImage("none is for " + platform.WithoutVariant());
    }
  }
  const auto same_variant = [&](const Candidate& candidate) {
    return VariantOf(candidate.platform) == VariantOf(platform);
  };
  if (candidates.size() > 1 &&
      std::any_of(candidates.begin(), candidates.end(), same_variant)) {
    std::erase_if(candidates, [&](const Candidate& candidate) {
      return !same_variant(candidate);
    });
  }
  if (candidates.size() > 1) {
    return ArchiveAmbiguous(Listed(all));
  }
  return FromManifest(candidates.front());
}

absl::StatusOr<SelectedImage> ArchiveIndex::FromManifest(
    const Candidate& chosen) {
  if (chosen.manifest.is_null()) {
    return ArchiveIncomplete("the image manifest " + BlobPath(chosen.digest));
  }
  const Digest config = DigestOf(Member(chosen.manifest, "config"));
  const json& layers = Member(chosen.manifest, "layers");
  if (config.empty() || !layers.is_array() || layers.size() > kMaxLayers) {
    return ArchiveInvalid("its image manifest is malformed");
  }
  SelectedImage image{.config_path = BlobPath(config),
                      .layer_paths = {},
                      .names = chosen.names};
  for (const json& layer : layers) {
    const Digest digest = DigestOf(layer);
    if (digest.empty()) {
      return ArchiveInvalid("its image manifest names a layer by no digest");
    }
    image.layer_paths.push_back(BlobPath(digest));
  }
  return image;
}

bool ArchiveIndex::LeadsTo(const Digest& id, const Digest& config) const {
  std::set<Digest> known = {id};
  std::vector<Digest> pending = {id};
  while (!pending.empty() && known.size() < kMaxDescriptors) {
    const Digest next = std::move(pending.back());
    pending.pop_back();
    if (next == config) {
      return true;
    }
    const absl::StatusOr<json> document = Blob(next);
    if (!document.ok()) {
      continue;
    }
    const auto add = [&](const json& descriptor) {
      if (Digest digest = DigestOf(descriptor);
          !digest.empty() && known.insert(digest).second) {
        pending.push_back(std::move(digest));
      }
    };
    add(Member(*document, "config"));
    if (const json& manifests = Member(*document, "manifests");
        manifests.is_array()) {
      std::for_each(manifests.begin(), manifests.end(), add);
    }
  }
  return false;
}

}  // namespace bottled
