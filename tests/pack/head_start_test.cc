#include "pack/head_start.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "image/tar_builder.h"
#include "pack/kept_tools.h"
#include "pack/layer_cutter.h"
#include "pack/pack_tools.h"

namespace bottled {
namespace {

using HeadStartTest = KeptFixture;

// Of several blocks, the first with many small files.
Layer Base() {
  TarBuilder tar;
  tar.AddDir("base").AddDir("base/d", 0750, 1, 2, 1600000000);
  for (unsigned i = 0; i < 40; ++i) {
    tar.AddFile(fmt::format("base/d/f{}", i), Noise(30'000, i));
  }
  return {tar.AddFile("base/big", Noise(2 * kBlockBytes, 99)).Finish()};
}

Layer Top(const std::string& content) {
  return {TarBuilder()
              .AddDir("base", 0755, 0, 0, 1700000000)
              .AddDir("app")
              .AddFile("app/main", content)
              .Finish()};
}

TEST_F(HeadStartTest, WritesTheLowerLayersWhileTheUpperIsNotKnown) {
  Pack({Base(), Top("1")});
  const Stack changed = {Base(), Top("2")};
  const Packed packed = Pack(changed);
  EXPECT_GT(packed.head_start, 2 * kBlockBytes);
  EXPECT_TRUE(packed.bytes == Cold(changed));
}

TEST_F(HeadStartTest, NewDirectoriesAboveDoNotSpoilIt) {
  Pack({Base(), Top("1")});
  const Stack changed = {Base(),
                         {TarBuilder()
                              .AddDir("a")
                              .AddDir("base/d", 0750, 1, 2, 1800000000)
                              .AddFile("a/f", "1")
                              .AddFile("base/d/new/g", "2")
                              .Finish()}};
  const Packed packed = Pack(changed);
  EXPECT_GT(packed.head_start, 2 * kBlockBytes);
  EXPECT_TRUE(packed.bytes == Cold(changed));
}

TEST_F(HeadStartTest, AFileThatGoesSpoilsItAndNothingOfItRemains) {
  const std::string secret = Noise(600, 7);
  const Layer base = {TarBuilder()
                          .AddFile("kept", Noise(9'000, 1))
                          .AddFile("secret", secret)
                          .AddFile("large", Noise(kBlockBytes, 2))
                          .Finish()};
  Pack({base, Top("1")});
  const Stack changed = {base,
                         {TarBuilder().AddFile(".wh.secret", "").Finish()}};
  const Packed packed = Pack(changed);
  EXPECT_EQ(packed.head_start, 0);
  EXPECT_EQ(packed.reused, 1);
  EXPECT_TRUE(packed.bytes == Cold(changed));
  EXPECT_EQ(packed.bytes.find(secret.substr(0, 64)), std::string::npos);
}

TEST_F(HeadStartTest, AnotherModeOfADirectorySpoilsIt) {
  Pack({Base(), Top("1")});
  const Stack changed = {Base(),
                         {TarBuilder().AddDir("base/d", 0700, 1, 2).Finish()}};
  const Packed packed = Pack(changed);
  EXPECT_EQ(packed.head_start, 0);
  EXPECT_TRUE(packed.bytes == Cold(changed));
}

// The first header has the size of all.
TEST_F(HeadStartTest, ALayerThatGrowsBeyondThePaddingSpoilsIt) {
  Pack({Base(), Top("1")});
  const Stack grown = {Base(), Top(Noise(300'000, 3))};
  const Packed packed = Pack(grown);
  EXPECT_EQ(packed.head_start, 0);
  EXPECT_TRUE(packed.bytes == Cold(grown));
  // Now that is the size to expect.
  const Stack again = {Base(), Top(Noise(300'000, 4))};
  EXPECT_GT(Pack(again).head_start, 2 * kBlockBytes);
}

TEST_F(HeadStartTest, WhatLowerLayersCutOfEachOtherIsNoSurprise) {
  const Layer cutting = {TarBuilder()
                             .AddFile("base/d/.wh.f3", "")
                             .AddFile("base/d/f5", "another")
                             .AddHardlink("link", "base/d/f6")
                             .Finish()};
  Pack({Base(), cutting, Top("1")});
  const Stack changed = {Base(), cutting, Top("2")};
  const Packed packed = Pack(changed);
  EXPECT_EQ(packed.reused, 2);
  EXPECT_GT(packed.head_start, 2 * kBlockBytes);
  EXPECT_TRUE(packed.bytes == Cold(changed));
}

TEST_F(HeadStartTest, GoesNoFurtherThanTheFirstLayerThatIsNotKept) {
  const Layer middle = {TarBuilder().AddFile("m", Noise(50'000, 5)).Finish()};
  Pack({Base(), middle, Top("1")});
  const Stack changed = {Base(), Top("2"), middle};
  const Packed packed = Pack(changed);
  EXPECT_EQ(packed.reused, 2);
  EXPECT_GT(packed.head_start, 2 * kBlockBytes);
  EXPECT_TRUE(packed.bytes == Cold(changed));
  // Nothing is known from the bottom.
  const Stack other = {Top("3"), middle, Base()};
  EXPECT_EQ(Pack(other).head_start, 0);
}

TEST_F(HeadStartTest, ADamagedFrameIsTheSameErrorAsWithoutIt) {
  const Packed packed = Pack({Base(), Top("1")});
  std::string bad = packed.bytes;
  bad[bad.size() / 2] = static_cast<char>(~bad[bad.size() / 2]);
  Spill(places_.object(packed.digest.hex()), bad);
  EXPECT_EQ(ReasonIn(TryPack({Base(), Top("2")}).status()),
            "KEPT_LAYER_DAMAGED");
  EXPECT_TRUE(std::filesystem::is_empty(places_.stage()));
  const Stack changed = {Base(), Top("2")};
  EXPECT_TRUE(PackAsAJobWould(changed).bytes == Cold(changed));
}

TEST_F(HeadStartTest, AnImageThatIsNotFinishedLeavesNothing) {
  Pack({Base(), Top("1")});
  const Stack changed = {Base(), Top("2")};
  for (const bool wait : {false, true}) {
    CancelSource cancel;
    auto packer = NativePacker::Create(
        {.stage_dir = places_.stage(),
         .kept = layers_.get(),
         .reuse = {Sha256Of(changed[0].tar), Sha256Of(changed[1].tar)}},
        cancel.token());
    ASSERT_TRUE(packer.ok());
    if (wait) {
      (*packer)->WaitForHeadStart();
      EXPECT_FALSE(std::filesystem::is_empty(places_.stage()));
    } else {
      cancel.Cancel();
    }
    packer->reset();
    EXPECT_TRUE(std::filesystem::is_empty(places_.stage()));
  }
}

// Real images have such between the large ones.
TEST_F(HeadStartTest, GoesOnBehindSmallLayers) {
  layers_ = Open({.max_bytes = int64_t{1} << 40});
  const Layer tiny = {TarBuilder().AddDir("workdir").Finish()};
  const Layer empty = {TarBuilder().Finish()};
  const Layer more = {TarBuilder().AddFile("m", Noise(3'000'000, 5)).Finish()};
  Pack({tiny, Base(), empty, more, Top("1")});
  const Stack changed = {tiny, Base(), empty, more, Top("2")};
  const Packed packed = Pack(changed);
  EXPECT_EQ(packed.reused, 4);
  EXPECT_GT(packed.head_start, 2 * kBlockBytes + 3'000'000);
  EXPECT_TRUE(packed.bytes == Cold(changed));
}

// Two images on one base, built in turns: the artifact that has the base last
// is always the other's.
TEST_F(HeadStartTest, IsToldHowLargeTheImageWas) {
  const Stack large = {Base(), Top(Noise(300'000, 3))};
  const Packed first = Pack({Base(), Top("1")});
  Pack(large);
  EXPECT_EQ(Pack({Base(), Top("2")}).head_start, 0);
  Pack(large);
  similar_bytes_ = first.unpacked_bytes;
  const Stack changed = {Base(), Top("3")};
  const Packed again = Pack(changed);
  EXPECT_GT(again.head_start, 2 * kBlockBytes);
  EXPECT_TRUE(again.bytes == Cold(changed));
}

// Engines may send at once: any point is a good one to go on from.
TEST_F(HeadStartTest, MayBeStoppedAnywhere) {
  TarBuilder tar;
  for (unsigned i = 0; i < 40; ++i) {
    tar.AddFile(fmt::format("f{}", i), Noise(600'000, i));
  }
  const Layer base = {tar.Finish()};
  const Stack stacks[] = {{base, Top("0")}, {base, Top("1")}};
  Pack(stacks[0]);
  const std::string cold[] = {Cold(stacks[0]), Cold(stacks[1])};
  int64_t last = -1;
  for (size_t frames = 0; frames < 7; ++frames) {
    max_head_start_frames_ = frames;
    const Packed packed = Pack(stacks[frames % 2]);
    ASSERT_TRUE(packed.bytes == cold[frames % 2]) << frames;
    EXPECT_GT(packed.head_start, last) << frames;
    last = packed.head_start;
  }
  // Wherever it is by then.
  max_head_start_frames_ = SIZE_MAX;
  wait_for_head_start_ = false;
  for (size_t round = 0; round < 10; ++round) {
    ASSERT_TRUE(Pack(stacks[round % 2]).bytes == cold[round % 2]) << round;
  }
}

}  // namespace
}  // namespace bottled
