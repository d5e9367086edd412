// Reads the tar of a container's file system as if it were an image's only
// layer.
//
// A last resort for an image that its engine cannot save any more: nothing in
// it can be compared with a digest, engines leave files out in silence, and
// some files of /etc are not the image's (docker.md §3.2).

#ifndef BOTTLED_IMAGE_EXPORT_READER_H_
#define BOTTLED_IMAGE_EXPORT_READER_H_

#include "absl/status/statusor.h"
#include "base/cancel.h"
#include "image/archive_reader.h"
#include "image/byte_source.h"
#include "image/config.h"
#include "image/limits.h"

namespace bottled {

// `config` is the image's, as the engine tells it; the result has it with one
// diff ID, that of the tar. An empty tar is LAYER_INVALID: engines answer so
// when they cannot read a thing. Reasons LAYER_INVALID, LAYER_TRUNCATED,
// IMAGE_TOO_LARGE, CANCELLED, or what source and consumer return.
absl::StatusOr<ArchiveImage> ReadExport(ByteSource& source,
                                        const ImageConfig& config,
                                        const ImageLimits& limits,
                                        LayerConsumer& consumer,
                                        const ByteProgress& progress,
                                        const CancelToken& cancel);

}  // namespace bottled

#endif  // BOTTLED_IMAGE_EXPORT_READER_H_
