#include "pack/verifier.h"

#include <archive_entry.h>
#include <sys/stat.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/status_macros.h"
#include "fmt/format.h"
#include "image/layer_reader.h"
#include "image/tar_reader.h"
#include "image/tar_writer.h"
#include "image/unpack_source.h"
#include "pack/errors.h"
#include "pack/layer_check.h"
#include "platform/file.h"

namespace bottled {
namespace {

constexpr int64_t kReadBytes = int64_t{1} << 20;

// Reads a range of the file front to back and keeps both checksums.
class CheckedSource : public ByteSource {
 public:
  CheckedSource(int fd, const CancelToken& cancel,
                const std::function<void(int64_t)>& progress)
      : fd_(fd),
        cancel_(cancel),
        progress_(progress),
        buffer_(static_cast<size_t>(kReadBytes)) {}

  void SetEnd(int64_t end) { end_ = end; }

  absl::StatusOr<std::string_view> Next() override {
    RETURN_IF_ERROR(cancel_.Check());
    const int64_t size = std::min(kReadBytes, end_ - position_);
    const std::span<char> out(buffer_.data(), static_cast<size_t>(size));
    RETURN_IF_ERROR(PreadAll(fd_, out, position_));
    position_ += size;
    const std::string_view block(out.data(), out.size());
    crc32_ = static_cast<uint32_t>(crc32_z(
        crc32_, reinterpret_cast<const Bytef*>(block.data()), block.size()));
    hasher_.Update(block);
    if (progress_ != nullptr) {
      progress_(position_);
    }
    return block;
  }

  absl::StatusOr<std::string> ReadRest() {
    std::string text;
    while (true) {
      ASSIGN_OR_RETURN(const std::string_view block, Next());
      if (block.empty()) {
        return text;
      }
      text.append(block);
    }
  }

  absl::Status Skip() {
    while (position_ < end_) {
      RETURN_IF_ERROR(Next().status());
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
  int64_t end_ = 0;
  uint32_t crc32_ = 0;
  Sha256 hasher_;
};

// The content of a tar's current member.
class MemberSource : public ByteSource {
 public:
  explicit MemberSource(TarReader& tar) : tar_(tar) {}

  absl::StatusOr<std::string_view> Next() override {
    const std::string_view block = tar_.NextBlock();
    RETURN_IF_ERROR(tar_.source_status());
    if (tar_.problem() != nullptr) {
      return SidecarInvalidError(tar_.problem()->text);
    }
    return block;
  }

 private:
  TarReader& tar_;
};

// What is wrong inside of a layer makes the sidecar invalid; failures of the
// disk and cancellation stay what they are.
absl::Status AsSidecarProblem(const absl::Status& status) {
  if (HasReason(status, "LAYER_INVALID") ||
      HasReason(status, "LAYER_TRUNCATED") ||
      HasReason(status, "IMAGE_TOO_LARGE")) {
    return SidecarInvalidError(std::string(status.message()));
  }
  return status;
}

bool IsSmolvmAsset(std::string_view name) {
  return name == "agent-rootfs.tar" || name == "storage.ext4" ||
         name == "layers" || name == "layers/";
}

struct DeepResult {
  std::string layer_name;
  int64_t layer_bytes = -1;
  int64_t entry_count = 0;
  int64_t decoded = 0;
};

absl::StatusOr<DeepResult> WalkAssets(CheckedSource& file,
                                      const CancelToken& cancel) {
  DecompressSource decoded(file, BlobKind::kZstd);
  TarReader tar(decoded);
  DeepResult result;
  while (tar.Next()) {
    const char* const raw = archive_entry_pathname(tar.entry());
    const std::string name = raw == nullptr ? "" : raw;
    if (IsSmolvmAsset(name)) {
      continue;
    }
    if (!result.layer_name.empty() ||
        archive_entry_filetype(tar.entry()) != AE_IFREG) {
      return SidecarInvalidError("its assets hold an unexpected member");
    }
    result.layer_name = name;
    MemberSource member(tar);
    PeekSource layer(member);
    ASSIGN_OR_RETURN(const std::string_view head, layer.Peek(kTarBlock));
    if (SniffBlob(head) != BlobKind::kTar) {
      return SidecarInvalidError("its layer is not a tar");
    }
    LayerCheck check;
    LayerBudget budget;
    ASSIGN_OR_RETURN(const LayerInfo info,
                     ReadLayer(layer, budget, check, cancel));
    result.layer_bytes = info.unpacked_bytes;
    result.entry_count = check.entry_count();
  }
  RETURN_IF_ERROR(tar.source_status());
  if (tar.problem() != nullptr) {
    return SidecarInvalidError(tar.problem()->text);
  }
  const int64_t end = tar.header_offset();
  RETURN_IF_ERROR(tar.Drain());
  if (tar.bytes_taken() - end < kTarEndBytes) {
    return SidecarInvalidError("its assets end without an end mark");
  }
  result.decoded = tar.bytes_taken();
  return result;
}

absl::StatusOr<Footer> ReadFooter(int fd, int64_t file_size) {
  if (file_size < kFooterBytes) {
    return SidecarInvalidError("it is shorter than a footer");
  }
  std::string bytes(kFooterBytes, '\0');
  RETURN_IF_ERROR(
      PreadAll(fd, std::span<char>(bytes), file_size - kFooterBytes));
  return DecodeFooter(bytes, file_size);
}

}  // namespace

absl::StatusOr<SidecarReport> VerifySidecar(
    int fd, VerifyDepth depth, const CancelToken& cancel,
    const std::function<void(int64_t bytes)>& progress) {
  struct stat info{};
  if (::fstat(fd, &info) != 0) {
    return ErrnoError(errno, "cannot examine the artifact");
  }
  const int64_t file_size = info.st_size;
  ASSIGN_OR_RETURN(const Footer footer, ReadFooter(fd, file_size));
  if (footer.manifest_size > kMaxManifestBytes) {
    return SidecarInvalidError("its manifest is larger than 16 MiB");
  }
  CheckedSource file(fd, cancel, progress);
  file.SetEnd(footer.assets_size);
  DeepResult deep;
  if (depth == VerifyDepth::kDeep) {
    absl::StatusOr<DeepResult> walked = WalkAssets(file, cancel);
    if (!walked.ok()) {
      return AsSidecarProblem(walked.status());
    }
    deep = *std::move(walked);
  }
  RETURN_IF_ERROR(file.Skip());
  file.SetEnd(footer.assets_size + footer.manifest_size);
  ASSIGN_OR_RETURN(const std::string manifest, file.ReadRest());
  if (file.crc32() != footer.crc32) {
    return ChecksumMismatchError(
        fmt::format("its CRC-32 is {:08x} and should be {:08x}", file.crc32(),
                    footer.crc32));
  }
  SidecarReport report;
  ASSIGN_OR_RETURN(report.manifest, DecodeManifest(manifest));
  if (depth == VerifyDepth::kDeep &&
      (deep.layer_bytes != report.manifest.layer_size ||
       deep.layer_name !=
           fmt::format("layers/{}.tar", report.manifest.layer_digest.hex()))) {
    return SidecarInvalidError("its layer is not the one that it promises");
  }
  file.SetEnd(file_size);
  RETURN_IF_ERROR(file.Skip());
  report.digest = file.Finish();
  report.bytes_read = file.position();
  report.bytes_decoded = deep.decoded;
  report.entry_count = deep.entry_count;
  return report;
}

}  // namespace bottled
