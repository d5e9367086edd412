// Reads a whole image archive in one pass: `docker save` of any engine, or a
// tar of an OCI layout. Nothing is assumed about the order of its members:
// manifest.json usually comes last, so every blob is looked into as it passes
// and matched with the manifest at the end.
//
// Layouts (measured on dockerd 20.10.24, 29.7.2 with both stores, podman
// 4.3.1): <id>/layer.tar with <config>.json, blobs/sha256/*, <diff id>.tar with
// links. Duplicate layers may be symbolic or hard links to a member that comes
// before or after. The whole archive may be compressed with gzip or zstd, as
// `docker load` takes it.
//
// An answer of 200, a clean end of the stream and a well-formed tar prove
// nothing: engines were seen to leave out layers in silence. So reading
// succeeds only when the tar's end marker was seen with nothing but zeros
// behind it, one manifest names one image, its config and every layer are
// present, each layer's unpacked SHA-256 is the diff ID that the config names,
// the counts agree, and everything agrees with what the caller expects.
//
// One exception: where the caller expects one image ID and its layers, reading
// succeeds as soon as the last member was read and all of that agrees, because
// no later byte could change it. dockerd 20.10 first removes its temporary copy
// of the image, half a second for 2.5 GB, and then ends its answer.

#ifndef BOTTLED_IMAGE_ARCHIVE_READER_H_
#define BOTTLED_IMAGE_ARCHIVE_READER_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/cancel.h"
#include "image/byte_source.h"
#include "image/config.h"
#include "image/digest.h"
#include "image/layer_blob.h"
#include "image/layer_reader.h"
#include "image/limits.h"

namespace bottled {

// Takes the layers of an archive, one after the other.
class LayerConsumer {
 public:
  virtual ~LayerConsumer() = default;

  // A blob that may be a layer begins. The visitor is owned by the consumer and
  // lives until the matching EndLayer().
  virtual absl::StatusOr<EntryVisitor*> BeginLayer() = 0;

  // It ended. `valid` false: it was no layer after all, forget it. Else returns
  // a handle by which ArchiveImage::layers refers to it.
  virtual absl::StatusOr<int> EndLayer(bool valid) = 0;

  // What EndLayer() gave `handle` to, in full.
  virtual void Identify(int /*handle*/, const LayerBlob& /*blob*/) {}

  // The blob that a consumer expects when it sees this size and head, if it
  // knows the layer in it already: then the bytes are only hashed, and if they
  // are what was expected, TakeKnown() gives the handle. Instead of
  // BeginLayer() to Identify(). The pointer is valid until TakeKnown().
  virtual const LayerBlob* Recognise(int64_t /*stored_bytes*/,
                                     const Digest& /*head*/) {
    return nullptr;
  }
  virtual absl::StatusOr<int> TakeKnown(const LayerBlob& /*known*/) {
    return -1;
  }
};

struct ArchiveOptions {
  // Selects an image by name when the archive holds several. As a user types
  // it; compared in normalised form with RepoTags and OCI ref names.
  std::string reference;
  // The platform to take from an index of several.
  Platform platform;
  ImageLimits limits;

  // From identify; empty for archives of unknown content.
  std::vector<Digest> expected_diff_ids;
  // The engine's image ID. Accepted when it is the SHA-256 of the config, of
  // the image manifest, or of an index that leads to the manifest.
  std::optional<Digest> expected_id;
};

struct ArchiveImage {
  ImageConfig config;
  Digest config_digest;
  // Handles from LayerConsumer, bottom first, as many as config.diff_ids. A
  // layer that occurs twice has the same handle twice.
  std::vector<int> layers;
  // Names that the archive gives the image; may be empty.
  std::vector<std::string> names;
  int64_t bytes_read = 0;
};

// Bytes taken from the source so far. Called often: must be cheap.
using ByteProgress = std::function<void(int64_t bytes)>;

// Errors: ARCHIVE_TRUNCATED, ARCHIVE_INVALID, ARCHIVE_INCOMPLETE (a named blob
// is missing), ARCHIVE_AMBIGUOUS, ARCHIVE_NO_IMAGE, DIGEST_MISMATCH,
// IMAGE_CHANGED (not what was expected), LAYER_…, IMAGE_TOO_LARGE,
// BAD_IMAGE_CONFIG, KNOWN_LAYER_DIFFERS (a blob is not what the consumer took
// it for: read again with one that recognises nothing), ENGINE_STREAM_ERROR
// (the engine appended a JSON error; its text is in the message), CANCELLED, or
// what source and consumer return. Layers that no selected image uses are
// dropped by the caller: their handles do not occur in the result.
absl::StatusOr<ArchiveImage> ReadArchive(ByteSource& source,
                                         const ArchiveOptions& options,
                                         LayerConsumer& consumer,
                                         const ByteProgress& progress,
                                         const CancelToken& cancel);

}  // namespace bottled

#endif  // BOTTLED_IMAGE_ARCHIVE_READER_H_
