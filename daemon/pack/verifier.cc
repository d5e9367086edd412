#include "pack/verifier.h"

#include <zlib.h>

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "fmt/format.h"
#include "pack/assets_check.h"
#include "pack/errors.h"
#include "pack/sidecar_ends.h"
#include "platform/file.h"

namespace bottled {
namespace {

constexpr int64_t kReadBytes = int64_t{1} << 20;

// Reads the file front to back and keeps both checksums.
class CheckedReader {
 public:
  CheckedReader(int fd, int64_t file_size, const CancelToken& cancel,
                const std::function<void(int64_t)>& progress)
      : fd_(fd),
        cancel_(cancel),
        progress_(progress),
        buffer_(static_cast<size_t>(std::min(kReadBytes, file_size))) {}

  // The next block, not beyond `end`.
  absl::StatusOr<std::string_view> Next(int64_t end) {
    RETURN_IF_ERROR(cancel_.Check());
    const int64_t size = std::min(kReadBytes, end - position_);
    const std::span<char> out(buffer_.data(), static_cast<size_t>(size));
    RETURN_IF_ERROR(PreadAll(fd_, out, position_));
    position_ += size;
    crc32_ = static_cast<uint32_t>(crc32_z(
        crc32_, reinterpret_cast<const Bytef*>(out.data()), out.size()));
    const std::string_view block(out.data(), out.size());
    hasher_.Update(block);
    if (progress_ != nullptr) {
      progress_(position_);
    }
    return block;
  }

  absl::Status Skip(int64_t end) {
    while (position_ < end) {
      RETURN_IF_ERROR(Next(end).status());
    }
    return absl::OkStatus();
  }

  uint32_t crc32() const { return crc32_; }
  int64_t position() const { return position_; }
  Digest Finish() { return hasher_.Finish(); }

 private:
  const int fd_;
  const CancelToken& cancel_;
  const std::function<void(int64_t)>& progress_;
  std::vector<char> buffer_;
  int64_t position_ = 0;
  uint32_t crc32_ = 0;
  Sha256 hasher_;
};

}  // namespace

absl::StatusOr<SidecarReport> VerifySidecar(
    int fd, VerifyDepth depth, const CancelToken& cancel,
    const std::function<void(int64_t bytes)>& progress) {
  // What the assets must hold is known before they are read; the second reading
  // below counts towards the checksums.
  ASSIGN_OR_RETURN(const SidecarEnds ends, ReadSidecarEnds(fd));
  const Footer& footer = ends.footer;
  const absl::StatusOr<SidecarManifest> manifest =
      DecodeManifest(ends.manifest_json);
  absl::Status problem = manifest.status();

  std::optional<AssetsCheck> deep;
  if (depth == VerifyDepth::kDeep && manifest.ok()) {
    deep.emplace(LayerPath(manifest->layer_digest), manifest->layer_size);
  }
  CheckedReader file(fd, ends.file_size, cancel, progress);
  while (file.position() < footer.assets_size) {
    ASSIGN_OR_RETURN(const std::string_view block,
                     file.Next(footer.assets_size));
    if (deep.has_value() && problem.ok()) {
      problem = deep->Feed(block);
    }
  }
  if (deep.has_value() && problem.ok()) {
    problem = deep->Finish();
  }
  RETURN_IF_ERROR(file.Skip(footer.assets_size + footer.manifest_size));
  // Damage is said before what it makes of the content.
  if (file.crc32() != footer.crc32) {
    return ChecksumMismatchError(
        fmt::format("its CRC-32 is {:08x} and should be {:08x}", file.crc32(),
                    footer.crc32));
  }
  RETURN_IF_ERROR(problem);
  RETURN_IF_ERROR(file.Skip(ends.file_size));
  SidecarReport report{.manifest = *manifest,
                       .digest = file.Finish(),
                       .bytes_read = file.position()};
  if (deep.has_value()) {
    report.bytes_decoded = deep->bytes_decoded();
    report.entry_count = deep->entry_count();
  }
  return report;
}

}  // namespace bottled
