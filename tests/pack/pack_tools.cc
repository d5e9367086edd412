#include "pack/pack_tools.h"

#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <random>

#include "base/error.h"
#include "fmt/format.h"
#include "image/platform.h"
#include "platform/file.h"

namespace bottled {
namespace {

Digest LayerDigest() { return Digest::FromHex(std::string(64, 'e')); }

uint64_t Little(const std::string& bytes, size_t at, size_t width) {
  uint64_t value = 0;
  for (size_t i = width; i-- > 0;) {
    value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  }
  return value;
}

std::string Unzstd(const std::string& bytes, std::vector<size_t>& sizes) {
  std::string out;
  for (size_t at = 0; at < bytes.size();) {
    const char* const frame = bytes.data() + at;
    const size_t left = bytes.size() - at;
    const size_t packed = ZSTD_findFrameCompressedSize(frame, left);
    const auto size = ZSTD_getFrameContentSize(frame, left);
    if (ZSTD_isError(packed) != 0 || size > (uint64_t{1} << 31)) {
      ADD_FAILURE() << "no frame at " << at;
      return out;
    }
    std::string raw(size, '\0');
    EXPECT_EQ(ZSTD_decompress(raw.data(), raw.size(), frame, packed), size);
    sizes.push_back(size);
    out += raw;
    at += packed;
  }
  return out;
}

using Visit = std::function<void(archive_entry*, const std::string& content)>;

void ReadTar(const std::string& tar, const Visit& visit) {
  archive* const reader = archive_read_new();
  archive_read_support_format_tar(reader);
  EXPECT_EQ(archive_read_open_memory(reader, tar.data(), tar.size()),
            ARCHIVE_OK);
  archive_entry* entry = nullptr;
  int result = ARCHIVE_OK;
  while ((result = archive_read_next_header(reader, &entry)) == ARCHIVE_OK) {
    std::string content(static_cast<size_t>(archive_entry_size(entry)), '\0');
    EXPECT_EQ(archive_read_data(reader, content.data(), content.size()),
              static_cast<la_ssize_t>(content.size()));
    visit(entry, content);
  }
  EXPECT_EQ(result, ARCHIVE_EOF) << archive_error_string(reader);
  archive_read_free(reader);
}

std::string Describe(archive_entry* entry, const std::string& content) {
  if (const char* first = archive_entry_hardlink(entry)) {
    return fmt::format("h -> {}", first);
  }
  const std::string meta = fmt::format(
      "{:04o} {}:{} {}", archive_entry_perm(entry), archive_entry_uid(entry),
      archive_entry_gid(entry), archive_entry_mtime(entry));
  switch (archive_entry_filetype(entry)) {
    case AE_IFREG:
      return fmt::format("f {} {}", meta, content);
    case AE_IFDIR:
      return fmt::format("d {}", meta);
    case AE_IFLNK:
      return fmt::format("l {} -> {}", meta, archive_entry_symlink(entry));
    case AE_IFCHR:
    case AE_IFBLK:
      return fmt::format(
          "{} {} {},{}", archive_entry_filetype(entry) == AE_IFCHR ? 'c' : 'b',
          meta, archive_entry_rdevmajor(entry), archive_entry_rdevminor(entry));
    case AE_IFIFO:
      return fmt::format("p {}", meta);
    default:
      return "?";
  }
}

}  // namespace

TestDir::TestDir() {
  std::string name =
      (std::filesystem::temp_directory_path() / "bottled_pack.XXXXXX").string();
  EXPECT_NE(::mkdtemp(name.data()), nullptr);
  path_ = name;
}

TestDir::~TestDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

absl::StatusOr<PackedSidecar> PackArchive(
    const std::string& archive, const TestDir& dir, int threads,
    const CancelToken& cancel, const NativePacker::Progress& progress) {
  auto packer = NativePacker::Create(
      {.stage_dir = dir.path(), .pack = {}, .threads = threads}, cancel);
  if (!packer.ok()) {
    return packer.status();
  }
  TextSource source(archive);
  ArchiveOptions options;
  options.platform = {"linux", "amd64", ""};
  const auto image =
      ReadArchive(source, options, (*packer)->layers(), nullptr, cancel);
  if (!image.ok()) {
    return image.status();
  }
  return (*packer)->Finish(*image, progress);
}

std::string PackImage(const TestImage& image, ArchiveLayout layout,
                      int threads) {
  const TestDir dir;
  const auto packed =
      PackArchive(MakeDockerArchive(image, layout), dir, threads);
  EXPECT_TRUE(packed.ok()) << packed.status();
  if (!packed.ok()) {
    return {};
  }
  std::ifstream file(packed->path, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(static_cast<size_t>(packed->size_bytes), bytes.size());
  EXPECT_EQ(packed->digest, Sha256Of(bytes));
  return bytes;
}

Artifact ReadArtifact(const std::string& bytes) {
  Artifact artifact;
  if (bytes.size() < 64 ||
      bytes.compare(bytes.size() - 64, 8, "SMOLPACK") != 0) {
    ADD_FAILURE() << "no footer";
    return artifact;
  }
  const std::string footer = bytes.substr(bytes.size() - 64);
  const uint64_t assets = Little(footer, 28, 8);
  const uint64_t manifest = Little(footer, 44, 8);
  EXPECT_EQ(assets + manifest + 64, bytes.size());
  artifact.manifest = nlohmann::json::parse(bytes.substr(assets, manifest));
  artifact.assets = Unzstd(bytes.substr(0, assets), artifact.frame_sizes);
  const nlohmann::json& layer = artifact.manifest["assets"]["layers"][0];
  ReadTar(artifact.assets, [&](archive_entry* entry, const std::string& text) {
    if (archive_entry_pathname(entry) == layer["path"].get<std::string>()) {
      artifact.layer = text;
    }
  });
  EXPECT_EQ(artifact.layer.size(), layer["size"].get<size_t>());
  ReadTar(artifact.layer, [&](archive_entry* entry, const std::string& text) {
    std::string name = archive_entry_pathname(entry);
    if (name.ends_with('/')) {
      name.pop_back();
    }
    artifact.names.push_back(name);
    EXPECT_TRUE(artifact.tree.emplace(name, Describe(entry, text)).second)
        << name << " occurs twice";
  });
  return artifact;
}

std::map<std::string, std::string> Outline(const Artifact& artifact) {
  std::map<std::string, std::string> outline = artifact.tree;
  for (auto& [path, text] : outline) {
    if (text[0] == 'f') {
      // "f MODE OWNER TIME CONTENT"
      size_t at = 2;
      for (int i = 0; i < 3; ++i) {
        at = text.find(' ', at) + 1;
      }
      text = "f " + text.substr(at);
    } else if (const size_t arrow = text.find("-> "); arrow != text.npos) {
      text = text.substr(0, 2) + text.substr(arrow + 3);
    } else {
      text = text.substr(0, 1);
    }
  }
  return outline;
}

std::string Noise(size_t size, unsigned seed) {
  std::mt19937_64 random(seed);
  std::string text(size + 8, '\0');
  for (size_t i = 0; i < size; i += 8) {
    const uint64_t word = random();
    std::memcpy(&text[i], &word, 8);
  }
  text.resize(size);
  return text;
}

std::string LayerName() { return "layers/" + LayerDigest().hex() + ".tar"; }

std::string ZstdFrame(const std::string& text, int level, int window_log) {
  ZSTD_CCtx* const context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level);
  ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, window_log);
  std::string out(ZSTD_compressBound(text.size()), '\0');
  // Streaming keeps the window that was asked for.
  ZSTD_inBuffer in = {text.data(), text.size(), 0};
  ZSTD_outBuffer to = {out.data(), out.size(), 0};
  size_t left = ZSTD_compressStream2(context, &to, &in, ZSTD_e_flush);
  EXPECT_EQ(ZSTD_isError(left), 0u);
  left = ZSTD_compressStream2(context, &to, &in, ZSTD_e_end);
  EXPECT_EQ(left, 0u);
  out.resize(to.pos);
  ZSTD_freeCCtx(context);
  return out;
}

std::string AssetsTar(const std::string& layer) {
  return TarBuilder().AddDir("layers").AddFile(LayerName(), layer).Finish();
}

std::string GnuSparse(
    const std::string& name,
    const std::vector<std::pair<int64_t, std::string>>& pieces) {
  const auto number = [](std::string& block, size_t at, int64_t value) {
    block.replace(at, 12, fmt::format("{:011o}", value) + '\0');
  };
  std::string content;
  for (const auto& [offset, text] : pieces) {
    content += text;
  }
  std::string header =
      TarBuilder::Block({.name = name,
                         .type = 'S',
                         .size = static_cast<int64_t>(content.size())});
  std::vector<std::string> blocks(1, header);
  size_t at = 386;
  size_t left = 4;
  for (const auto& [offset, text] : pieces) {
    if (left == 0) {
      blocks.back()[blocks.size() == 1 ? 482 : 504] = '\1';
      blocks.emplace_back(512, '\0');
      at = 0;
      left = 21;
    }
    number(blocks.back(), at, offset);
    number(blocks.back(), at + 12, static_cast<int64_t>(text.size()));
    at += 24;
    --left;
  }
  number(blocks.front(), 483,
         pieces.empty()
             ? 0
             : pieces.back().first +
                   static_cast<int64_t>(pieces.back().second.size()));
  TarBuilder::FixChecksum(blocks.front());
  std::string out;
  for (const std::string& block : blocks) {
    out += block;
  }
  return out + content + std::string((512 - content.size() % 512) % 512, '\0');
}

std::string SmolvmAssetsTar(const std::string& layer) {
  std::vector<std::pair<int64_t, std::string>> pieces;
  for (int64_t i = 0; i < 30; ++i) {
    pieces.emplace_back(i << 20, std::string(4096, 'e'));
  }
  pieces.emplace_back(int64_t{1} << 32, "");
  return TarBuilder()
      .AddFile("agent-rootfs.tar", TarBuilder().AddDir(".").Finish())
      .AddRaw({.name = "layers", .type = '5', .mode = 040755})
      .AddFile(LayerName(), layer)
      .AddBytes(GnuSparse("storage.ext4", pieces))
      .Finish();
}

std::string SidecarOf(const std::string& compressed_assets, int64_t layer_size,
                      const std::string& release) {
  ImageConfig config;
  config.platform = {"linux", "amd64", ""};
  const auto encoded = EncodeManifest(
      MakeManifest(config, Sha256Of("config"), {}, LayerDigest(), layer_size));
  EXPECT_TRUE(encoded.ok());
  auto json = nlohmann::ordered_json::parse(*encoded);
  json["smolvm_version"] = release;
  if (release.empty()) {
    json.erase("smolvm_version");
  }
  const std::string manifest = json.dump();
  std::string bytes = compressed_assets + manifest;
  const uint32_t crc = static_cast<uint32_t>(
      crc32(0, reinterpret_cast<const Bytef*>(bytes.data()),
            static_cast<uInt>(bytes.size())));
  return bytes +
         EncodeFooter(
             {.assets_size = static_cast<int64_t>(compressed_assets.size()),
              .manifest_size = static_cast<int64_t>(manifest.size()),
              .crc32 = crc});
}

absl::StatusOr<SidecarReport> VerifyBytes(const std::string& bytes,
                                          VerifyDepth depth,
                                          const CancelToken& cancel) {
  auto file = OpenUnnamedFile(std::filesystem::temp_directory_path());
  EXPECT_TRUE(file.ok());
  EXPECT_TRUE(WriteAll(file->get(), bytes).ok());
  return VerifySidecar(file->get(), depth, cancel, nullptr);
}

std::string ReasonIn(const absl::Status& status) {
  return status.ok() ? "OK" : GetErrorDetail(status).reason;
}

}  // namespace bottled
