#include "pack/assembly.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <span>
#include <utility>

#include "base/error.h"
#include "base/status_macros.h"
#include "pack/frame_file.h"
#include "pack/sidecar.h"
#include "platform/file_hints.h"

namespace bottled {
namespace {

constexpr size_t kChunkBytes = size_t{1} << 20;

}  // namespace

absl::StatusOr<std::unique_ptr<Assembly>> Assembly::Create(
    std::filesystem::path path, int spool_fd, const FramePool& pool) {
  Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file.valid()) {
    return ErrnoError(errno, "cannot create " + path.string());
  }
  return std::unique_ptr<Assembly>(
      new Assembly(std::move(path), std::move(file), spool_fd, pool));
}

Assembly::Assembly(std::filesystem::path path, Fd file, int spool_fd,
                   const FramePool& pool)
    : path_(std::move(path)),
      file_(std::move(file)),
      spool_fd_(spool_fd),
      pool_(pool),
      writer_(file_.get()) {}

Assembly::~Assembly() {
  if (!finished_) {
    ::unlink(path_.c_str());
  }
}

absl::Status Assembly::Append(int frame, bool last_use,
                              const CancelToken& cancel) {
  RETURN_IF_ERROR(cancel.Check());
  ASSIGN_OR_RETURN(const Frame spooled, pool_.Await(frame, cancel));
  const size_t end = used_ + spooled.size;
  if (chunk_.size() < end) {
    chunk_.resize(std::max(end, kChunkBytes));
  }
  PlacedFrame at{.offset = writer_.size() + static_cast<int64_t>(used_)};
  ASSIGN_OR_RETURN(at.crc32, ReadFrame(spool_fd_, spooled,
                                       std::span<char>(chunk_).subspan(
                                           used_, spooled.size)));
  crc32_ = JoinCrc32(crc32_, at.crc32, spooled.size);
  used_ = end;
  if (used_ >= kChunkBytes) {
    RETURN_IF_ERROR(Flush());
  }
  frames_.push_back(frame);
  raw_bytes_ += spooled.raw_size;
  placed_.emplace(frame, at);
  // The artifact grows as the spool shrinks.
  if (last_use && spooled.kept_fd < 0) {
    DiscardRange(spool_fd_, spooled.offset, spooled.size);
  }
  return absl::OkStatus();
}

absl::Status Assembly::Flush() {
  if (used_ == 0) {
    return absl::OkStatus();
  }
  chunk_.resize(std::exchange(used_, 0));
  RETURN_IF_ERROR(writer_.Write(std::move(chunk_), std::exchange(crc32_, 0)));
  chunk_ = writer_.TakeBuffer();
  return absl::OkStatus();
}

absl::StatusOr<Digest> Assembly::Finish(std::string manifest_json) {
  RETURN_IF_ERROR(Flush());
  Footer footer{.assets_size = writer_.size(),
                .manifest_size = static_cast<int64_t>(manifest_json.size())};
  RETURN_IF_ERROR(writer_.Write(std::move(manifest_json)));
  footer.crc32 = writer_.crc32();
  RETURN_IF_ERROR(writer_.Write(EncodeFooter(footer)));
  finished_ = true;
  return writer_.Finish();
}

}  // namespace bottled
