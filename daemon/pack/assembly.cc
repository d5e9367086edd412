#include "pack/assembly.h"

#include <fcntl.h>
#include <unistd.h>

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

// So much is read before the system is told to forget it.
constexpr int64_t kDropBytes = int64_t{16} << 20;

}  // namespace

absl::StatusOr<std::unique_ptr<Assembly>> Assembly::Create(
    std::filesystem::path path, int spool_fd, const FramePool& pool,
    bool direct) {
  Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file.valid()) {
    return ErrnoError(errno, "cannot create " + path.string());
  }
  return std::unique_ptr<Assembly>(
      new Assembly(std::move(path), std::move(file), spool_fd, pool, direct));
}

Assembly::Assembly(std::filesystem::path path, Fd file, int spool_fd,
                   const FramePool& pool, bool direct)
    : path_(std::move(path)),
      file_(std::move(file)),
      spool_fd_(spool_fd),
      pool_(pool),
      writer_(file_.get(), direct),
      direct_(direct) {}

Assembly::~Assembly() {
  if (!finished_) {
    ::unlink(path_.c_str());
  }
}

absl::Status Assembly::Append(int frame, bool last_use,
                              const CancelToken& cancel) {
  RETURN_IF_ERROR(cancel.Check());
  ASSIGN_OR_RETURN(const Frame spooled, pool_.Await(frame, cancel));
  PlacedFrame at{.offset = writer_.size()};
  ASSIGN_OR_RETURN(at.crc32,
                   ReadFrame(spool_fd_, spooled, writer_.Room(spooled.size)));
  RETURN_IF_ERROR(writer_.Commit(spooled.size, at.crc32));
  frames_.push_back(frame);
  raw_bytes_ += spooled.raw_size;
  placed_.emplace(frame, at);
  // The artifact grows as the spool shrinks.
  if (last_use && spooled.kept_fd < 0) {
    DiscardRange(spool_fd_, spooled.offset, spooled.size);
  }
  if (direct_ && spooled.kept_fd >= 0) {
    NoteRead(spooled);
  }
  return absl::OkStatus();
}

void Assembly::EndDirect() {
  DropRead();
  direct_ = false;
  writer_.EndDirect();
}

void Assembly::NoteRead(const Frame& frame) {
  if (frame.kept_fd != read_fd_ || frame.offset != read_end_) {
    DropRead();
    read_fd_ = frame.kept_fd;
    read_begin_ = frame.offset;
  }
  read_end_ = frame.offset + frame.size;
  if (read_end_ - read_begin_ >= kDropBytes) {
    DropRead();
  }
}

void Assembly::DropRead() {
  if (read_end_ > read_begin_) {
    DropCached(read_fd_, read_begin_, read_end_ - read_begin_);
    read_begin_ = read_end_;
  }
}

absl::StatusOr<Digest> Assembly::Finish(std::string_view manifest_json) {
  Footer footer{.assets_size = writer_.size(),
                .manifest_size = static_cast<int64_t>(manifest_json.size())};
  RETURN_IF_ERROR(writer_.Write(manifest_json));
  footer.crc32 = writer_.crc32();
  RETURN_IF_ERROR(writer_.Write(EncodeFooter(footer)));
  ASSIGN_OR_RETURN(Digest digest, writer_.Finish());
  finished_ = true;
  return digest;
}

}  // namespace bottled
