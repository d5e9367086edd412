// The shape of the artifacts that smolvm's own packer makes (boot.md).

#include "pack/assets_check.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pack/pack_tools.h"

namespace bottled {
namespace {

using testing::HasSubstr;

// GNU tar's output on a directory, padded to its record size.
std::string TarredDirectory() {
  std::string tar = TarBuilder()
                        .AddDir(".")
                        .AddDir("./bin")
                        .AddFile("./bin/sh", "#!", 04755)
                        .AddHardlink("./bin/ash", "./bin/sh")
                        .AddSymlink("./lib", "usr/lib")
                        .AddFile("./big-owner", "x", 0644, int64_t{1} << 40)
                        .Finish();
  tar.resize((tar.size() + 10239) / 10240 * 10240);
  return tar;
}

// What is wrong with assets around `layer`; "" = nothing.
std::string FaultOf(const std::string& assets, const std::string& layer) {
  AssetsCheck check(LayerName(), static_cast<int64_t>(layer.size()));
  absl::Status status = check.Feed(ZstdFrame(assets));
  status.Update(status.ok() ? check.Finish() : status);
  EXPECT_TRUE(status.ok() || ReasonIn(status) == "SIDECAR_INVALID");
  return std::string(status.message());
}

TEST(AssetsCheckTest, TakesTheShapeOfSmolvmsOwnPacker) {
  const std::string layer = TarredDirectory();
  const std::string tar = SmolvmAssetsTar(layer);
  const auto report =
      VerifyBytes(SidecarOf(ZstdFrame(tar), static_cast<int64_t>(layer.size())),
                  VerifyDepth::kDeep);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->entry_count, 5);
  EXPECT_EQ(report->bytes_decoded, static_cast<int64_t>(tar.size()));
}

TEST(AssetsCheckTest, OnlyTheStorageTemplateMayHaveHoles) {
  const std::string layer = TarredDirectory();
  const std::string holes = GnuSparse("storage.ext4", {{512, "e"}});
  const auto with = [&](const std::string& member) {
    return FaultOf(
        TarBuilder().AddFile(LayerName(), layer).AddBytes(member).Finish(),
        layer);
  };
  EXPECT_EQ(with(holes), "");
  EXPECT_EQ(with(GnuSparse("./storage.ext4", {{512, "e"}})), "");
  EXPECT_THAT(with(GnuSparse("agent-rootfs.tar", {{512, "e"}})),
              HasSubstr("unexpected member"));
  EXPECT_THAT(with(GnuSparse("storage", {{512, "e"}})),
              HasSubstr("unexpected member"));
  EXPECT_THAT(with(holes + holes), HasSubstr("twice"));
  EXPECT_THAT(
      FaultOf(TarBuilder().AddBytes(GnuSparse(LayerName(), {})).Finish(), ""),
      HasSubstr("unexpected member"));
  const std::string inside = TarBuilder().AddBytes(holes).Finish();
  EXPECT_THAT(FaultOf(AssetsTar(inside), inside), HasSubstr("unknown type"));
}

TEST(AssetsCheckTest, TheMapOfTheHolesMustBeWhole) {
  const std::string layer = TarredDirectory();
  std::string malformed = SmolvmAssetsTar(layer);
  // Behind the flag of an extension block.
  malformed[malformed.find("storage.ext4") + 512 + 511] = 'x';
  EXPECT_THAT(FaultOf(malformed, layer), HasSubstr("malformed sparse"));
  const std::string whole = SmolvmAssetsTar(layer);
  EXPECT_THAT(FaultOf(whole.substr(0, whole.find("storage.ext4") + 600), layer),
              HasSubstr("not complete"));
}

}  // namespace
}  // namespace bottled
