// A cache with artifacts and kept layers, and packs into it, as a job makes
// them.

#ifndef BOTTLED_TESTS_PACK_KEPT_TOOLS_H_
#define BOTTLED_TESTS_PACK_KEPT_TOOLS_H_

#include <filesystem>
#include <functional>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "image/limits.h"
#include "pack/kept_layers.h"
#include "pack/pack_tools.h"

namespace bottled {

struct Layer {
  std::string tar;
  // What the archive has; empty = the tar itself.
  std::string stored = {};
};
using Stack = std::vector<Layer>;

std::string Gzip(const std::string& text);

// Few names, so that layers overwrite, delete and link what others have.
std::string RandomLayer(std::mt19937& random);

std::string Slurp(const std::filesystem::path& path);
// Replaces the file: whoever has the old one open keeps it.
void Spill(const std::filesystem::path& path, const std::string& bytes);

// Changes one byte, or cuts the end off. An empty path is left alone.
void Damage(const std::filesystem::path& path, std::mt19937& random);
// One of the files in `dir`; empty when there are none.
std::filesystem::path Any(const std::filesystem::path& dir,
                          std::mt19937& random);

class KeptFixture : public testing::Test {
 protected:
  struct Packed {
    std::string bytes;
    Digest digest;
    int reused = 0;
    // Of the artifact's uncompressed bytes, before the image was read.
    int64_t head_start = 0;
    int64_t unpacked_bytes = 0;
  };

  KeptFixture();

  std::unique_ptr<KeptLayers> Open(const KeptLayers::Options& options);

  // Packs, publishes and keeps. `before_finish` is called between reading and
  // assembly.
  absl::StatusOr<Packed> TryPack(
      const Stack& stack, const ImageLimits& limits = {},
      const std::function<void()>& before_finish = [] {}, bool reuse = true);
  Packed Pack(const Stack& stack);
  // Again without kept layers, when they turn out to be damaged or others.
  Packed PackAsAJobWould(const Stack& stack);
  // The bytes that a pack without any kept layers gives.
  std::string Cold(const Stack& stack);

  // Names in layers/.
  std::set<std::string> Names() const;

  const TestDir dir_;
  Places places_;
  std::unique_ptr<KeptLayers> layers_;
  // Between reading and assembly.
  bool wait_for_head_start_ = true;
  // NativePacker::Options has it.
  int64_t similar_bytes_ = 0;
  size_t max_head_start_frames_ = SIZE_MAX;
};

}  // namespace bottled

#endif  // BOTTLED_TESTS_PACK_KEPT_TOOLS_H_
