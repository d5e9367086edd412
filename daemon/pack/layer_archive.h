// From one of our own sidecars to the archive that smolvm's packer takes: a
// `docker save` tar with the flattened image as its only layer. One layer,
// because smolvm's own merge of several keeps what opaque directories hide and
// joins hard links across layers (measured on 1.32.2).

#ifndef BOTTLED_PACK_LAYER_ARCHIVE_H_
#define BOTTLED_PACK_LAYER_ARCHIVE_H_

#include <cstdint>
#include <filesystem>
#include <functional>

#include "absl/status/status.h"
#include "base/cancel.h"
#include "image/config.h"

namespace bottled {

// Decodes the sidecar at `sidecar`, which this process wrote (NativePacker),
// and writes `archive`, a new file of mode 0644: smolvm reads it as another
// user when it is run by root (boot.md). Members: the layer `<diff id>.tar`,
// its config `<digest>.json` with the env, command, user and working directory
// of `config`, and manifest.json. Deterministic. On error no file is left.
// `progress` hears of the layer's bytes. Blocks; memory below 16 MiB. Reasons
// SIDECAR_INVALID, UNPACKABLE (a `config` that is no UTF-8, which NativePacker
// would have refused), NO_SPACE, IO_ERROR, CANCELLED.
absl::Status WriteLayerArchive(
    const std::filesystem::path& sidecar, const ImageConfig& config,
    const std::filesystem::path& archive,
    const std::function<void(int64_t done, int64_t total)>& progress,
    const CancelToken& cancel);

}  // namespace bottled

#endif  // BOTTLED_PACK_LAYER_ARCHIVE_H_
