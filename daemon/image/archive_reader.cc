#include "image/archive_reader.h"

#include <archive_entry.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/status_macros.h"
#include "fmt/format.h"
#include "image/archive_index.h"
#include "image/archive_sources.h"
#include "image/errors.h"
#include "image/json.h"
#include "image/layer_entry.h"
#include "image/stream_tail.h"
#include "image/tar_reader.h"
#include "image/tar_writer.h"
#include "image/unpack_source.h"

namespace bottled {
namespace {

constexpr size_t kSniffBytes = 512;
// All JSON documents of an archive together.
constexpr int64_t kMaxTextBytes = int64_t{64} << 20;

std::string_view DirName(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == path.npos ? std::string_view() : path.substr(0, slash);
}

// What of an archive may be said in JSON by an engine that fails.
bool IsBroken(const absl::Status& status) {
  constexpr std::string_view kReasons[] = {
      "ARCHIVE_TRUNCATED", "ARCHIVE_INVALID", "ARCHIVE_INCOMPLETE",
      "ARCHIVE_NO_IMAGE",  "DIGEST_MISMATCH", "LAYER_INVALID",
      "LAYER_TRUNCATED",   "BAD_IMAGE_CONFIG"};
  return std::any_of(
      std::begin(kReasons), std::end(kReasons),
      [&](std::string_view reason) { return HasReason(status, reason); });
}

// Reads one archive; used once. `source` holds plain tar.
class ArchiveRun {
 public:
  ArchiveRun(ByteSource& source, const ArchiveOptions& options,
             LayerConsumer& consumer, const CancelToken& cancel)
      : options_(options),
        consumer_(consumer),
        cancel_(cancel),
        tail_(source, MaxBytes(options.limits)),
        tar_(tail_) {
    budget_.limits = options.limits;
  }

  absl::StatusOr<ArchiveImage> Run() {
    absl::StatusOr<ArchiveImage> image = ReadAndCheck();
    if (image.ok() || !tar_.source_status().ok() || !IsBroken(image.status())) {
      return image;
    }
    tail_.SkipToError();
    if (const std::optional<std::string> text = tail_.EngineError()) {
      return EngineStreamError(*text);
    }
    return image;
  }

 private:
  // Layers are stored once or compressed; the rest is small. This only keeps a
  // compressed archive from going on for ever.
  static int64_t MaxBytes(const ImageLimits& limits) {
    constexpr int64_t kRest = int64_t{1} << 30;
    return limits.max_unpacked_bytes > (INT64_MAX - kRest) / 2
               ? INT64_MAX
               : 2 * limits.max_unpacked_bytes + kRest;
  }

  absl::StatusOr<ArchiveImage> ReadAndCheck() {
    RETURN_IF_ERROR(ReadMembers());
    if (options_.expected_id.has_value() &&
        !options_.expected_diff_ids.empty()) {
      absl::StatusOr<ArchiveImage> image = Assemble();
      if (image.ok()) {
        return image;
      }
    }
    RETURN_IF_ERROR(CheckEnd());
    return Assemble();
  }

  absl::Status ReadMembers() {
    int64_t members = 0;
    while (tar_.Next()) {
      if (++members > options_.limits.max_archive_members) {
        return ImageTooLarge(fmt::format("{} archive members",
                                         options_.limits.max_archive_members));
      }
      RETURN_IF_ERROR(ReadMember());
    }
    RETURN_IF_ERROR(tar_.source_status());
    if (tar_.problem() != nullptr) {
      return tar_.problem()->truncated ? ArchiveTruncated()
                                       : ArchiveInvalid(tar_.problem()->text);
    }
    return absl::OkStatus();
  }

  absl::Status CheckEnd() {
    const int64_t end = tar_.header_offset();
    RETURN_IF_ERROR(tar_.Drain());
    // Without its two zero blocks the archive was cut, however well it parses.
    if (tail_.bytes() - end < kTarEndBytes) {
      return ArchiveTruncated();
    }
    if (tail_.nonzero_end() > end) {
      return ArchiveInvalid("something follows its end");
    }
    return absl::OkStatus();
  }

  absl::Status ReadMember() {
    archive_entry* const entry = tar_.entry();
    const char* const raw_name = archive_entry_pathname(entry);
    const absl::StatusOr<std::string> path =
        NormalizePath(raw_name == nullptr ? "" : raw_name);
    if (!path.ok()) {
      return ArchiveInvalid("a member has an unusable name");
    }
    RETURN_IF_ERROR(Account(path->size()));
    if (const char* target = archive_entry_hardlink(entry)) {
      return AddLink(*path, "", target);
    }
    if (archive_entry_filetype(entry) == AE_IFLNK) {
      const char* const target = archive_entry_symlink(entry);
      return AddLink(*path, DirName(*path), target == nullptr ? "" : target);
    }
    if (archive_entry_filetype(entry) != AE_IFREG) {
      return absl::OkStatus();
    }
    return ReadBlob(*path);
  }

  // Counts what is kept in memory.
  absl::Status Account(size_t bytes) {
    text_bytes_ += static_cast<int64_t>(bytes);
    return text_bytes_ > kMaxTextBytes
               ? ImageTooLarge(
                     fmt::format("{} bytes of names and JSON", kMaxTextBytes))
               : absl::OkStatus();
  }

  // A link that leaves the archive leads to nothing.
  absl::Status AddLink(const std::string& path, std::string_view from,
                       std::string_view raw_target) {
    std::string target(from);
    bool inside = !raw_target.starts_with('/') || from.empty();
    for (std::string_view rest = raw_target; !rest.empty();) {
      const size_t slash = rest.find('/');
      const std::string_view part = rest.substr(0, slash);
      rest = slash == rest.npos ? std::string_view() : rest.substr(slash + 1);
      if (part == "..") {
        inside = inside && !target.empty();
        target = std::string(DirName(target));
      } else if (!part.empty() && part != ".") {
        target += (target.empty() ? "" : "/") + std::string(part);
      }
    }
    if (!inside) {
      target.clear();
    }
    RETURN_IF_ERROR(Account(target.size()));
    index_.Add(path, {.kind = ArchiveMember::Kind::kLink, .target = target});
    return absl::OkStatus();
  }

  absl::Status ReadBlob(const std::string& path) {
    MemberSource member(tar_);
    PeekSource blob(member);
    ASSIGN_OR_RETURN(const std::string_view head, blob.Peek(kBlobHeadBytes));
    const BlobKind kind = SniffBlob(head.substr(0, kSniffBytes));
    if (kind == BlobKind::kOther) {
      return ReadText(path, head, blob);
    }
    LayerBlob layer{.stored_bytes = archive_entry_size(tar_.entry()),
                    .head = Sha256Of(head)};
    if (const LayerBlob* const known =
            consumer_.Recognise(layer.stored_bytes, layer.head)) {
      return TakeKnown(path, *known, blob);
    }
    ASSIGN_OR_RETURN(EntryVisitor* const visitor, consumer_.BeginLayer());
    WatchedVisitor watched(*visitor);
    HashedSource hashed(blob);
    const bool packed = kind == BlobKind::kGzip || kind == BlobKind::kZstd;
    const LayerBudget before = budget_;
    const absl::StatusOr<LayerInfo> info =
        ReadLayer(packed ? static_cast<ByteSource&>(hashed) : blob, budget_,
                  watched, cancel_);
    if (info.ok() && packed) {
      ASSIGN_OR_RETURN(layer.stored_digest, hashed.Finish(cancel_));
    }
    RETURN_IF_ERROR(tar_.source_status());
    RETURN_IF_ERROR(watched.status());
    if (tar_.problem() != nullptr) {
      return ArchiveTruncated();
    }
    ArchiveMember out{.kind = ArchiveMember::Kind::kLayer};
    ASSIGN_OR_RETURN(out.handle, consumer_.EndLayer(info.ok()));
    if (info.ok()) {
      out.digest = info->diff_id;
      layer.diff_id = info->diff_id;
      layer.stored_digest = packed ? layer.stored_digest : info->diff_id;
      layer.unpacked_bytes = info->unpacked_bytes;
      layer.entries = budget_.entries - before.entries;
      layer.content_bytes = budget_.content_bytes - before.content_bytes;
      consumer_.Identify(out.handle, layer);
    } else if (HasReason(info.status(), "LAYER_INVALID") ||
               HasReason(info.status(), "LAYER_TRUNCATED")) {
      // It matters only if the image refers to it.
      out.problem = info.status();
    } else {
      return info.status();
    }
    index_.Add(path, std::move(out));
    return absl::OkStatus();
  }

  absl::Status TakeKnown(const std::string& path, const LayerBlob& known,
                         ByteSource& blob) {
    const absl::StatusOr<bool> same =
        ReadKnownBlob(blob, known, budget_, cancel_);
    RETURN_IF_ERROR(tar_.source_status());
    RETURN_IF_ERROR(same.status());
    if (!*same) {
      return KnownLayerDiffers(path);
    }
    ArchiveMember out{.kind = ArchiveMember::Kind::kLayer,
                      .digest = known.diff_id};
    ASSIGN_OR_RETURN(out.handle, consumer_.TakeKnown(known));
    index_.Add(path, std::move(out));
    return absl::OkStatus();
  }

  absl::Status ReadText(const std::string& path, std::string_view head,
                        ByteSource& blob) {
    const size_t first = head.find_first_not_of(" \t\r\n");
    const int64_t size = archive_entry_size(tar_.entry());
    if (first == head.npos ||
        std::string_view("{[n").find(head[first]) == head.npos ||
        size > options_.limits.max_json_bytes) {
      // Whatever it is, it is not what describes an image.
      index_.Add(path, {.kind = ArchiveMember::Kind::kOther});
      return absl::OkStatus();
    }
    RETURN_IF_ERROR(Account(static_cast<size_t>(std::max<int64_t>(size, 0))));
    ArchiveMember out{.kind = ArchiveMember::Kind::kText};
    while (true) {
      RETURN_IF_ERROR(cancel_.Check());
      ASSIGN_OR_RETURN(const std::string_view block, blob.Next());
      if (block.empty()) {
        break;
      }
      out.text.append(block);
    }
    out.digest = Sha256Of(out.text);
    index_.Add(path, std::move(out));
    return absl::OkStatus();
  }

  absl::StatusOr<ArchiveImage> Assemble() const {
    ASSIGN_OR_RETURN(const SelectedImage selected,
                     index_.Select(options_.reference, options_.platform));
    const ArchiveMember* const config = index_.Find(selected.config_path);
    if (config == nullptr || config->kind != ArchiveMember::Kind::kText) {
      return ArchiveIncomplete("the image's config " + selected.config_path);
    }
    ArchiveImage image;
    image.config_digest = config->digest;
    image.names = selected.names;
    RETURN_IF_ERROR(CheckConfigName(selected.config_path, config->digest));
    ASSIGN_OR_RETURN(image.config, ParseImageConfig(config->text));
    RETURN_IF_ERROR(CheckExpected(image));
    if (selected.layer_paths.size() != image.config.diff_ids.size()) {
      return ArchiveInvalid(fmt::format(
          "the config names {} layers and the manifest {}",
          image.config.diff_ids.size(), selected.layer_paths.size()));
    }
    std::map<Digest, int> handles;
    for (size_t i = 0; i < selected.layer_paths.size(); ++i) {
      ASSIGN_OR_RETURN(const int handle, CheckLayer(selected.layer_paths[i],
                                                    image.config.diff_ids[i]));
      // Archives may hold a layer that occurs twice as two copies.
      image.layers.push_back(
          handles.emplace(image.config.diff_ids[i], handle).first->second);
    }
    return image;
  }

  // Engines name the config by its digest: "<hex>.json", "blobs/sha256/<hex>".
  static absl::Status CheckConfigName(std::string_view path,
                                      const Digest& actual) {
    std::string_view name = path.substr(path.rfind('/') + 1);
    if (name.ends_with(".json")) {
      name.remove_suffix(5);
    }
    const absl::StatusOr<Digest> named =
        Digest::Parse("sha256:" + std::string(name));
    return named.ok() && *named != actual
               ? DigestMismatch("The image's config", *named, actual)
               : absl::OkStatus();
  }

  absl::Status CheckExpected(const ArchiveImage& image) const {
    if (!options_.expected_diff_ids.empty() &&
        options_.expected_diff_ids != image.config.diff_ids) {
      return ImageChanged("other layers");
    }
    if (options_.expected_id.has_value() &&
        !index_.LeadsTo(*options_.expected_id, image.config_digest)) {
      return ImageChanged("another config than the ID " +
                          options_.expected_id->ToString() + " leads to");
    }
    return absl::OkStatus();
  }

  absl::StatusOr<int> CheckLayer(const std::string& path,
                                 const Digest& diff_id) const {
    const ArchiveMember* const layer = index_.Find(path);
    if (layer == nullptr || layer->kind == ArchiveMember::Kind::kLink) {
      return ArchiveIncomplete("the layer " + path);
    }
    if (layer->kind != ArchiveMember::Kind::kLayer) {
      return LayerInvalid("the member " + path + " is not a tar");
    }
    RETURN_IF_ERROR(layer->problem);
    if (layer->digest != diff_id) {
      return DigestMismatch("The layer " + path, diff_id, layer->digest);
    }
    return layer->handle;
  }

  const ArchiveOptions& options_;
  LayerConsumer& consumer_;
  const CancelToken& cancel_;
  StreamTail tail_;
  TarReader tar_;
  ArchiveIndex index_;
  LayerBudget budget_;
  int64_t text_bytes_ = 0;
};

}  // namespace

absl::StatusOr<ArchiveImage> ReadArchive(ByteSource& source,
                                         const ArchiveOptions& options,
                                         LayerConsumer& consumer,
                                         const ByteProgress& progress,
                                         const CancelToken& cancel) {
  WatchedSource watched(source, progress, cancel);
  PeekSource peek(watched);
  ASSIGN_OR_RETURN(const std::string_view head, peek.Peek(kSniffBytes));
  const BlobKind kind = SniffBlob(head);
  if (kind != BlobKind::kGzip && kind != BlobKind::kZstd) {
    absl::StatusOr<ArchiveImage> image =
        ArchiveRun(peek, options, consumer, cancel).Run();
    if (image.ok()) {
      image->bytes_read = watched.bytes();
    }
    return image;
  }
  DecompressSource unpacked(peek, kind);
  absl::StatusOr<ArchiveImage> image =
      ArchiveRun(unpacked, options, consumer, cancel).Run();
  if (unpacked.damaged()) {
    return ArchiveInvalid("its compressed data is damaged");
  }
  if (image.ok()) {
    image->bytes_read = watched.bytes();
  }
  return image;
}

}  // namespace bottled
