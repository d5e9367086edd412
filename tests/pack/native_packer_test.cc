#include "pack/native_packer.h"

#include <fstream>
#include <string>

#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "image/chain_id.h"
#include "pack/layer_cutter.h"
#include "pack/pack_tools.h"

namespace bottled {
namespace {

using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Le;
using testing::Not;
using testing::Pair;
using testing::SizeIs;
using testing::UnorderedElementsAre;

constexpr size_t kBlock = static_cast<size_t>(kBlockBytes);

Artifact PackLayers(const std::vector<std::string>& layers) {
  TestImage image;
  image.layers = layers;
  return ReadArtifact(PackImage(image));
}

TEST(NativePackerTest, KeepsMetadata) {
  const Artifact artifact = PackLayers(
      {TarBuilder()
           .AddDir("etc", 0750, 3, 4, 1600000000)
           .AddFile("etc/shadow", "secret", 0640, 0, 3'000'000'000, 1500000000)
           .AddFile("su", "#!", 04755)
           .AddSymlink("lib", "usr/lib")
           .AddDevice("null", '3', 1, 3)
           .AddFifo("pipe")
           .AddFile(std::string(255, 'n'), "long")
           .AddHardlink("su2", "su")
           .Finish()});
  EXPECT_THAT(
      artifact.tree,
      UnorderedElementsAre(
          // Of a directory's time nobody would see anything.
          Pair("etc", "d 0750 3:4 0"),
          Pair("etc/shadow", "f 0640 0:3000000000 1500000000 secret"),
          Pair("lib", "l 0777 0:0 1700000000 -> usr/lib"),
          Pair("null", "c 0644 0:0 1700000000 1,3"),
          Pair("pipe", "p 0644 0:0 1700000000"),
          // The link's header owns the inode's mode: the last one counts.
          Pair("su", "f 0644 0:0 1700000000 #!"), Pair("su2", "h -> su"),
          Pair(std::string(255, 'n'), "f 0644 0:0 1700000000 long")));
}

TEST(NativePackerTest, WritesTheManifest) {
  TestImage image;
  image.layers = {TarBuilder().AddFile("a", "1").Finish(),
                  TarBuilder().AddFile("b", "2").Finish()};
  image.config = {{"User", "agent"},
                  {"Env", {"A=1"}},
                  {"Cmd", {"sh"}},
                  {"Entrypoint", {"/init"}},
                  {"WorkingDir", "/srv"}};
  const Artifact artifact = ReadArtifact(PackImage(image));
  const std::vector<Digest> diff_ids = {Sha256Of(image.layers[0]),
                                        Sha256Of(image.layers[1])};
  const Digest config = Sha256Of(TestConfigBlob(image));
  EXPECT_EQ(artifact.manifest["user"], "agent");
  EXPECT_EQ(artifact.manifest["env"], nlohmann::json({"A=1"}));
  EXPECT_EQ(artifact.manifest["cmd"], nlohmann::json({"sh"}));
  EXPECT_EQ(artifact.manifest["entrypoint"], nlohmann::json({"/init"}));
  EXPECT_EQ(artifact.manifest["workdir"], "/srv");
  EXPECT_EQ(artifact.manifest["digest"], config.ToString());
  EXPECT_EQ(artifact.manifest["image"], "local:" + config.hex());
  EXPECT_EQ(artifact.manifest["assets"]["layers"][0]["digest"],
            ChainId(diff_ids).ToString());
}

TEST(NativePackerTest, AppliesWhiteoutsAndSwaps) {
  const Artifact artifact = PackLayers({TarBuilder()
                                            .AddDir("d")
                                            .AddFile("d/old", "old")
                                            .AddDir("opaque")
                                            .AddFile("opaque/old", "old")
                                            .AddFile("gone", "gone")
                                            .AddFile("to_dir", "file")
                                            .AddDir("to_file")
                                            .AddFile("to_file/x", "x")
                                            .AddFile("stays", "stays")
                                            .AddDir("to_link")
                                            .AddFile("to_link/y", "y")
                                            .Finish(),
                                        TarBuilder()
                                            .AddFile("d/.wh.old", "")
                                            .AddFile(".wh.gone", "")
                                            .AddDir("opaque")
                                            .AddFile("opaque/.wh..wh..opq", "")
                                            .AddFile("opaque/new", "new")
                                            .AddDir("to_dir")
                                            .AddFile("to_dir/inner", "inner")
                                            .AddFile("to_file", "now a file")
                                            .AddSymlink("to_link", "d")
                                            .Finish()});
  EXPECT_THAT(
      Outline(artifact),
      UnorderedElementsAre(Pair("d", "d"), Pair("opaque", "d"),
                           Pair("opaque/new", "f new"), Pair("to_dir", "d"),
                           Pair("to_dir/inner", "f inner"),
                           Pair("to_file", "f now a file"),
                           Pair("to_link", "l d"), Pair("stays", "f stays")));
}

TEST(NativePackerTest, WritesDirectoriesBeforeTheLayerThatBroughtThem) {
  const Artifact artifact = PackLayers({TarBuilder()
                                            .AddFile("a/b/c", "1")
                                            .AddFile("z", "2")
                                            .AddDir("a/b")
                                            .Finish(),
                                        TarBuilder().AddDir("y").Finish()});
  EXPECT_THAT(artifact.names, ElementsAre("a", "a/b", "a/b/c", "z", "y"));
}

TEST(NativePackerTest, CutsAndRejoinsHardlinks) {
  const Artifact artifact =
      PackLayers({TarBuilder()
                      .AddFile("a", "one")
                      .AddHardlink("b", "a")
                      .AddHardlink("c", "a")
                      .AddFile("other", "two")
                      .Finish(),
                  // The name that carries the content goes.
                  TarBuilder().AddFile(".wh.a", "").Finish(),
                  // A link to a lower layer's file copies it up.
                  TarBuilder().AddHardlink("d", "b").Finish()});
  EXPECT_THAT(Outline(artifact),
              UnorderedElementsAre(Pair("b", "f one"), Pair("c", "f one"),
                                   Pair("d", "h b"), Pair("other", "f two")));
}

TEST(NativePackerTest, NothingOfADeletedFileRemains) {
  const std::string marker = Noise(3000, 7);
  TestImage image;
  image.layers = {TarBuilder()
                      .AddFile("before", "before")
                      .AddFile("deleted-name", marker)
                      .AddFile("after", "after")
                      .Finish(),
                  TarBuilder().AddFile(".wh.deleted-name", "").Finish()};
  const std::string bytes = PackImage(image);
  const Artifact artifact = ReadArtifact(bytes);
  EXPECT_THAT(Outline(artifact),
              UnorderedElementsAre(Pair("before", "f before"),
                                   Pair("after", "f after")));
  for (size_t at = 0; at + 16 <= marker.size(); at += 16) {
    ASSERT_EQ(artifact.assets.find(marker.substr(at, 16)), std::string::npos);
    ASSERT_EQ(bytes.find(marker.substr(at, 16)), std::string::npos);
  }
  EXPECT_EQ(artifact.assets.find("deleted-name"), std::string::npos);
}

// Files of several blocks: their header is in the first one only.
TEST(NativePackerTest, BigFilesSurviveInEveryWay) {
  const std::string kept = Noise(3 * kBlock + 100, 1);
  const std::string renamed = Noise(3 * kBlock + 512, 2);
  const std::string copied = Noise(4 * kBlock, 3);
  const std::string deleted = Noise(3 * kBlock, 4);
  const Artifact artifact = PackLayers({TarBuilder()
                                            .AddFile("small", "s")
                                            .AddFile("kept", kept)
                                            .AddFile("first", renamed)
                                            .AddHardlink("second", "first")
                                            .AddFile("low", copied)
                                            .AddHardlink("low2", "low")
                                            .AddFile("deleted", deleted)
                                            .AddFile("last", "l")
                                            .Finish(),
                                        TarBuilder()
                                            .AddFile(".wh.first", "")
                                            .AddFile(".wh.deleted", "")
                                            .AddHardlink("high", "low")
                                            .Finish()});
  EXPECT_EQ(Outline(artifact),
            (std::map<std::string, std::string>{{"small", "f s"},
                                                {"kept", "f " + kept},
                                                {"second", "f " + renamed},
                                                {"low", "f " + copied},
                                                {"low2", "f " + copied},
                                                {"high", "h low"},
                                                {"last", "f l"}}));
  EXPECT_EQ(artifact.assets.find(deleted.substr(kBlock, 32)),
            std::string::npos);
}

TEST(NativePackerTest, SizesAroundABlockAreExact) {
  TarBuilder tar;
  std::map<std::string, std::string> expected;
  for (const size_t size :
       {size_t{0}, size_t{1}, size_t{511}, size_t{512}, kBlock - 1024,
        kBlock - 513, kBlock - 512, kBlock - 511, kBlock, kBlock + 1,
        2 * kBlock - 512, 2 * kBlock}) {
    const std::string name = fmt::format("f{}", size);
    const std::string content = Noise(size, static_cast<unsigned>(size));
    tar.AddFile(name, content);
    expected[name] = "f " + content;
  }
  EXPECT_EQ(Outline(PackLayers({tar.Finish()})), expected);
  tar.AddFile("x", "x");
  const std::string lower = tar.Finish();
  // The same, with everything but one small file renamed by its link.
  TarBuilder links;
  for (const auto& [name, content] : expected) {
    links.AddHardlink(name + "-2", name);
  }
  std::map<std::string, std::string> both = expected;
  for (const auto& [name, content] : expected) {
    both[name + "-2"] = "h " + name;
  }
  both["x"] = "f x";
  EXPECT_EQ(Outline(PackLayers({lower, links.Finish()})), both);
}

TEST(NativePackerTest, ManyCopiesOfAFileFillManyFrames) {
  const std::string content = Noise(kBlock / 2, 5);
  std::vector<std::string> layers = {
      TarBuilder().AddFile("a", content).AddFile("b", "b").Finish()};
  std::map<std::string, std::string> expected = {{"b", "f b"}};
  for (int i = 0; i < 12; ++i) {
    layers.push_back(
        TarBuilder().AddHardlink(fmt::format("copy{:02}", i), "a").Finish());
  }
  const Artifact artifact = PackLayers(layers);
  EXPECT_THAT(Outline(artifact), SizeIs(14));
  int files = 0;
  for (const auto& [name, text] : Outline(artifact)) {
    files += text == "f " + content ? 1 : 0;
  }
  // Each layer's link copies "a" up; the copy before keeps its content.
  EXPECT_EQ(files, 12);
  EXPECT_THAT(artifact.frame_sizes, Each(Le(2 * kBlock)));
}

TEST(NativePackerTest, ManySmallFilesFillManyFrames) {
  TarBuilder tar;
  std::map<std::string, std::string> expected;
  TarBuilder upper;
  for (int i = 0; i < 9000; ++i) {
    const std::string name = fmt::format("f{:05}", i);
    const std::string content = Noise(static_cast<size_t>(i % 1500), 1u + i);
    tar.AddFile(name, content);
    // Only the middle is touched, so that frames before and after are copied.
    if (i >= 4000 && i < 4010) {
      upper.AddFile(".wh." + name, "");
    } else {
      expected[name] = "f " + content;
    }
  }
  EXPECT_EQ(Outline(PackLayers({tar.Finish(), upper.Finish()})), expected);
}

TEST(NativePackerTest, ALayerMayOccurTwice) {
  const std::string layer = TarBuilder().AddFile("a", "1").Finish();
  const Artifact artifact = PackLayers(
      {layer, TarBuilder().AddFile(".wh.a", "").AddFile("b", "2").Finish(),
       layer});
  EXPECT_THAT(Outline(artifact),
              UnorderedElementsAre(Pair("a", "f 1"), Pair("b", "f 2")));
}

TEST(NativePackerTest, AnImageMayBeEmpty) {
  EXPECT_THAT(PackLayers({}).tree, IsEmpty());
  EXPECT_THAT(PackLayers({TarBuilder().Finish()}).tree, IsEmpty());
}

TestImage Mixed() {
  TestImage image;
  const std::string twice = TarBuilder().AddFile("twice", "t").Finish();
  TarBuilder tar;
  for (int i = 0; i < 300; ++i) {
    tar.AddFile(fmt::format("n{}", i), Noise(50'000, 1u + i));
  }
  image.layers = {
      twice, tar.AddFile("big", Noise(2 * kBlock + 5, 77)).Finish(), twice,
      TarBuilder().AddFile(".wh.n5", "").AddHardlink("link", "n6").Finish()};
  return image;
}

TEST(NativePackerTest, SameImageSameBytes) {
  const std::string bytes = PackImage(Mixed(), ArchiveLayout::kBlobs, 1);
  EXPECT_TRUE(bytes == PackImage(Mixed(), ArchiveLayout::kBlobs, 2));
  EXPECT_TRUE(bytes == PackImage(Mixed(), ArchiveLayout::kBlobs, 4));
  EXPECT_TRUE(bytes == PackImage(Mixed(), ArchiveLayout::kLegacy, 3));
  TestImage other_tag = Mixed();
  other_tag.tags = {"another/name:2"};
  EXPECT_TRUE(bytes == PackImage(other_tag));
}

TEST(NativePackerTest, ReportsWhatItMade) {
  const TestDir dir;
  int64_t last_done = -1;
  int64_t last_total = 0;
  const auto packed =
      PackArchive(MakeDockerArchive(Mixed()), dir, 2, {},
                  [&](NativePacker::Phase phase, int64_t done, int64_t total) {
                    if (phase == NativePacker::Phase::kAssemble) {
                      EXPECT_GE(done, last_done);
                      EXPECT_LE(done, total);
                      last_done = done;
                      last_total = total;
                    }
                  });
  ASSERT_TRUE(packed.ok()) << packed.status();
  EXPECT_EQ(packed->entry_count, 302);  // 299 + big + link + twice
  EXPECT_EQ(last_total, packed->unpacked_bytes);
  EXPECT_EQ(last_done, packed->unpacked_bytes);
  const auto perms = std::filesystem::status(packed->path).permissions();
  EXPECT_EQ(perms, std::filesystem::perms::owner_read |
                       std::filesystem::perms::owner_write);
  // The spool has no name.
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(dir.path()), {}),
            1);
}

TEST(NativePackerTest, CancellationLeavesNothing) {
  const std::string archive = MakeDockerArchive(Mixed());
  for (const auto phase :
       {NativePacker::Phase::kMerge, NativePacker::Phase::kAssemble}) {
    const TestDir dir;
    CancelSource cancel;
    const auto packed = PackArchive(
        archive, dir, 2, cancel.token(),
        [&](NativePacker::Phase now, int64_t /*done*/, int64_t /*total*/) {
          if (now == phase) {
            cancel.Cancel();
          }
        });
    EXPECT_EQ(ReasonIn(packed.status()), "CANCELLED");
    EXPECT_TRUE(dir.Empty());
  }
}

TEST(NativePackerTest, NeverReplacesAFile) {
  const TestDir dir;
  const auto path = dir.path() / "artifact.smolmachine";
  std::ofstream(path) << "mine";
  EXPECT_FALSE(PackArchive(MakeDockerArchive(Mixed()), dir).ok());
  std::ifstream file(path);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), "mine");
}

TEST(NativePackerTest, RefusesLinksToNothing) {
  const TestDir dir;
  TestImage image;
  image.layers = {TarBuilder().AddHardlink("a", "nothing").Finish()};
  EXPECT_EQ(ReasonIn(PackArchive(MakeDockerArchive(image), dir).status()),
            "LAYER_INVALID");
  EXPECT_TRUE(dir.Empty());
}

TEST(NativePackerTest, RefusesAConfigThatNoManifestCanHold) {
  const TestDir dir;
  const auto packer = NativePacker::Create({.stage_dir = dir.path()}, {});
  ASSERT_TRUE(packer.ok());
  ArchiveImage image;
  image.config.platform = {"linux", "amd64", ""};
  image.config.env = {"A=\xff"};
  image.config_digest = Sha256Of("x");
  const auto packed =
      (*packer)->Finish(image, [](NativePacker::Phase, int64_t, int64_t) {});
  EXPECT_EQ(ReasonIn(packed.status()), "UNPACKABLE");
  EXPECT_TRUE(dir.Empty());
}

}  // namespace
}  // namespace bottled
