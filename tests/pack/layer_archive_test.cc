#include "pack/layer_archive.h"

#include <sys/stat.h>

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pack/layer_cutter.h"
#include "pack/pack_tools.h"
#include "platform/file.h"

namespace bottled {
namespace {

using testing::HasSubstr;

std::string FileBytes(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TestImage LayeredImage() {
  TestImage image;
  image.config = {{"User", "1000:1000"},
                  {"Env", {"A=b c", "PATH=/bin"}},
                  {"Cmd", {"sh", "-c", "true"}},
                  {"Entrypoint", {"/init"}},
                  {"WorkingDir", "/home/agent"}};
  image.layers = {
      TarBuilder()
          .AddDir("bin", 0755, 5, 6)
          .AddFile("bin/sh", "#!", 04755, 3'000'000'000, 7)
          .AddFile("gone", "gone")
          .AddFile("big", Noise(2 * kBlockBytes + 9, 3))
          .AddFile("first", "shared")
          .AddHardlink("second", "first")
          .AddSymlink("root", "/")
          .AddFile(std::string(255, 'n'), "long", 0600, 1, 2, 1)
          .Finish(),
      TarBuilder().AddFile(".wh.gone", "").AddFile(".wh.first", "").Finish()};
  return image;
}

ImageConfig ConfigOf(const TestImage& image) {
  return ParseImageConfig(TestConfigBlob(image)).value();
}

// Packs `image`, writes the archive beside the sidecar, returns its bytes.
std::string ArchiveOf(const TestImage& image, const TestDir& dir) {
  const auto packed = PackArchive(MakeDockerArchive(image), dir);
  EXPECT_TRUE(packed.ok()) << packed.status();
  const std::filesystem::path archive = dir.path() / "archive.tar";
  const absl::Status written = WriteLayerArchive(
      packed->path, ConfigOf(image), archive, nullptr, CancelToken());
  EXPECT_TRUE(written.ok()) << written;
  return FileBytes(archive);
}

TEST(LayerArchiveTest, HoldsTheSameImageAsOneLayer) {
  for (const TestImage& image : {LayeredImage(), TestImage()}) {
    const TestDir dir;
    const std::string archive = ArchiveOf(image, dir);
    const Artifact before =
        ReadArtifact(FileBytes(dir.path() / "artifact.smolmachine"));
    const TestDir again_dir;
    const auto again = PackArchive(archive, again_dir);
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_TRUE(again->notes.empty());
    const Artifact after = ReadArtifact(FileBytes(again->path));
    EXPECT_EQ(after.tree, before.tree);
    EXPECT_TRUE(after.layer == before.layer);
    for (const char* member : {"entrypoint", "cmd", "env", "workdir", "user",
                               "platform", "created"}) {
      EXPECT_EQ(after.manifest.value(member, nlohmann::json()),
                before.manifest.value(member, nlohmann::json()))
          << member;
    }
    // What the layer is called is what it is.
    EXPECT_THAT(archive, HasSubstr(Sha256Of(before.layer).hex() + ".tar"));
    EXPECT_THAT(archive, HasSubstr("\"" + Sha256Of(before.layer).ToString()));
  }
}

TEST(LayerArchiveTest, IsDeterministicAndForEverybody) {
  const mode_t mask = ::umask(0077);
  const TestDir first;
  const TestDir second;
  const std::string archive = ArchiveOf(LayeredImage(), first);
  EXPECT_TRUE(archive == ArchiveOf(LayeredImage(), second));
  ::umask(mask);
  struct stat info{};
  ASSERT_EQ(::stat((first.path() / "archive.tar").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0644u);
}

TEST(LayerArchiveTest, TellsItsProgress) {
  const TestDir dir;
  const auto packed = PackArchive(MakeDockerArchive(LayeredImage()), dir);
  ASSERT_TRUE(packed.ok());
  int64_t last = 0;
  ASSERT_TRUE(WriteLayerArchive(
                  packed->path, ConfigOf(LayeredImage()), dir.path() / "a",
                  [&](int64_t done, int64_t total) {
                    EXPECT_GE(done, last);
                    EXPECT_EQ(total, packed->unpacked_bytes);
                    last = done;
                  },
                  CancelToken())
                  .ok());
  EXPECT_EQ(last, packed->unpacked_bytes);
}

TEST(LayerArchiveTest, AnErrorLeavesNothing) {
  const TestDir dir;
  const auto packed = PackArchive(MakeDockerArchive(LayeredImage()), dir);
  ASSERT_TRUE(packed.ok());
  const std::string good = FileBytes(packed->path);
  const std::filesystem::path archive = dir.path() / "archive.tar";
  const ImageConfig config = ConfigOf(LayeredImage());
  const auto write = [&](const std::filesystem::path& sidecar,
                         const CancelToken& cancel = {}) {
    const absl::Status status =
        WriteLayerArchive(sidecar, config, archive, nullptr, cancel);
    EXPECT_FALSE(PathExists(archive));
    return ReasonIn(status);
  };
  CancelSource cancelled;
  cancelled.Cancel();
  EXPECT_EQ(write(packed->path, cancelled.token()), "CANCELLED");
  EXPECT_EQ(write(dir.path() / "absent"), "NOT_FOUND");
  const auto write_bytes = [&](const std::string& bytes) {
    const std::filesystem::path path = dir.path() / "other";
    std::ofstream(path, std::ios::binary) << bytes;
    return write(path);
  };
  EXPECT_EQ(write_bytes(""), "SIDECAR_INVALID");
  EXPECT_EQ(write_bytes(good.substr(1)), "SIDECAR_INVALID");
  std::string damaged = good;
  damaged[damaged.size() / 2] ^= 1;
  EXPECT_EQ(write_bytes(damaged), "SIDECAR_INVALID");
  const std::string layer = TarBuilder().AddFile("a", "b").Finish();
  const auto size = static_cast<int64_t>(layer.size());
  EXPECT_EQ(write_bytes(SidecarOf(
                ZstdFrame(TarBuilder().AddDir("layers").Finish()), size)),
            "SIDECAR_INVALID");
  EXPECT_EQ(write_bytes(SidecarOf(ZstdFrame(AssetsTar(layer)), size - 1)),
            "SIDECAR_INVALID");

  ImageConfig latin = config;
  latin.user = "\xff";
  EXPECT_EQ(ReasonIn(WriteLayerArchive(packed->path, latin, archive, nullptr,
                                       CancelToken())),
            "UNPACKABLE");
  EXPECT_FALSE(PathExists(archive));
}

TEST(LayerArchiveTest, NeverWritesOverAFile) {
  const TestDir dir;
  const auto packed = PackArchive(MakeDockerArchive(LayeredImage()), dir);
  ASSERT_TRUE(packed.ok());
  std::ofstream(dir.path() / "mine") << "mine";
  EXPECT_FALSE(WriteLayerArchive(packed->path, ConfigOf(LayeredImage()),
                                 dir.path() / "mine", nullptr, CancelToken())
                   .ok());
  EXPECT_EQ(FileBytes(dir.path() / "mine"), "mine");
}

}  // namespace
}  // namespace bottled
