// TarBuilder: small tars for tests, with every field under the test's control.
// It is no TarWriter: it writes what it is told, also what no image should
// have. Header-only, so that the tests of other layers can include it.

#ifndef BOTTLED_TESTS_IMAGE_TAR_BUILDER_H_
#define BOTTLED_TESTS_IMAGE_TAR_BUILDER_H_

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "fmt/format.h"
#include "image/digest.h"
#include "nlohmann/json.hpp"

namespace bottled {

// The fields of one header block. Numbers that do not fit become base-256.
struct RawHeader {
  std::string name = {};
  char type = '0';
  int64_t mode = 0644;
  int64_t uid = 0;
  int64_t gid = 0;
  int64_t size = 0;
  int64_t mtime = 1700000000;
  std::string link = {};
  int64_t device_major = 0;
  int64_t device_minor = 0;
  // The magic of POSIX in place of GNU's. A hard link's size counts only then.
  bool posix = false;
};

class TarBuilder {
 public:
  static constexpr int64_t kTime = 1700000000;

  TarBuilder& AddFile(const std::string& path, const std::string& content,
                      int64_t mode = 0644, int64_t uid = 0, int64_t gid = 0,
                      int64_t mtime = kTime) {
    return AddRaw({.name = path,
                   .type = '0',
                   .mode = mode,
                   .uid = uid,
                   .gid = gid,
                   .size = static_cast<int64_t>(content.size()),
                   .mtime = mtime},
                  content);
  }

  TarBuilder& AddDir(const std::string& path, int64_t mode = 0755,
                     int64_t uid = 0, int64_t gid = 0, int64_t mtime = kTime) {
    return AddRaw({.name = path + "/",
                   .type = '5',
                   .mode = mode,
                   .uid = uid,
                   .gid = gid,
                   .mtime = mtime});
  }

  TarBuilder& AddSymlink(const std::string& path, const std::string& target) {
    return AddRaw({.name = path, .type = '2', .mode = 0777, .link = target});
  }

  TarBuilder& AddHardlink(const std::string& path, const std::string& target) {
    return AddRaw({.name = path, .type = '1', .link = target});
  }

  // `type` is '3' (character) or '4' (block).
  TarBuilder& AddDevice(const std::string& path, char type, int64_t major,
                        int64_t minor) {
    return AddRaw({.name = path,
                   .type = type,
                   .device_major = major,
                   .device_minor = minor});
  }

  TarBuilder& AddFifo(const std::string& path) {
    return AddRaw({.name = path, .type = '6'});
  }

  // A PAX record block for the next entry.
  TarBuilder& AddPax(
      const std::vector<std::pair<std::string, std::string>>& records) {
    std::string body;
    for (const auto& [key, value] : records) {
      const size_t payload = key.size() + value.size() + 3;
      size_t total = payload + 1;
      while (std::to_string(total).size() + payload != total) {
        ++total;
      }
      body += fmt::format("{} {}={}\n", total, key, value);
    }
    return AddRaw({.name = "PaxHeaders/x",
                   .type = 'x',
                   .size = static_cast<int64_t>(body.size())},
                  body);
  }

  // The header, GNU L and K records before it where name or link need them,
  // then `content` and padding. header.size and content may disagree.
  TarBuilder& AddRaw(const RawHeader& header, const std::string& content = {}) {
    if (header.link.size() > 100) {
      AddLong('K', header.link);
    }
    if (header.name.size() > 100) {
      AddLong('L', header.name);
    }
    Append(Block(header), content);
    return *this;
  }

  // Bytes as they are.
  TarBuilder& AddBytes(const std::string& bytes) {
    tar_ += bytes;
    return *this;
  }

  const std::string& Unfinished() const { return tar_; }

  // Everything and the two zero blocks.
  std::string Finish() const { return tar_ + std::string(1024, '\0'); }

  // One header block with a right checksum.
  static std::string Block(const RawHeader& header) {
    std::string block(512, '\0');
    Copy(block, 0, 100, header.name);
    Number(block, 100, 8, header.mode);
    Number(block, 108, 8, header.uid);
    Number(block, 116, 8, header.gid);
    Number(block, 124, 12, header.size);
    Number(block, 136, 12, header.mtime);
    block[156] = header.type;
    Copy(block, 157, 100, header.link);
    std::memcpy(&block[257], header.posix ? "ustar\00000" : "ustar  ", 8);
    Number(block, 329, 8, header.device_major);
    Number(block, 337, 8, header.device_minor);
    FixChecksum(block);
    return block;
  }

  static void FixChecksum(std::string& block) {
    std::memset(&block[148], ' ', 8);
    unsigned sum = 0;
    for (size_t i = 0; i < 512; ++i) {
      sum += static_cast<unsigned char>(block[i]);
    }
    std::memcpy(&block[148], fmt::format("{:06o}", sum).data(), 6);
    block[154] = '\0';
  }

 private:
  static void Copy(std::string& block, size_t at, size_t width,
                   const std::string& text) {
    std::memcpy(&block[at], text.data(), std::min(width, text.size()));
  }

  static void Number(std::string& block, size_t at, size_t width,
                     int64_t value) {
    const std::string octal = value < 0
                                  ? std::string(width, '7')
                                  : fmt::format("{:0{}o}", value, width - 1);
    if (octal.size() < width) {
      std::memcpy(&block[at], octal.data(), octal.size());
      return;
    }
    auto bits = static_cast<uint64_t>(value);
    for (size_t i = width; i-- > 0;) {
      block[at + i] = static_cast<char>(bits & 0xff);
      bits = (bits >> 8) | (value < 0 ? uint64_t{0xff} << 56 : 0);
    }
    block[at] = static_cast<char>(static_cast<unsigned char>(block[at]) | 0x80);
  }

  void AddLong(char type, const std::string& text) {
    Append(Block({.name = "././@LongLink",
                  .type = type,
                  .size = static_cast<int64_t>(text.size()) + 1}),
           text + '\0');
  }

  void Append(const std::string& block, const std::string& content) {
    tar_ += block;
    tar_ += content;
    tar_.append((512 - content.size() % 512) % 512, '\0');
  }

  std::string tar_;
};

// An archive to make. Layers are plain tars, bottom first.
struct TestImage {
  std::vector<std::string> layers;
  // The config's "config" member: {"Env": [...], "Cmd": [...], "User": ...}.
  nlohmann::json config = nlohmann::json::object();
  std::vector<std::string> tags = {"test/image:1"};
  std::string architecture = "amd64";
  std::string os = "linux";
  std::string created = "2026-01-02T03:04:05Z";
};

// The config blob of `image`; its SHA-256 is the image ID.
inline std::string TestConfigBlob(const TestImage& image) {
  nlohmann::json config = {
      {"architecture", image.architecture},
      {"os", image.os},
      {"created", image.created},
      {"config", image.config},
      {"rootfs", {{"type", "layers"}, {"diff_ids", nlohmann::json::array()}}}};
  for (const std::string& layer : image.layers) {
    config["rootfs"]["diff_ids"].push_back(Sha256Of(layer).ToString());
  }
  return config.dump();
}

enum class ArchiveLayout {
  kLegacy,  // <id>/layer.tar, duplicates as symbolic links (dockerd <= 24)
  kBlobs,   // blobs/sha256/<digest> (dockerd >= 25)
};

// The archive that `docker save` would make.
inline std::string MakeDockerArchive(
    const TestImage& image, ArchiveLayout layout = ArchiveLayout::kBlobs) {
  const std::string config = TestConfigBlob(image);
  TarBuilder tar;
  nlohmann::json paths = nlohmann::json::array();
  std::vector<std::string> written;
  for (size_t i = 0; i < image.layers.size(); ++i) {
    const std::string hex = Sha256Of(image.layers[i]).hex();
    size_t first = 0;
    while (first < written.size() && written[first] != hex) {
      ++first;
    }
    const bool duplicate = first < written.size();
    written.push_back(hex);
    if (layout == ArchiveLayout::kBlobs) {
      paths.push_back("blobs/sha256/" + hex);
      if (!duplicate) {
        tar.AddFile("blobs/sha256/" + hex, image.layers[i]);
      }
      continue;
    }
    const std::string id = fmt::format("{:064x}", i + 1);
    tar.AddDir(id);
    tar.AddFile(id + "/VERSION", "1.0");
    paths.push_back(id + "/layer.tar");
    if (duplicate) {
      tar.AddSymlink(id + "/layer.tar",
                     fmt::format("../{:064x}/layer.tar", first + 1));
    } else {
      tar.AddFile(id + "/layer.tar", image.layers[i]);
    }
  }
  const std::string hex = Sha256Of(config).hex();
  const std::string config_path =
      layout == ArchiveLayout::kBlobs ? "blobs/sha256/" + hex : hex + ".json";
  tar.AddFile(config_path, config);
  const nlohmann::json entry = {
      {"Config", config_path}, {"RepoTags", image.tags}, {"Layers", paths}};
  tar.AddFile("manifest.json", nlohmann::json::array({entry}).dump());
  return tar.Finish();
}

}  // namespace bottled

#endif  // BOTTLED_TESTS_IMAGE_TAR_BUILDER_H_
