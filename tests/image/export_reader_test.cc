#include "image/export_reader.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "image/archive_tools.h"
#include "image/tar_builder.h"

namespace bottled {
namespace {

using ::testing::ElementsAre;

ImageConfig ConfigOfTwoLayers() {
  ImageConfig config;
  config.user = "agent";
  config.diff_ids = {Sha256Of("one"), Sha256Of("two")};
  return config;
}

absl::StatusOr<ArchiveImage> Export(const std::string& tar,
                                    KeepingConsumer& consumer) {
  StringSource source(tar);
  return ReadExport(source, ConfigOfTwoLayers(), ImageLimits(), consumer,
                    nullptr, CancelToken());
}

TEST(ReadExportTest, IsOneLayerWithTheImagesConfig) {
  const std::string tar =
      TarBuilder().AddDir("etc").AddFile("etc/motd", "hello").Finish();
  KeepingConsumer consumer;
  const auto image = Export(tar, consumer);
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(image->config.user, "agent");
  EXPECT_THAT(image->config.diff_ids, ElementsAre(Sha256Of(tar)));
  ASSERT_EQ(image->layers.size(), 1U);
  EXPECT_THAT(consumer.layer(image->layers[0]).Paths(),
              ElementsAre("etc", "etc/motd"));
  EXPECT_EQ(image->bytes_read, static_cast<int64_t>(tar.size()));
}

TEST(ReadExportTest, NothingIsNoFileSystem) {
  KeepingConsumer consumer;
  EXPECT_EQ(ReasonOf(Export(TarBuilder().Finish(), consumer).status()),
            "LAYER_INVALID");
}

TEST(ReadExportTest, ACutTarIsNone) {
  const std::string tar =
      TarBuilder().AddFile("etc/motd", std::string(5000, 'x')).Finish();
  KeepingConsumer consumer;
  EXPECT_EQ(ReasonOf(Export(tar.substr(0, 2000), consumer).status()),
            "LAYER_TRUNCATED");
}

}  // namespace
}  // namespace bottled
