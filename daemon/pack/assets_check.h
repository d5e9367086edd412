// AssetsCheck: decodes and walks the assets of a sidecar as they are pushed:
// zstd frames, the tar in them, the one layer in that. Private to the verifier.

#ifndef BOTTLED_PACK_ASSETS_CHECK_H_
#define BOTTLED_PACK_ASSETS_CHECK_H_

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "pack/assets_decoder.h"
#include "pack/layer_check.h"
#include "pack/tar_scanner.h"

namespace bottled {

// Not thread-safe. Memory: 128 MiB for the largest window that is allowed, and
// what LayerCheck needs.
class AssetsCheck {
 public:
  // The member that must hold the layer, and its size.
  AssetsCheck(std::string layer_path, int64_t layer_size);
  AssetsCheck(const AssetsCheck&) = delete;
  AssetsCheck& operator=(const AssetsCheck&) = delete;

  // The next bytes of the assets. SIDECAR_INVALID; no further call after it.
  absl::Status Feed(std::string_view bytes);

  // They are over: SIDECAR_INVALID unless everything was complete.
  absl::Status Finish();

  int64_t bytes_decoded() const { return decoder_.bytes_decoded(); }
  int64_t entry_count() const { return layer_check_.entry_count(); }

 private:
  absl::Status OnMember(const TarMember& member);
  absl::Status OnData(std::string_view data);

  // Constant after construction.
  const std::string layer_path_;
  const int64_t layer_size_;

  TarScanner assets_;
  std::set<std::string, std::less<>> names_;
  bool in_layer_ = false;
  bool layer_seen_ = false;
  LayerCheck layer_check_;
  TarScanner layer_;
  AssetsDecoder decoder_;
};

}  // namespace bottled

#endif  // BOTTLED_PACK_ASSETS_CHECK_H_
