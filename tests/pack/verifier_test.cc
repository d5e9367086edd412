#include "pack/verifier.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "image/tar_writer.h"
#include "pack/pack_tools.h"
#include "platform/file.h"

namespace bottled {
namespace {

using testing::HasSubstr;

constexpr VerifyDepth kBoth[] = {VerifyDepth::kChecksums, VerifyDepth::kDeep};

std::string GoodLayer() {
  return TarBuilder()
      .AddDir("d")
      .AddDir("d/e")
      .AddFile("d/e/f", "content")
      .AddHardlink("d/g", "d/e/f")
      .AddSymlink("l", "/d")
      .AddFile(std::string(200, 'n'), "long name")
      .Finish();
}

std::string Sidecar(const std::string& layer) {
  return SidecarOf(ZstdFrame(AssetsTar(layer)),
                   static_cast<int64_t>(layer.size()));
}

// The message of a deep check's SIDECAR_INVALID; "" when there is none.
std::string Problem(const std::string& bytes) {
  const auto report = VerifyBytes(bytes, VerifyDepth::kDeep);
  EXPECT_EQ(ReasonIn(report.status()), "SIDECAR_INVALID");
  return std::string(report.status().message());
}

TestImage SmallImage() {
  TestImage image;
  image.layers = {TarBuilder()
                      .AddDir("bin")
                      .AddFile("bin/sh", "#!")
                      .AddFile("gone", "x")
                      .Finish(),
                  TarBuilder().AddFile(".wh.gone", "").Finish()};
  return image;
}

TEST(VerifierTest, TakesWhatThePackerWrites) {
  TestImage big = SmallImage();
  big.layers.push_back(TarBuilder()
                           .AddFile("big", Noise(9'000'000, 1))
                           .AddFile(std::string(250, 'x'), "y")
                           .AddSymlink("root", "/")
                           .AddHardlink("link", "big")
                           .Finish());
  for (const TestImage& image : {SmallImage(), big, TestImage()}) {
    const std::string bytes = PackImage(image);
    for (const VerifyDepth depth : kBoth) {
      const auto report = VerifyBytes(bytes, depth);
      ASSERT_TRUE(report.ok()) << report.status();
      EXPECT_EQ(report->digest, Sha256Of(bytes));
      EXPECT_EQ(report->bytes_read, static_cast<int64_t>(bytes.size()));
      EXPECT_EQ(report->manifest.platform, "linux/amd64");
    }
    const Artifact artifact = ReadArtifact(bytes);
    const auto report = VerifyBytes(bytes, VerifyDepth::kDeep);
    EXPECT_EQ(report->entry_count, static_cast<int64_t>(artifact.names.size()));
    EXPECT_EQ(report->bytes_decoded,
              static_cast<int64_t>(artifact.assets.size()));
  }
}

TEST(VerifierTest, TakesAHandMadeOne) {
  const auto report = VerifyBytes(Sidecar(GoodLayer()), VerifyDepth::kDeep);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->entry_count, 6);
}

TEST(VerifierTest, EveryFlippedBitIsSeen) {
  const std::string bytes = PackImage(SmallImage());
  auto file = OpenUnnamedFile(std::filesystem::temp_directory_path());
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE(WriteAll(file->get(), bytes).ok());
  for (size_t at = 0; at < bytes.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      const char flipped = static_cast<char>(bytes[at] ^ (1 << bit));
      const auto offset = static_cast<int64_t>(at);
      ASSERT_TRUE(PwriteAll(file->get(), {&flipped, 1}, offset).ok());
      EXPECT_FALSE(
          VerifySidecar(file->get(), VerifyDepth::kChecksums, {}, nullptr).ok())
          << at << " bit " << bit;
    }
    ASSERT_TRUE(
        PwriteAll(file->get(), {&bytes[at], 1}, static_cast<int64_t>(at)).ok());
  }
  EXPECT_TRUE(
      VerifySidecar(file->get(), VerifyDepth::kChecksums, {}, nullptr).ok());
}

TEST(VerifierTest, DamageIsCalledDamage) {
  std::string bytes = PackImage(SmallImage());
  bytes[40] ^= 1;
  for (const VerifyDepth depth : kBoth) {
    EXPECT_EQ(ReasonIn(VerifyBytes(bytes, depth).status()),
              "CHECKSUM_MISMATCH");
  }
}

TEST(VerifierTest, EveryOtherLengthIsRefused) {
  const std::string bytes = PackImage(SmallImage());
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(
        VerifyBytes(bytes.substr(0, size), VerifyDepth::kChecksums).ok())
        << size;
  }
  EXPECT_FALSE(VerifyBytes(bytes + '\0', VerifyDepth::kChecksums).ok());
}

TEST(VerifierTest, AnyNumberOfFramesWillDo) {
  const std::string tar = AssetsTar(GoodLayer());
  const auto size = static_cast<int64_t>(GoodLayer().size());
  std::string frames;
  for (size_t at = 0; at < tar.size(); at += 700) {
    frames += ZstdFrame(tar.substr(at, 700));
    frames += ZstdFrame("");
    frames += std::string("\x50\x2a\x4d\x18\x04\0\0\0skip", 12);
  }
  EXPECT_TRUE(VerifyBytes(SidecarOf(frames, size), VerifyDepth::kDeep).ok());
  EXPECT_THAT(Problem(SidecarOf(frames.substr(0, frames.size() - 3), size)),
              HasSubstr("ends early"));
  EXPECT_THAT(Problem(SidecarOf(frames + "abcd", size)),
              HasSubstr("compressed data"));
  EXPECT_THAT(Problem(SidecarOf(tar, size)), HasSubstr("compressed data"));
}

TEST(VerifierTest, WindowsHaveSmolvmsLimit) {
  // One byte more than a window, so that zstd keeps the window's size.
  const std::string layer =
      TarBuilder().AddFile("zeros", std::string(1 << 20, '\0')).Finish();
  const auto size = static_cast<int64_t>(layer.size());
  for (const int log : {27, 28}) {
    EXPECT_EQ(VerifyBytes(SidecarOf(ZstdFrame(AssetsTar(layer), 1, log), size),
                          VerifyDepth::kDeep)
                  .ok(),
              log == 27)
        << log;
  }
}

struct BadLayer {
  const char* name;
  std::string tar;
  const char* problem;
};

std::vector<BadLayer> BadLayers() {
  const auto with = [](const RawHeader& header, const std::string& text = {}) {
    return TarBuilder().AddDir("d").AddRaw(header, text).Finish();
  };
  std::string bad_checksum = TarBuilder().AddFile("a", "b").Finish();
  bad_checksum[0] = 'c';
  std::string bad_magic = TarBuilder::Block({.name = "a"});
  bad_magic[257] = 'v';
  TarBuilder::FixChecksum(bad_magic);
  std::string bad_padding = TarBuilder().AddFile("a", "b").Finish();
  bad_padding[600] = 'x';
  const std::string file = TarBuilder().AddFile("a", "b").Unfinished();
  const std::string zeros(512, '\0');
  return {
      {"dot dot", with({.name = "d/../x"}), "unusable name"},
      {"leading dot dot", with({.name = "../x"}), "unusable name"},
      {"absolute", with({.name = "/x"}), "unusable name"},
      {"inner dot", with({.name = "d/./x"}), "unusable name"},
      {"empty component", with({.name = "d//x"}), "unusable name"},
      {"empty", with({.name = ""}), "unusable name"},
      {"file with a slash", with({.name = "x/"}), "ends in a slash"},
      {"long component", with({.name = std::string(256, 'n')}), "long a name"},
      {"long path",
       [] {
         TarBuilder tar;
         std::string path;
         for (int i = 0; i < 17; ++i) {
           path += (i > 0 ? "/" : "") + std::string(250, 'p');
           tar.AddDir(path);
         }
         return tar.Finish();
       }(),
       "long a path"},
      {"twice", TarBuilder().AddFile("a", "1").AddFile("a", "2").Finish(),
       "twice"},
      {"twice with ./",
       TarBuilder().AddFile("a", "1").AddFile("./a", "2").Finish(), "twice"},
      {"directory twice", TarBuilder().AddDir("a").AddDir("a").Finish(),
       "twice"},
      {"no parent", with({.name = "x/y"}), "before its directory"},
      {"late parent", TarBuilder().AddFile("x/y", "").AddDir("x").Finish(),
       "before its directory"},
      {"parent is a file",
       TarBuilder().AddFile("x", "").AddFile("x/y", "").Finish(),
       "before its directory"},
      {"parent is a link",
       TarBuilder()
           .AddDir("d")
           .AddSymlink("x", "d")
           .AddFile("x/y", "")
           .Finish(),
       "before its directory"},
      {"link to nothing", with({.name = "x", .type = '1', .link = "y"}),
       "links to"},
      {"link to a later file",
       TarBuilder().AddHardlink("x", "y").AddFile("y", "").Finish(),
       "links to"},
      {"link to itself", with({.name = "x", .type = '1', .link = "x"}),
       "links to"},
      {"link to a directory", with({.name = "x", .type = '1', .link = "d"}),
       "links to"},
      {"link out of the layer",
       with({.name = "x", .type = '1', .link = "../y"}), "unusable name"},
      {"absolute link", with({.name = "x", .type = '1', .link = "/d"}),
       "unusable name"},
      {"link with content",
       with({.name = "x", .type = '1', .size = 1, .link = "d"}, "c"),
       "can be none"},
      {"symlink to nothing", with({.name = "x", .type = '2'}), "refuses"},
      {"symlink to the root", with({.name = "x", .type = '2', .link = "/"}),
       "refuses"},
      {"symlink above the root",
       with({.name = "d/x", .type = '2', .link = "../../y"}), "refuses"},
      {"whiteout", with({.name = "d/.wh.x"}), "whiteout"},
      {"opaque", with({.name = "d/.wh..wh..opq"}), "whiteout"},
      {"unknown type", with({.name = "x", .type = '7'}), "unknown type"},
      {"GNU sparse", with({.name = "x", .type = 'S'}), "unknown type"},
      {"PAX sparse",
       TarBuilder()
           .AddPax({{"GNU.sparse.major", "1"}})
           .AddFile("a", "")
           .Finish(),
       "sparse"},
      {"PAX dot dot",
       TarBuilder().AddPax({{"path", "../x"}}).AddFile("a", "").Finish(),
       "unusable name"},
      {"PAX size",
       TarBuilder().AddPax({{"size", "-1"}}).AddFile("a", "").Finish(),
       "usable size"},
      {"PAX garbage",
       TarBuilder()
           .AddRaw({.name = "p", .type = 'x', .size = 3}, "abc")
           .Finish(),
       "malformed PAX"},
      {"wrong checksum", bad_checksum, "wrong checksum"},
      {"wrong magic", bad_magic + zeros + zeros, "unknown kind"},
      {"bytes in the padding", bad_padding, "between its members"},
      {"negative size", with({.name = "x", .size = -1}), "usable size"},
      {"one zero block", file + zeros, "not complete"},
      {"no end", file, "not complete"},
      {"nothing at all", "", "not complete"},
      {"half a header", file + file.substr(0, 100), "not complete"},
      {"content is cut", file.substr(0, 513), "not complete"},
      {"goes on after a zero block", file + zeros + file + zeros + zeros,
       "behind a zero block"},
      {"bytes behind the end", file + zeros + zeros + file, "behind its end"},
      {"name of nothing",
       TarBuilder()
           .AddRaw({.name = "././@LongLink", .type = 'L', .size = 2},
                   std::string("a\0", 2))
           .Finish(),
       "names nothing"},
      {"name with a NUL",
       TarBuilder()
           .AddRaw({.name = "././@LongLink", .type = 'L', .size = 4},
                   std::string("a\0b\0", 4))
           .AddFile("x", "")
           .Finish(),
       "NUL"},
      {"a name of 2 MiB",
       TarBuilder()
           .AddRaw({.name = "././@LongLink", .type = 'L', .size = 2 << 20},
                   std::string(2 << 20, 'n'))
           .AddFile("x", "")
           .Finish(),
       "record"},
  };
}

TEST(VerifierTest, BadLayersAreRefused) {
  for (const BadLayer& bad : BadLayers()) {
    SCOPED_TRACE(bad.name);
    const std::string bytes = Sidecar(bad.tar);
    // The checksums are right, only the deep check can see it.
    EXPECT_TRUE(VerifyBytes(bytes, VerifyDepth::kChecksums).ok());
    EXPECT_THAT(Problem(bytes), HasSubstr(bad.problem));
  }
}

TEST(VerifierTest, LayersMayUseWhatSmolvmReads) {
  const std::string layer =
      TarBuilder()
          .AddDir(".")
          .AddDir("./a")
          .AddFile("./a/b", "1")
          .AddPax({{"path", "a/" + std::string(255, 'p')}, {"mtime", "1.5"}})
          .AddFile("short", "2")
          .AddRaw({.name = "posix", .size = 1, .posix = true}, "p")
          .AddFile("uid", "3", 0644, int64_t{1} << 40)
          .AddSymlink("a/up", "..")
          .AddBytes(std::string(8192, '\0'))
          .Finish();
  const auto report = VerifyBytes(Sidecar(layer), VerifyDepth::kDeep);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->entry_count, 6);
}

TEST(VerifierTest, TheAssetsMustHoldThePromisedLayer) {
  const std::string layer = GoodLayer();
  const auto size = static_cast<int64_t>(layer.size());
  const auto problem = [size](const TarBuilder& tar) {
    return Problem(SidecarOf(ZstdFrame(tar.Finish()), size));
  };
  EXPECT_THAT(problem(TarBuilder().AddDir("layers")), HasSubstr("lack"));
  EXPECT_THAT(problem(TarBuilder().AddFile(
                  "layers/" + std::string(64, 'a') + ".tar", layer)),
              HasSubstr("unexpected member"));
  EXPECT_THAT(
      problem(
          TarBuilder().AddFile(LayerName(), layer).AddFile(LayerName(), layer)),
      HasSubstr("twice"));
  EXPECT_THAT(
      problem(TarBuilder().AddFile(LayerName(), layer).AddFile("../x", "")),
      HasSubstr("unusable name"));
  EXPECT_THAT(problem(TarBuilder().AddSymlink(LayerName(), "x")),
              HasSubstr("unexpected member"));
  EXPECT_THAT(Problem(SidecarOf(ZstdFrame(AssetsTar(layer)), size - 512)),
              HasSubstr("promises"));
  EXPECT_THAT(Problem(SidecarOf(ZstdFrame(AssetsTar(layer) + "x"), size)),
              HasSubstr("behind its end"));
  const std::string tar = AssetsTar(layer);
  EXPECT_THAT(
      Problem(SidecarOf(ZstdFrame(tar.substr(0, tar.size() - 512)), size)),
      HasSubstr("not complete"));
  EXPECT_THAT(Problem(SidecarOf(ZstdFrame(""), size)),
              HasSubstr("not complete"));
  EXPECT_TRUE(VerifyBytes(SidecarOf(ZstdFrame(TarBuilder()
                                                  .AddFile("agent-rootfs.tar",
                                                           "anything")
                                                  .AddFile(LayerName(), layer)
                                                  .Finish()),
                                    size),
                          VerifyDepth::kDeep)
                  .ok());
}

TEST(VerifierTest, CanBeCancelled) {
  const std::string bytes = PackImage(SmallImage());
  CancelSource cancel;
  cancel.Cancel();
  for (const VerifyDepth depth : kBoth) {
    EXPECT_EQ(ReasonIn(VerifyBytes(bytes, depth, cancel.token()).status()),
              "CANCELLED");
  }
}

TEST(VerifierTest, TellsItsProgress) {
  const std::string bytes = PackImage(SmallImage());
  auto file = OpenUnnamedFile(std::filesystem::temp_directory_path());
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE(WriteAll(file->get(), bytes).ok());
  int64_t last = 0;
  ASSERT_TRUE(
      VerifySidecar(file->get(), VerifyDepth::kDeep, {}, [&](int64_t done) {
        EXPECT_GE(done, last);
        last = done;
      }).ok());
  EXPECT_EQ(last, static_cast<int64_t>(bytes.size()));
}

}  // namespace
}  // namespace bottled
