#include "pack/kept_layers.h"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "base/seed.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "image/tar_builder.h"
#include "pack/kept_tools.h"
#include "pack/layer_cutter.h"
#include "pack/pack_tools.h"
#include "platform/file.h"

namespace bottled {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

constexpr size_t kKeptBlock = static_cast<size_t>(kBlockBytes);

using KeptLayersTest = KeptFixture;

std::string NoiseLayer(unsigned seed, size_t files = 20) {
  TarBuilder tar;
  tar.AddDir(fmt::format("d{}", seed));
  for (size_t i = 0; i < files; ++i) {
    tar.AddFile(fmt::format("d{}/f{}", seed, i),
                Noise(9'000, seed * 100 + static_cast<unsigned>(i)));
  }
  return tar.Finish();
}

TEST_F(KeptLayersTest, ASharedLayerIsTakenOverAndTheBytesAreTheSame) {
  const std::string base = NoiseLayer(1);
  Pack({{base}, {TarBuilder().AddFile("top", "1").Finish()}});
  const Stack changed = {{base}, {TarBuilder().AddFile("top", "2").Finish()}};
  const Packed packed = Pack(changed);
  EXPECT_EQ(packed.reused, 1);
  EXPECT_TRUE(packed.bytes == Cold(changed));
}

TEST_F(KeptLayersTest, FramesThatNoArtifactHasAreKeptBeside) {
  const std::string base = TarBuilder()
                               .AddFile("big", Noise(2 * kKeptBlock, 1))
                               .AddFile("deleted", Noise(kKeptBlock / 2, 2))
                               .AddFile("beside", Noise(kKeptBlock / 4, 3))
                               .Finish();
  // Its second block is cut again, and the deleted file is in no artifact.
  Pack({{base}, {TarBuilder().AddFile(".wh.deleted", "").Finish()}});
  EXPECT_GT(layers_->Bytes(), static_cast<int64_t>(kKeptBlock / 4));
  const Packed all = Pack({{base}});
  EXPECT_EQ(all.reused, 1);
  EXPECT_TRUE(all.bytes == Cold({{base}}));
  // Now the artifact has them all.
  EXPECT_LT(layers_->Bytes(), 4096);
}

TEST_F(KeptLayersTest, ACompressedLayerIsKnownByItsCompressedBytes) {
  const std::string base = NoiseLayer(2);
  const Layer packed{base, Gzip(base)};
  Pack({packed});
  const Stack again = {packed, {TarBuilder().AddFile("a", "1").Finish()}};
  EXPECT_EQ(Pack(again).reused, 1);
  // The same layer in another form is not, but then is kept in that one.
  const Stack plain = {{base}};
  const Packed other = Pack(plain);
  EXPECT_EQ(other.reused, 0);
  EXPECT_TRUE(other.bytes == Cold(plain));
  EXPECT_EQ(Pack(plain).reused, 1);
}

TEST_F(KeptLayersTest, ALayerThatOccursTwiceIsTakenOverOnce) {
  const std::string base = NoiseLayer(3);
  const Stack stack = {
      {base}, {TarBuilder().AddFile("d3/.wh.f1", "").Finish()}, {base}};
  Pack(stack);
  const Packed again = Pack(stack);
  EXPECT_EQ(again.reused, 2);
  EXPECT_TRUE(again.bytes == Cold(stack));
}

TEST_F(KeptLayersTest, ABlobThatOnlyLooksLikeItIsNoticed) {
  std::string one = NoiseLayer(4);
  std::string other = one;
  other[other.size() - 2000] = static_cast<char>(~other[other.size() - 2000]);
  Pack({{one}});
  // The image has both, so both are wanted.
  EXPECT_EQ(ReasonIn(TryPack({{one}, {other}}).status()),
            "KNOWN_LAYER_DIFFERS");
}

TEST_F(KeptLayersTest, OfTwoThatLookAlikeNoneIsTaken) {
  std::string one = NoiseLayer(5);
  std::string other = one;
  other[other.size() - 2000] = static_cast<char>(~other[other.size() - 2000]);
  Pack({{one}});
  Pack({{other}});
  const Packed both = Pack({{one}, {other}});
  EXPECT_EQ(both.reused, 0);
  EXPECT_TRUE(both.bytes == Cold({{one}, {other}}));
}

TEST_F(KeptLayersTest, WhatLimitsRefuseIsRefusedOfAKnownLayerToo) {
  const std::string base = NoiseLayer(6);
  Pack({{base}});
  ImageLimits limits;
  limits.max_entries = 20;
  EXPECT_EQ(ReasonIn(TryPack({{base}}, limits).status()), "IMAGE_TOO_LARGE");
  limits.max_entries = 21;
  EXPECT_TRUE(TryPack({{base}}, limits).ok());
  limits.max_unpacked_bytes = static_cast<int64_t>(base.size()) - 1;
  EXPECT_EQ(ReasonIn(TryPack({{base}}, limits).status()), "IMAGE_TOO_LARGE");
}

TEST_F(KeptLayersTest, WithoutItsArtifactAKeptLayerGoes) {
  const std::string base = NoiseLayer(7);
  const Packed packed = Pack({{base}});
  std::filesystem::remove(places_.object(packed.digest.hex()));
  const Packed again = Pack({{base}});
  EXPECT_EQ(again.reused, 0);
  EXPECT_TRUE(again.bytes == packed.bytes);
  std::filesystem::remove(places_.object(packed.digest.hex()));
  EXPECT_GT(layers_->Trim(INT64_MAX), 0);
  EXPECT_THAT(Names(), IsEmpty());
}

TEST_F(KeptLayersTest, AnArtifactThatIsRemovedMeanwhileIsReadToItsEnd) {
  const std::string base = NoiseLayer(8);
  const Packed packed = Pack({{base}});
  const auto again = TryPack({{base}}, {}, [&] {
    std::filesystem::remove(places_.object(packed.digest.hex()));
  });
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->reused, 1);
  EXPECT_TRUE(again->bytes == packed.bytes);
}

TEST_F(KeptLayersTest, TrimTakesWhatWasUsedLeastLately) {
  for (unsigned i = 10; i < 14; ++i) {
    Pack({{NoiseLayer(i)}});
  }
  // The disk's clock is coarse.
  auto time = std::filesystem::file_time_type::clock::now();
  for (unsigned i = 13; i >= 10; --i) {
    time -= std::chrono::seconds(10);
    for (const std::string& name : Names()) {
      if (name.find(Sha256Of(NoiseLayer(i)).hex()) != name.npos) {
        std::filesystem::last_write_time(places_.layers() / name, time);
      }
    }
  }
  Pack({{NoiseLayer(10)}, {NoiseLayer(14)}});
  ASSERT_THAT(Names(), SizeIs(5));
  const int64_t one = layers_->Bytes() / 5;
  layers_->Trim(one * 3 + one / 2);
  EXPECT_THAT(Names(), SizeIs(3));
  EXPECT_EQ(Pack({{NoiseLayer(10)}, {NoiseLayer(14)}}).reused, 2);
  EXPECT_EQ(Pack({{NoiseLayer(11)}}).reused, 0);
}

TEST_F(KeptLayersTest, WhatIsNotOursGoes) {
  Pack({{NoiseLayer(15)}});
  ASSERT_THAT(Names(), SizeIs(1));
  const std::string name = *Names().begin();
  std::filesystem::copy(places_.layers() / name, places_.layers() / "other");
  std::filesystem::copy(places_.layers() / name,
                        places_.layers() / ("0" + name));
  std::ofstream(places_.layers() / "x.tmp") << "half";
  std::filesystem::create_symlink("/etc/passwd", places_.layers() / "link");
  EXPECT_GT(layers_->Trim(INT64_MAX), 0);
  EXPECT_THAT(Names(), testing::ElementsAre(name));
}

TEST_F(KeptLayersTest, APackKeepsToTheLimit) {
  Pack({{NoiseLayer(17)}});
  const int64_t one = layers_->Bytes();
  layers_ = Open({.max_bytes = 2 * one + one / 2});
  for (unsigned i = 18; i < 22; ++i) {
    Pack({{NoiseLayer(i)}});
    EXPECT_LE(layers_->Bytes(), 2 * one + one / 2);
  }
  EXPECT_THAT(Names(), SizeIs(2));
}

TEST_F(KeptLayersTest, WhatIsLargerThanAllMayBeIsNotKept) {
  layers_ = Open({.max_bytes = 100});
  Pack({{NoiseLayer(16)}});
  EXPECT_THAT(Names(), IsEmpty());
}

// Whatever happens to the bytes: they are noticed, or they did not matter.
TEST_F(KeptLayersTest, ADamagedFileIsNeverUsed) {
  const Stack stack = {{TarBuilder()
                            .AddFile("a", Noise(3'000, 1))
                            .AddFile("b", Noise(3'000, 2))
                            .Finish()},
                       {TarBuilder().AddFile(".wh.b", "").Finish()}};
  const Packed packed = Pack(stack);
  const std::string cold = Cold({stack[0]});
  std::filesystem::path kept;
  for (const std::string& name : Names()) {
    if (name.find(Sha256Of(stack[0].tar).hex()) != name.npos) {
      kept = places_.layers() / name;
    }
  }
  const std::string good = Slurp(kept);
  const size_t step = good.size() / 150 + 1;
  for (size_t at = 0; at < good.size(); at += step) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ (1 << (at % 8)));
    Spill(kept, bad);
    EXPECT_TRUE(PackAsAJobWould({stack[0]}).bytes == cold) << at;
    Spill(kept, good.substr(0, at));
    EXPECT_TRUE(PackAsAJobWould({stack[0]}).bytes == cold) << at;
    // The artifact that it refers to was made again by neither.
    ASSERT_TRUE(PathExists(places_.object(packed.digest.hex())));
  }
}

// Random stacks of few layers, packed one after the other, while files are
// damaged and removed: always the bytes of a cold pack.
TEST_F(KeptLayersTest, AlwaysTheBytesOfAColdPack) {
  const unsigned seed = TestSeed();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937 random(seed);
  const auto below = [&](size_t n) { return random() % n; };
  std::vector<Layer> pool;
  for (int i = 0; i < 9; ++i) {
    const std::string tar = RandomLayer(random);
    pool.push_back({tar, below(3) == 0 ? Gzip(tar) : ""});
  }
  int reused = 0;
  int head_starts = 0;
  for (int round = 0; round < 60; ++round) {
    Stack stack;
    for (size_t n = 1 + below(5); n > 0; --n) {
      stack.push_back(pool[below(pool.size())]);
    }
    const Packed packed = PackAsAJobWould(stack);
    ASSERT_TRUE(packed.bytes == Cold(stack)) << "round " << round;
    reused += packed.reused;
    head_starts += packed.head_start > 0 ? 1 : 0;
    switch (below(5)) {
      case 0:
        Damage(Any(places_.layers(), random), random);
        break;
      case 1:
        Damage(places_.object(packed.digest.hex()), random);
        break;
      case 2:
        std::filesystem::remove(Any(places_.layers(), random));
        break;
      case 3:
        pool[below(pool.size())] = {RandomLayer(random), ""};
        break;
      default:
        break;
    }
  }
  EXPECT_GT(reused, 20);
  EXPECT_GT(head_starts, 5);
}

}  // namespace
}  // namespace bottled
