#include "image/layer_blob.h"

#include <string>

#include "base/error.h"
#include "gtest/gtest.h"
#include "image/archive_reader.h"
#include "image/archive_tools.h"
#include "image/tar_builder.h"

namespace bottled {
namespace {

LayerBlob BlobOf(const std::string& bytes) {
  return {.stored_bytes = static_cast<int64_t>(bytes.size()),
          .stored_digest = Sha256Of(bytes),
          .unpacked_bytes = 100,
          .entries = 10,
          .content_bytes = 60};
}

TEST(LayerBlobTest, IsKnownByAllOfItsBytes) {
  LayerBudget budget;
  StringSource same("the layer");
  const auto known =
      ReadKnownBlob(same, BlobOf("the layer"), budget, CancelToken());
  ASSERT_TRUE(known.ok());
  EXPECT_TRUE(*known);
  EXPECT_EQ(budget.entries, 10);
  EXPECT_EQ(budget.unpacked_bytes, 100);
  EXPECT_EQ(budget.content_bytes, 60);
  StringSource other("the layex");
  const auto unknown =
      ReadKnownBlob(other, BlobOf("the layer"), budget, CancelToken());
  ASSERT_TRUE(unknown.ok());
  EXPECT_FALSE(*unknown);
}

TEST(LayerBlobTest, IsChargedLikeOneThatIsRead) {
  LayerBudget budget;
  budget.limits.max_entries = 19;
  StringSource first("x");
  EXPECT_TRUE(ReadKnownBlob(first, BlobOf("x"), budget, CancelToken()).ok());
  StringSource second("x");
  EXPECT_EQ(
      ReasonOf(
          ReadKnownBlob(second, BlobOf("x"), budget, CancelToken()).status()),
      "IMAGE_TOO_LARGE");
  budget.limits = {};
  budget.limits.max_unpacked_bytes = 199;
  StringSource third("x");
  EXPECT_EQ(
      ReasonOf(
          ReadKnownBlob(third, BlobOf("x"), budget, CancelToken()).status()),
      "IMAGE_TOO_LARGE");
}

TEST(LayerBlobTest, StopsWhenCancelled) {
  CancelSource cancel;
  cancel.Cancel();
  LayerBudget budget;
  StringSource source("x");
  EXPECT_EQ(
      ReasonOf(
          ReadKnownBlob(source, BlobOf("x"), budget, cancel.token()).status()),
      "CANCELLED");
}

// Remembers what it was told.
class IdentifyingConsumer : public KeepingConsumer {
 public:
  void Identify(int handle, const LayerBlob& blob) override {
    blobs.emplace_back(handle, blob);
  }
  std::vector<std::pair<int, LayerBlob>> blobs;
};

TEST(LayerBlobTest, TheReaderTellsAllOfALayer) {
  TestImage image;
  image.layers = {TarBuilder()
                      .AddFile("a", std::string(100'000, 'x'))
                      .AddFile("b", "12345")
                      .Finish()};
  IdentifyingConsumer consumer;
  StringSource source(MakeDockerArchive(image));
  ASSERT_TRUE(ReadArchive(source, {}, consumer, nullptr, CancelToken()).ok());
  ASSERT_EQ(consumer.blobs.size(), 1u);
  const auto& [handle, blob] = consumer.blobs[0];
  const std::string& tar = image.layers[0];
  EXPECT_EQ(handle, 0);
  EXPECT_EQ(blob, (LayerBlob{.stored_bytes = static_cast<int64_t>(tar.size()),
                             .head = Sha256Of(tar.substr(0, kBlobHeadBytes)),
                             .stored_digest = Sha256Of(tar),
                             .diff_id = Sha256Of(tar),
                             .unpacked_bytes = static_cast<int64_t>(tar.size()),
                             .entries = 2,
                             .content_bytes = 100'005}));
}

}  // namespace
}  // namespace bottled
