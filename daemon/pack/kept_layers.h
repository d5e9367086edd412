// KeptLayers: the directory layers/, with what packs leave of the layers of
// their images, so that a later pack of an image that shares them compresses
// only the others. One file per diff ID; kept_layer.h has its format.
//
// The name has the revision of the packer and of zstd, because frames of
// another one would not give the same bytes. All of it may go at any time: then
// layers are packed as if never seen. A file is of use as long as the artifact
// is there that has its frames.
//
// Thread-safe: it has no state but the directory, where files come and go by
// rename and unlink. All functions block on the disk.

#ifndef BOTTLED_PACK_KEPT_LAYERS_H_
#define BOTTLED_PACK_KEPT_LAYERS_H_

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "image/digest.h"
#include "pack/kept_layer.h"
#include "platform/fd.h"
#include "platform/places.h"

namespace bottled {

// A kept layer whose files are open: what it refers to stays readable, whoever
// removes it.
struct OpenKeptLayer {
  KeptLayer kept;
  std::shared_ptr<const Fd> artifact;
  std::shared_ptr<const Fd> own;
};

class KeptLayers {
 public:
  struct Options {
    // All files together.
    int64_t max_bytes = 0;
  };
  // Creates the directory, 0700 (UNSAFE_DIRECTORY), and removes what is of no
  // use, or too much.
  static absl::StatusOr<std::unique_ptr<KeptLayers>> Open(
      const Places& places, const Options& options);

  const Options& options() const { return options_; }

  // Those of `diff_ids` that are here, each once. A damaged file is removed and
  // left out, as is one whose artifact is gone.
  std::vector<OpenKeptLayer> Load(const std::vector<Digest>& diff_ids) const;

  // Has `write` fill a file in `stage_dir`, on the same file system, and puts
  // it into the place of `diff_id`. On an error nothing has changed. Whoever
  // has saved some calls KeepToLimit().
  absl::Status Save(const Digest& diff_id,
                    const std::filesystem::path& stage_dir,
                    const std::function<absl::Status(int fd)>& write) const;

  void Forget(const Digest& diff_id) const;

  // Trim(max_bytes), if there is more than that.
  void KeepToLimit() const;

  // Bytes of all files.
  int64_t Bytes() const;

  // Removes what is of no use, and then what was used least lately, until no
  // more than `max_bytes` are left. Returns the bytes that went.
  int64_t Trim(int64_t max_bytes) const;

 private:
  KeptLayers(Places places, const Options& options)
      : places_(std::move(places)), options_(options) {}

  std::filesystem::path Path(const Digest& diff_id) const;
  absl::StatusOr<OpenKeptLayer> LoadOne(
      const Digest& diff_id,
      std::map<Digest, std::shared_ptr<const Fd>>& artifacts) const;

  // Constant after construction.
  const Places places_;
  const Options options_;
};

}  // namespace bottled

#endif  // BOTTLED_PACK_KEPT_LAYERS_H_
