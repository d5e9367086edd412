#include "pack/kept_layers.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "base/error.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "fmt/format.h"
#include "pack/errors.h"
#include "pack/frame_pool.h"
#include "pack/native_packer.h"
#include "platform/file.h"
#include "platform/stat_times.h"
#include "platform/temporary.h"

namespace bottled {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSuffix = ".layer";

// Before the digest in a name: what the bytes of frames depend on.
std::string Prefix() {
  return fmt::format("{}.{}.{}-", kNativePackerRevision, ZSTD_versionNumber(),
                     kZstdLevel);
}

bool IsKeptName(std::string_view name) {
  const std::string prefix = Prefix();
  if (!name.starts_with(prefix) || !name.ends_with(kSuffix)) {
    return false;
  }
  name.remove_prefix(prefix.size());
  name.remove_suffix(std::min(name.size(), kSuffix.size()));
  return Digest::Parse(fmt::format("sha256:{}", name)).ok();
}

struct OpenFile {
  Fd fd;
  int64_t size = 0;
};

absl::StatusOr<OpenFile> OpenToRead(const fs::path& path) {
  OpenFile file;
  file.fd =
      Fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat info = {};
  if (!file.fd.valid() || ::fstat(file.fd.get(), &info) != 0) {
    const int error = errno;
    return ErrnoError(error, "open " + path.native());
  }
  if (!S_ISREG(info.st_mode)) {
    return KeptLayerDamagedError(path.native() + " is no file");
  }
  file.size = info.st_size;
  return file;
}

absl::StatusOr<KeptTrailer> ReadTrailer(const OpenFile& file) {
  if (file.size < kKeptTrailerBytes) {
    return KeptLayerDamagedError("it is too short");
  }
  std::string bytes(static_cast<size_t>(kKeptTrailerBytes), '\0');
  RETURN_IF_ERROR(
      PreadAll(file.fd.get(), bytes, file.size - kKeptTrailerBytes));
  return DecodeKeptTrailer(bytes);
}

bool Fits(const KeptFrame& frame, int64_t file_bytes) {
  return frame.size > 0 && frame.offset >= 0 && frame.size <= file_bytes &&
         frame.offset <= file_bytes - int64_t{frame.size};
}

void Remove(const fs::path& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
    Log("pack")->warn("cannot remove {}", Printable(path.native()));
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<KeptLayers>> KeptLayers::Open(
    const Places& places, const Options& options) {
  RETURN_IF_ERROR(EnsurePrivateDir(places.layers(), 0700));
  std::unique_ptr<KeptLayers> layers(new KeptLayers(places, options));
  layers->Trim(options.max_bytes);
  return layers;
}

fs::path KeptLayers::Path(const Digest& diff_id) const {
  return places_.layers() /
         fmt::format("{}{}{}", Prefix(), diff_id.hex(), kSuffix);
}

std::vector<OpenKeptLayer> KeptLayers::Load(
    const std::vector<Digest>& diff_ids) const {
  std::vector<OpenKeptLayer> loaded;
  std::map<Digest, std::shared_ptr<const Fd>> artifacts;
  for (const Digest& diff_id :
       std::set<Digest>(diff_ids.begin(), diff_ids.end())) {
    absl::StatusOr<OpenKeptLayer> layer = LoadOne(diff_id, artifacts);
    if (layer.ok()) {
      loaded.push_back(*std::move(layer));
      continue;
    }
    if (HasReason(layer.status(), kKeptLayerDamaged)) {
      Log("pack")->warn("{}: {}; removed", diff_id.ToString(),
                        Printable(std::string(layer.status().message())));
      Forget(diff_id);
    }
  }
  return loaded;
}

absl::StatusOr<OpenKeptLayer> KeptLayers::LoadOne(
    const Digest& diff_id,
    std::map<Digest, std::shared_ptr<const Fd>>& artifacts) const {
  ASSIGN_OR_RETURN(OpenFile file, OpenToRead(Path(diff_id)));
  ASSIGN_OR_RETURN(const KeptTrailer trailer, ReadTrailer(file));
  std::shared_ptr<const Fd>& artifact = artifacts[trailer.artifact];
  if (artifact == nullptr) {
    ASSIGN_OR_RETURN(OpenFile opened,
                     OpenToRead(places_.object(trailer.artifact.hex())));
    artifact = std::make_shared<const Fd>(std::move(opened.fd));
  }
  const int64_t own_bytes = file.size - kKeptTrailerBytes - trailer.body_bytes;
  if (own_bytes < 0) {
    return KeptLayerDamagedError("it is too short");
  }
  std::string body(static_cast<size_t>(trailer.body_bytes), '\0');
  RETURN_IF_ERROR(PreadAll(file.fd.get(), body, own_bytes));
  OpenKeptLayer layer;
  ASSIGN_OR_RETURN(layer.kept, DecodeKeptBody(body, trailer));
  if (layer.kept.blob.diff_id != diff_id) {
    return KeptLayerDamagedError("it is another layer's");
  }
  for (const KeptFrame& frame : layer.kept.frames) {
    if (!Fits(frame, frame.in_artifact ? INT64_MAX : own_bytes)) {
      return KeptLayerDamagedError("a frame lies outside of it");
    }
  }
  layer.artifact = artifact;
  if (own_bytes > 0) {
    layer.own = std::make_shared<const Fd>(std::move(file.fd));
  }
  return layer;
}

absl::Status KeptLayers::Save(
    const Digest& diff_id, const fs::path& stage_dir,
    const std::function<absl::Status(int fd)>& write) const {
  ASSIGN_OR_RETURN(const Temporary file, CreateTemporary(stage_dir));
  absl::Cleanup remove = [&file] { ::unlink(file.path.c_str()); };
  RETURN_IF_ERROR(write(file.fd.get()));
  if (::rename(file.path.c_str(), Path(diff_id).c_str()) != 0) {
    const int error = errno;
    return ErrnoError(error, "rename " + file.path.native());
  }
  std::move(remove).Cancel();
  return absl::OkStatus();
}

void KeptLayers::Forget(const Digest& diff_id) const { Remove(Path(diff_id)); }

void KeptLayers::KeepToLimit() const {
  if (Bytes() > options_.max_bytes) {
    Trim(options_.max_bytes);
  }
}

int64_t KeptLayers::Bytes() const {
  int64_t bytes = 0;
  for (const std::string& name :
       ListDir(places_.layers()).value_or(std::vector<std::string>())) {
    struct stat info = {};
    if (::lstat((places_.layers() / name).c_str(), &info) == 0) {
      bytes += info.st_size;
    }
  }
  return bytes;
}

int64_t KeptLayers::Trim(int64_t max_bytes) const {
  struct Found {
    fs::path path;
    int64_t bytes = 0;
    int64_t used_ns = 0;
  };
  std::vector<Found> found;
  int64_t left = 0;
  int64_t removed = 0;
  for (const std::string& name :
       ListDir(places_.layers()).value_or(std::vector<std::string>())) {
    const fs::path path = places_.layers() / name;
    const absl::StatusOr<OpenFile> file = OpenToRead(path);
    const absl::StatusOr<KeptTrailer> trailer =
        file.ok() ? ReadTrailer(*file) : file.status();
    if (!IsKeptName(name) || HasReason(trailer.status(), kKeptLayerDamaged) ||
        (trailer.ok() &&
         !PathExists(places_.object(trailer->artifact.hex())))) {
      removed += file.ok() ? file->size : 0;
      Remove(path);
      continue;
    }
    struct stat info = {};
    if (file.ok() && ::fstat(file->fd.get(), &info) == 0) {
      found.push_back(
          {.path = path, .bytes = file->size, .used_ns = ModifiedNs(info)});
      left += file->size;
    }
  }
  std::sort(found.begin(), found.end(), [](const Found& a, const Found& b) {
    return std::tie(a.used_ns, a.path) < std::tie(b.used_ns, b.path);
  });
  for (const Found& file : found) {
    if (left <= max_bytes) {
      break;
    }
    Remove(file.path);
    left -= file.bytes;
    removed += file.bytes;
  }
  return removed;
}

}  // namespace bottled
