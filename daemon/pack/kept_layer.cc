#include "pack/kept_layer.h"

#include <array>
#include <bit>
#include <concepts>
#include <cstring>
#include <utility>

#include "absl/strings/escaping.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "pack/errors.h"

namespace bottled {
namespace {

constexpr std::string_view kMark = "BLAYER1\n";
constexpr size_t kDigestBytes = 32;

// Little-endian, fixed widths, texts with their length before them.
class Writer {
 public:
  template <std::integral T>
  void Put(T value) {
    std::array<char, sizeof(T)> bytes;
    for (size_t i = 0; i < sizeof(T); ++i) {
      bytes[i] = static_cast<char>(static_cast<uint64_t>(value) >> (8 * i));
    }
    out_.append(bytes.data(), bytes.size());
  }
  void Put(std::string_view text) {
    Put(static_cast<uint32_t>(text.size()));
    out_.append(text);
  }
  void Put(const Digest& digest) { Put(std::string_view(digest.hex())); }

  std::string Take() && { return std::move(out_); }

 private:
  std::string out_;
};

class Reader {
 public:
  explicit Reader(std::string_view in) : in_(in) {}

  template <std::integral T>
  T Get() {
    uint64_t value = 0;
    if (!Has(sizeof(T))) {
      return 0;
    }
    for (size_t i = 0; i < sizeof(T); ++i) {
      value |= uint64_t{static_cast<unsigned char>(in_[i])} << (8 * i);
    }
    in_.remove_prefix(sizeof(T));
    return static_cast<T>(value);
  }
  std::string Text() {
    const auto size = Get<uint32_t>();
    if (!Has(size)) {
      return {};
    }
    std::string text(in_.substr(0, size));
    in_.remove_prefix(size);
    return text;
  }
  Digest TakeDigest() {
    absl::StatusOr<Digest> digest = Digest::Parse("sha256:" + Text());
    ok_ = ok_ && digest.ok();
    return ok_ ? *std::move(digest) : Digest();
  }
  // How many things of at least `bytes` each follow.
  size_t Count(size_t bytes) {
    const auto count = Get<uint64_t>();
    ok_ = ok_ && count <= in_.size() / bytes;
    return ok_ ? static_cast<size_t>(count) : 0;
  }

  bool Complete() const { return ok_ && in_.empty(); }

 private:
  bool Has(size_t bytes) {
    ok_ = ok_ && in_.size() >= bytes;
    return ok_;
  }

  std::string_view in_;
  bool ok_ = true;
};

void PutBlob(Writer& out, const LayerBlob& blob) {
  out.Put(blob.stored_bytes);
  out.Put(blob.head);
  out.Put(blob.stored_digest);
  out.Put(blob.diff_id);
  out.Put(blob.unpacked_bytes);
  out.Put(blob.entries);
  out.Put(blob.content_bytes);
}

LayerBlob TakeBlob(Reader& in) {
  // Braces keep the order.
  return LayerBlob{.stored_bytes = in.Get<int64_t>(),
                   .head = in.TakeDigest(),
                   .stored_digest = in.TakeDigest(),
                   .diff_id = in.TakeDigest(),
                   .unpacked_bytes = in.Get<int64_t>(),
                   .entries = in.Get<int64_t>(),
                   .content_bytes = in.Get<int64_t>()};
}

void PutEntry(Writer& out, const Entry& entry) {
  out.Put(static_cast<uint8_t>(entry.kind));
  out.Put(static_cast<uint8_t>((entry.link_rewritten ? 1 : 0) |
                               (entry.has_xattrs ? 2 : 0) |
                               (entry.mtime_clamped ? 4 : 0)));
  out.Put(entry.mode);
  out.Put(entry.uid);
  out.Put(entry.gid);
  out.Put(entry.mtime);
  out.Put(entry.size);
  out.Put(entry.device_major);
  out.Put(entry.device_minor);
  out.Put(std::string_view(entry.path));
  out.Put(std::string_view(entry.link));
}

Entry TakeEntry(Reader& in) {
  Entry entry;
  entry.kind = static_cast<EntryKind>(in.Get<uint8_t>());
  const auto flags = in.Get<uint8_t>();
  entry.link_rewritten = (flags & 1) != 0;
  entry.has_xattrs = (flags & 2) != 0;
  entry.mtime_clamped = (flags & 4) != 0;
  entry.mode = in.Get<uint32_t>();
  entry.uid = in.Get<uint64_t>();
  entry.gid = in.Get<uint64_t>();
  entry.mtime = in.Get<int64_t>();
  entry.size = in.Get<int64_t>();
  entry.device_major = in.Get<uint32_t>();
  entry.device_minor = in.Get<uint32_t>();
  entry.path = in.Text();
  entry.link = in.Text();
  return entry;
}

// What the least of each takes, for Count().
constexpr size_t kEntryBytes = 54 + 12;
constexpr size_t kBlockRecordBytes = 20;
constexpr size_t kFrameBytes = 21;

// The indexes lead somewhere; the checksum vouches for the rest.
bool IsConsistent(const KeptLayer& kept) {
  for (const EntryPlace& place : kept.layer.places) {
    if (place.block < -1 ||
        place.block >= static_cast<int>(kept.layer.blocks.size())) {
      return false;
    }
  }
  for (const CutBlock& block : kept.layer.blocks) {
    if (block.frame < 0 ||
        static_cast<size_t>(block.frame) >= kept.frames.size() ||
        block.first_entry > block.last_entry ||
        block.last_entry >= kept.layer.entries.size()) {
      return false;
    }
  }
  return true;
}

std::string Raw(const Digest& digest) {
  return absl::HexStringToBytes(digest.hex());
}

Digest FromRaw(std::string_view raw) { return Digest::FromHex(HexEncode(raw)); }

// The trailer up to its SHA-256.
std::string TrailerStart(const Digest& artifact, int64_t body_bytes) {
  Writer out;
  out.Put(body_bytes);
  return Raw(artifact) + std::move(out).Take();
}

std::string Sum(std::string_view body, std::string_view trailer_start) {
  Sha256 hasher;
  hasher.Update(body);
  hasher.Update(trailer_start);
  return Raw(hasher.Finish());
}

}  // namespace

std::string EncodeKeptBody(const LayerBlob& blob, const CutLayer& layer,
                           const std::vector<KeptFrame>& frames) {
  Writer out;
  PutBlob(out, blob);
  out.Put(static_cast<uint64_t>(layer.entries.size()));
  for (size_t i = 0; i < layer.entries.size(); ++i) {
    PutEntry(out, layer.entries[i]);
    out.Put(layer.places[i].block);
    out.Put(layer.places[i].offset);
    out.Put(layer.places[i].header_bytes);
  }
  out.Put(static_cast<uint64_t>(layer.blocks.size()));
  for (size_t i = 0; i < layer.blocks.size(); ++i) {
    out.Put(static_cast<int>(i));
    out.Put(static_cast<uint64_t>(layer.blocks[i].first_entry));
    out.Put(static_cast<uint64_t>(layer.blocks[i].last_entry));
  }
  out.Put(static_cast<uint64_t>(frames.size()));
  for (const KeptFrame& frame : frames) {
    out.Put(static_cast<uint8_t>(frame.in_artifact ? 1 : 0));
    out.Put(frame.offset);
    out.Put(frame.size);
    out.Put(frame.raw_size);
    out.Put(frame.crc32);
  }
  return std::move(out).Take();
}

std::string EncodeKeptTrailer(const Digest& artifact, std::string_view body) {
  std::string trailer =
      TrailerStart(artifact, static_cast<int64_t>(body.size()));
  trailer += Sum(body, trailer);
  trailer += kMark;
  return trailer;
}

absl::StatusOr<KeptTrailer> DecodeKeptTrailer(std::string_view bytes) {
  if (static_cast<int64_t>(bytes.size()) != kKeptTrailerBytes ||
      !bytes.ends_with(kMark)) {
    return KeptLayerDamagedError("its end is missing");
  }
  KeptTrailer trailer;
  trailer.artifact = FromRaw(bytes.substr(0, kDigestBytes));
  trailer.body_bytes =
      Reader(bytes.substr(kDigestBytes, sizeof(int64_t))).Get<int64_t>();
  trailer.sha256 = bytes.substr(kDigestBytes + sizeof(int64_t), kDigestBytes);
  if (trailer.body_bytes < 0 || trailer.body_bytes > kMaxKeptBodyBytes) {
    return KeptLayerDamagedError("its size is impossible");
  }
  return trailer;
}

absl::StatusOr<KeptLayer> DecodeKeptBody(std::string_view body,
                                         const KeptTrailer& trailer) {
  if (Sum(body, TrailerStart(trailer.artifact, trailer.body_bytes)) !=
      trailer.sha256) {
    return KeptLayerDamagedError("it has another checksum");
  }
  Reader in(body);
  KeptLayer kept;
  kept.artifact = trailer.artifact;
  kept.blob = TakeBlob(in);
  kept.layer.entries.resize(in.Count(kEntryBytes));
  kept.layer.places.resize(kept.layer.entries.size());
  for (size_t i = 0; i < kept.layer.entries.size(); ++i) {
    kept.layer.entries[i] = TakeEntry(in);
    kept.layer.places[i].block = in.Get<int>();
    kept.layer.places[i].offset = in.Get<uint32_t>();
    kept.layer.places[i].header_bytes = in.Get<uint32_t>();
  }
  kept.layer.blocks.resize(in.Count(kBlockRecordBytes));
  for (CutBlock& block : kept.layer.blocks) {
    block.frame = in.Get<int>();
    block.first_entry = static_cast<size_t>(in.Get<uint64_t>());
    block.last_entry = static_cast<size_t>(in.Get<uint64_t>());
  }
  kept.frames.resize(in.Count(kFrameBytes));
  for (KeptFrame& frame : kept.frames) {
    frame.in_artifact = in.Get<uint8_t>() != 0;
    frame.offset = in.Get<int64_t>();
    frame.size = in.Get<uint32_t>();
    frame.raw_size = in.Get<uint32_t>();
    frame.crc32 = in.Get<uint32_t>();
  }
  if (!in.Complete() || !IsConsistent(kept)) {
    return KeptLayerDamagedError("its table makes no sense");
  }
  return kept;
}

}  // namespace bottled
