// What an archive was found to hold, and which image of it is meant. Private to
// image/.

#ifndef BOTTLED_IMAGE_ARCHIVE_INDEX_H_
#define BOTTLED_IMAGE_ARCHIVE_INDEX_H_

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "image/digest.h"
#include "image/platform.h"
#include "nlohmann/json.hpp"

namespace bottled {

// One member of the outer archive.
struct ArchiveMember {
  enum class Kind { kOther, kText, kLayer, kLink };
  Kind kind = Kind::kOther;
  // kText: the bytes and their SHA-256. kLayer: the diff ID.
  std::string text;
  Digest digest;
  // kLayer: the consumer's handle, or why it is no layer.
  int handle = -1;
  absl::Status problem;
  // kLink: the member that is meant, in normalised form.
  std::string target;
};

// Where the parts of one image are.
struct SelectedImage {
  std::string config_path;
  std::vector<std::string> layer_paths;  // bottom first
  std::vector<std::string> names;
};

// Not thread-safe.
class ArchiveIndex {
 public:
  // Of two members with one path the later one counts.
  void Add(const std::string& path, ArchiveMember member) {
    members_[path] = std::move(member);
  }

  // The member at `path`, links followed one hop; nullptr when there is none.
  const ArchiveMember* Find(const std::string& path) const;

  // Chooses the image: by manifest.json when it names one, else by index.json.
  // `reference` and `platform` as in ArchiveOptions.
  absl::StatusOr<SelectedImage> Select(const std::string& reference,
                                       const Platform& platform) const;

  // True when `id` is `config`, or names a manifest or an index in the archive
  // that leads to `config`.
  bool LeadsTo(const Digest& id, const Digest& config) const;

 private:
  struct Candidate {
    Digest digest;            // of the manifest
    nlohmann::json manifest;  // null: the archive lacks it
    Platform platform;        // empty when neither index nor config says
    std::vector<std::string> names;
  };
  // An index that waits to be looked into, with the names that it goes by.
  struct Pending {
    Digest digest;  // empty for index.json itself
    nlohmann::json index;
    int depth = 0;
    std::vector<std::string> names;
  };

  std::optional<nlohmann::json> Document(const std::string& path) const;
  // A JSON blob whose SHA-256 is what its name says; null when there is none.
  absl::StatusOr<nlohmann::json> Blob(const Digest& digest) const;
  absl::StatusOr<SelectedImage> SelectDocker(
      const nlohmann::json& manifest, const std::string& reference) const;
  absl::StatusOr<SelectedImage> SelectOci(const nlohmann::json& index,
                                          const std::string& reference,
                                          const Platform& platform) const;
  absl::StatusOr<std::vector<Candidate>> Collect(
      const nlohmann::json& index) const;
  static absl::StatusOr<SelectedImage> FromManifest(const Candidate& chosen);
  Platform PlatformOf(const nlohmann::json& descriptor,
                      const nlohmann::json& manifest) const;

  std::map<std::string, ArchiveMember> members_;
};

}  // namespace bottled

#endif  // BOTTLED_IMAGE_ARCHIVE_INDEX_H_
