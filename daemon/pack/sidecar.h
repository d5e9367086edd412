// The `.smolmachine` sidecar: a zstd-compressed tar of assets, a JSON manifest
// and a 64-byte footer. Everything here is what smolvm 1.32.2 writes and reads
// (measured), see docs/format.md.
//
//   [assets: zstd frames][manifest: JSON][footer: 64 bytes]
//
// The assets, decompressed, are a tar with the directory "layers/" and one
// member "layers/<64 hex>.tar": the flattened image.

#ifndef BOTTLED_PACK_SIDECAR_H_
#define BOTTLED_PACK_SIDECAR_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "image/config.h"
#include "image/content_key.h"
#include "image/digest.h"

namespace bottled {

inline constexpr int64_t kFooterBytes = 64;
// smolvm refuses larger manifests (measured).
inline constexpr int64_t kMaxManifestBytes = int64_t{16} << 20;

// Where the flattened image is in the assets: "layers/<64 hex>.tar".
std::string LayerPath(const Digest& layer_digest);

// All numbers little-endian: "SMOLPACK", u32 version, u64 stub size, u64 assets
// offset, u64 assets size, u64 manifest offset, u64 manifest size, u32 CRC-32
// of [0, assets + manifest), 8 zero bytes.
struct Footer {
  int64_t assets_size = 0;
  int64_t manifest_size = 0;
  uint32_t crc32 = 0;
};

// 64 bytes, version 1, stub size and assets offset 0.
std::string EncodeFooter(const Footer& footer);

// Strict: exactly what EncodeFooter() writes for a file of `file_size` bytes,
// no slack, no overflow. Reason SIDECAR_INVALID.
absl::StatusOr<Footer> DecodeFooter(std::string_view bytes, int64_t file_size);

// The fields of the manifest that vary.
struct SidecarManifest {
  // What smolvm calls a local archive: "local:" + hex of the config digest, so
  // that the bytes do not depend on a tag.
  std::string image;
  Digest config_digest;
  std::string platform;  // "linux/amd64", never with a variant
  std::vector<std::string> entrypoint;
  std::vector<std::string> cmd;
  std::vector<std::string> env;
  std::string workdir;  // left out of the JSON when empty
  std::string user;     // left out of the JSON when empty
  int cpus = 4;
  int memory_mib = 8192;
  std::string created;  // RFC 3339
  std::string smolvm_version;
  Digest layer_digest;
  int64_t layer_size = 0;

  bool operator==(const SidecarManifest&) const = default;
};

// smolvm keeps owners and modes only for versions ≥ 1.8.1; the build metadata
// names the packer: "1.32.2+bottled.<revision>".
std::string SmolvmVersionField(int revision);

// Fills a manifest from an image. A missing creation time becomes the epoch.
SidecarManifest MakeManifest(const ImageConfig& config,
                             const Digest& config_digest,
                             const PackOptions& options,
                             const Digest& layer_digest, int64_t layer_size);

// Deterministic JSON: fixed member order, two-space indent, no null. Invalid
// UTF-8 in an image's strings is an error (reason UNPACKABLE), since smolvm
// refuses such a manifest, as is a manifest above 16 MiB.
absl::StatusOr<std::string> EncodeManifest(const SidecarManifest& manifest);

// Strict reader of any manifest that smolvm would take and we could serve: the
// required members with their types, no duplicates, no byte order mark, exactly
// one layer, at layers/<its digest>.tar, no secret references, no checkpoint.
// Unknown members are skipped, as smolvm does, and members that it leaves out
// take its defaults. A `digest` of "packed", smolvm's own word for archives,
// gives an empty config_digest. Reason SIDECAR_INVALID.
absl::StatusOr<SidecarManifest> DecodeManifest(std::string_view json);

}  // namespace bottled

#endif  // BOTTLED_PACK_SIDECAR_H_
