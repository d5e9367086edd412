#include "pack/frame_plan.h"

#include <cstdint>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "image/tar_builder.h"
#include "pack/pack_tools.h"

namespace bottled {
namespace {

using testing::SizeIs;

// So that the header of a layer that changes a little stays the same.
TEST(FramePlanTest, PadsTheLayer) {
  constexpr int64_t kUnit = 65536;
  for (const size_t size :
       {size_t{0}, size_t{kUnit - 1024 - 512}, size_t{kUnit - 1024 - 511},
        size_t{2 * kBlockBytes}}) {
    TestImage image;
    image.layers = {TarBuilder().AddFile("f", Noise(size, 1)).Finish()};
    const Artifact artifact = ReadArtifact(PackImage(image));
    const auto bytes = static_cast<int64_t>(artifact.layer.size());
    EXPECT_EQ(bytes % kUnit, 0);
    EXPECT_EQ(bytes, PaddedLayerBytes(512 + (size + 511) / 512 * 512));
    EXPECT_EQ(artifact.manifest["assets"]["layers"][0]["size"], bytes);
    EXPECT_THAT(Outline(artifact), SizeIs(1));
  }
  EXPECT_EQ(PaddedLayerBytes(0), kUnit);
  EXPECT_EQ(PaddedLayerBytes(kUnit - 1024), kUnit);
  EXPECT_EQ(PaddedLayerBytes(kUnit - 512), 2 * kUnit);
  // 1/64 of the greatest power of two, from 4 MiB on.
  EXPECT_EQ(PaddedLayerBytes(int64_t{8} << 20), (int64_t{8} << 20) + 131072);
  EXPECT_EQ(PaddedLayerBytes((int64_t{5} << 29) - 1024), int64_t{5} << 29);
  EXPECT_EQ(PaddedLayerBytes((int64_t{5} << 29) - 512),
            (int64_t{5} << 29) + (int64_t{32} << 20));
}

}  // namespace
}  // namespace bottled
