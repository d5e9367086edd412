// What may follow an archive's last member, and how an engine's failure shows.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "image/archive_reader.h"
#include "image/archive_tools.h"
#include "image/tar_builder.h"

namespace bottled {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string TextOf(const absl::Status& status) {
  return std::string(status.message());
}

TEST(ArchiveEnd, NothingMayFollowTheEnd) {
  const std::string archive = MakeDockerArchive(TwoLayers());
  EXPECT_TRUE(ReadTar(archive + std::string(7000, '\0')).ok());
  EXPECT_EQ(ReasonOf(ReadTar(archive + "x").status()), "ARCHIVE_INVALID");
  EXPECT_EQ(
      ReasonOf(ReadTar(archive + std::string(512, '\0') + archive).status()),
      "ARCHIVE_INVALID");
  // One zero block, and then something else.
  std::string half = archive.substr(0, archive.size() - 512);
  EXPECT_EQ(ReasonOf(ReadTar(half).status()), "ARCHIVE_TRUNCATED");
  EXPECT_FALSE(ReadTar(half + std::string(512, 'x')).ok());
}

TEST(ArchiveEnd, TheEnginesErrorIsShownWithoutItsPaths) {
  const std::string archive = MakeDockerArchive(TwoLayers());
  const std::string error =
      R"({"error":"open /var/lib/docker/overlay2/ab/merged/small: no such file",)"
      R"("errorDetail":{"message":)"
      R"("open /var/lib/docker/overlay2/ab/merged/small: no such file"}})"
      "\r\n";
  for (size_t cut = 0; cut <= archive.size(); cut += 101) {
    const auto read = ReadTar(archive.substr(0, cut) + error);
    ASSERT_EQ(ReasonOf(read.status()), "ENGINE_STREAM_ERROR") << cut;
    EXPECT_THAT(TextOf(read.status()), HasSubstr("open small: no such file"));
    EXPECT_THAT(TextOf(read.status()), Not(HasSubstr("/var/lib")));
  }
  EXPECT_EQ(ReasonOf(ReadTar(archive + error).status()), "ENGINE_STREAM_ERROR");
}

// Fails the test when it is asked for more than it has.
class LastBlock : public ByteSource {
 public:
  explicit LastBlock(std::string text) : text_(std::move(text)) {}

  absl::StatusOr<std::string_view> Next() override {
    EXPECT_FALSE(std::exchange(given_, true)) << "read on";
    return std::string_view(text_);
  }

 private:
  const std::string text_;
  bool given_ = false;
};

// An engine may tidy up before it ends its answer, or fail at that.
TEST(ArchiveEnd, AnImageThatIsNamedByDigestsIsCompleteWithItsLastByte) {
  const TestImage image = TwoLayers();
  const std::string archive = MakeDockerArchive(image);
  const std::string error = archive + R"({"error":"cannot tidy up"})";
  const auto read = [](ByteSource&& source, const ArchiveOptions& options) {
    KeepingConsumer consumer;
    return ReasonOf(
        ReadArchive(source, options, consumer, nullptr, CancelToken())
            .status());
  };
  ArchiveOptions options;
  options.platform = {"linux", "amd64", ""};
  options.expected_id = Sha256Of(TestConfigBlob(image));
  options.expected_diff_ids = {Sha256Of(image.layers[0]),
                               Sha256Of(image.layers[1])};
  EXPECT_EQ(read(LastBlock(archive), options), "OK");
  EXPECT_EQ(read(LastBlock(error), options), "OK");
  // Only what was expected in full is known to be right.
  ArchiveOptions less = options;
  less.expected_id.reset();
  EXPECT_EQ(read(StringSource(error), less), "ENGINE_STREAM_ERROR");
  less = options;
  less.expected_diff_ids.clear();
  EXPECT_EQ(read(StringSource(error), less), "ENGINE_STREAM_ERROR");
  ArchiveOptions other = options;
  other.expected_diff_ids.pop_back();
  EXPECT_EQ(read(StringSource(error), other), "ENGINE_STREAM_ERROR");
  EXPECT_EQ(read(StringSource(archive), other), "IMAGE_CHANGED");
}

TEST(ArchiveEnd, ContentThatLooksLikeAnErrorIsNone) {
  TestImage image;
  image.layers = {
      TarBuilder().AddFile("log", R"({"error":"of the image"})").Finish()};
  const std::string archive = MakeDockerArchive(image);
  EXPECT_TRUE(ReadTar(archive).ok());
  EXPECT_EQ(ReasonOf(ReadTar(archive.substr(0, archive.size() - 600)).status()),
            "ARCHIVE_TRUNCATED");
}

}  // namespace
}  // namespace bottled
