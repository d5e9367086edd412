// What the tests of packer and verifier share: packing archives from memory,
// making sidecars by hand, and a reader of artifacts that shares no code with
// the packer but the tests' own.

#ifndef BOTTLED_TESTS_PACK_PACK_TOOLS_H_
#define BOTTLED_TESTS_PACK_PACK_TOOLS_H_

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "image/tar_builder.h"
#include "nlohmann/json.hpp"
#include "pack/native_packer.h"
#include "pack/verifier.h"

namespace bottled {

// A directory of its own for one test, removed at the end.
class TestDir {
 public:
  TestDir();
  ~TestDir();
  TestDir(const TestDir&) = delete;
  TestDir& operator=(const TestDir&) = delete;

  const std::filesystem::path& path() const { return path_; }
  bool Empty() const { return std::filesystem::is_empty(path_); }

 private:
  std::filesystem::path path_;
};

// A string as a source of blocks.
class TextSource : public ByteSource {
 public:
  explicit TextSource(std::string text) : text_(std::move(text)) {}

  absl::StatusOr<std::string_view> Next() override {
    const std::string_view block =
        std::string_view(text_).substr(at_, size_t{1} << 16);
    at_ += block.size();
    return block;
  }

 private:
  const std::string text_;
  size_t at_ = 0;
};

// Reads `archive` and packs it into `dir`.
absl::StatusOr<PackedSidecar> PackArchive(
    const std::string& archive, const TestDir& dir, int threads = 2,
    const CancelToken& cancel = {},
    const NativePacker::Progress& progress = [](NativePacker::Phase, int64_t,
                                                int64_t) {});

// What PackArchive() makes of `image`, in memory. Fails the test on an error.
std::string PackImage(const TestImage& image,
                      ArchiveLayout layout = ArchiveLayout::kBlobs,
                      int threads = 2);

// Artifacts as another program would see them.
struct Artifact {
  nlohmann::json manifest;
  std::string assets;  // decoded
  std::string layer;   // the inner tar
  std::vector<size_t> frame_sizes;
  // In the order of the inner tar.
  std::vector<std::string> names;
  // By path: "f 0644 1:2 1700000000 CONTENT", "d …", "l … -> TARGET",
  // "h -> FIRST NAME".
  std::map<std::string, std::string> tree;
};
Artifact ReadArtifact(const std::string& bytes);

// Only the types, links and contents of the tree, for tests about nothing else:
// "f CONTENT", "d", "l TARGET", "h FIRST NAME".
std::map<std::string, std::string> Outline(const Artifact& artifact);

// `size` bytes that do not compress and differ with `seed`.
std::string Noise(size_t size, unsigned seed);

// A sidecar around assets that are made by hand. All checksums are right. Its
// manifest says that `release` of smolvm made it; empty = nothing about that.
std::string SidecarOf(const std::string& compressed_assets, int64_t layer_size,
                      const std::string& release = "1.32.2");
// One zstd frame.
std::string ZstdFrame(const std::string& text, int level = 1,
                      int window_log = 0);
// The assets tar with `layer` under the promised name.
std::string AssetsTar(const std::string& layer);
std::string LayerName();

// A member of GNU tar's sparse kind, with its blocks: pieces at their offsets,
// and the file ends where the last one does.
std::string GnuSparse(
    const std::string& name,
    const std::vector<std::pair<int64_t, std::string>>& pieces);
// Assets in the shape that smolvm's own packer gives them (boot.md): the
// agent's tar, the layer, and the storage template with holes.
std::string SmolvmAssetsTar(const std::string& layer);

absl::StatusOr<SidecarReport> VerifyBytes(const std::string& bytes,
                                          VerifyDepth depth,
                                          const CancelToken& cancel = {});

// The reason of a failure; "OK" for success.
std::string ReasonIn(const absl::Status& status);

}  // namespace bottled

#endif  // BOTTLED_TESTS_PACK_PACK_TOOLS_H_
