// The archives that four real engines wrote, recorded (their names say which).

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "image/archive_reader.h"
#include "image/archive_tools.h"
#include "nlohmann/json.hpp"

namespace bottled {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kTinyConfig[] =
    "70d321ec1e110040176c9193876cdea34e08049bdc4dab6c49fe0fcba55d9390";

std::string Engine(const std::string& name) {
  return ReadTestFile("engines/" + name);
}

nlohmann::json Inspect(const std::string& name) {
  return nlohmann::json::parse(Engine(name));
}

std::vector<Digest> DiffIds(const nlohmann::json& inspect) {
  std::vector<Digest> digests;
  for (const nlohmann::json& text : inspect["RootFS"]["Layers"]) {
    digests.push_back(Digest::Parse(text.get<std::string>()).value());
  }
  return digests;
}

// What a machine would see of an image, as text.
std::string TreeText(const KeepingConsumer& consumer,
                     const ArchiveImage& image) {
  std::string text;
  for (const int handle : image.layers) {
    for (const Seen& seen : consumer.layer(handle).seen()) {
      text += std::to_string(static_cast<int>(seen.entry.kind)) + " " +
              seen.entry.path + " " + seen.entry.link + " " +
              std::to_string(seen.entry.mode) + " " + seen.content + "\n";
    }
    text += "--\n";
  }
  return text;
}

struct Case {
  const char* archive;
  const char* inspect;
};

TEST(EngineArchives, TinyIsTheSameImageEverywhere) {
  const std::vector<Case> cases = {
      {"docker-20.10.24-overlay2/save-tiny-by-id.tar",
       "docker-20.10.24-overlay2/inspect-tiny.json"},
      {"docker-20.10.24-overlay2/save-tiny-by-tag.tar",
       "docker-20.10.24-overlay2/inspect-tiny.json"},
      {"docker-29.7.2-overlay2/save-tiny-by-id.tar",
       "docker-29.7.2-overlay2/inspect-tiny.json"},
      {"docker-29.7.2-overlay2/save-tiny-by-tag.tar",
       "docker-29.7.2-overlay2/inspect-tiny.json"},
      {"docker-29.7.2-containerd/save-tiny-by-id.tar",
       "docker-29.7.2-containerd/inspect-tiny.json"},
      {"docker-29.7.2-containerd/save-tiny-by-tag.tar",
       "docker-29.7.2-containerd/inspect-tiny.json"},
      {"podman-4.3.1/save-tiny-by-tag.tar", "podman-4.3.1/inspect-tiny.json"}};
  std::string tree;
  std::optional<ImageConfig> config;
  for (const auto& [archive, inspect_name] : cases) {
    SCOPED_TRACE(archive);
    nlohmann::json inspect = Inspect(inspect_name);
    std::string id = inspect["Id"];
    if (id.find(':') == std::string::npos) {
      id = "sha256:" + id;
    }
    ArchiveOptions options;
    options.expected_diff_ids = DiffIds(inspect);
    options.expected_id = Digest::Parse(id).value();
    const std::string bytes = Engine(archive);
    StringSource source(bytes);
    KeepingConsumer consumer;
    int64_t last = 0;
    const auto image = ReadArchive(
        source, options, consumer, [&](int64_t now) { last = now; },
        CancelToken());
    ASSERT_TRUE(image.ok()) << image.status();
    EXPECT_EQ(image->config_digest.hex(), kTinyConfig);
    EXPECT_EQ(image->config.diff_ids, options.expected_diff_ids);
    ASSERT_EQ(image->layers.size(), 6U);
    // The fourth and the sixth layer are one.
    EXPECT_EQ(image->layers[3], image->layers[5]);
    EXPECT_EQ(image->bytes_read, static_cast<int64_t>(bytes.size()));
    EXPECT_EQ(last, image->bytes_read);
    if (tree.empty()) {
      tree = TreeText(consumer, *image);
      config = image->config;
    }
    EXPECT_EQ(TreeText(consumer, *image), tree);
    EXPECT_EQ(image->config, *config);
  }
  EXPECT_THAT(tree, HasSubstr("7 "));  // a whiteout
}

TEST(EngineArchives, GoodOnesAreRead) {
  for (const auto& file : std::filesystem::recursive_directory_iterator(
           std::string(BOTTLED_TEST_DATA) + "/engines")) {
    const std::string name = file.path().filename();
    if (!name.starts_with("save-") || name.starts_with("save-bad") ||
        file.path().extension() != ".tar") {
      continue;
    }
    const std::string relative =
        file.path().parent_path().filename().string() + "/" + name;
    ArchiveOptions options;
    options.platform = {.os = "linux", .architecture = "amd64", .variant = {}};
    const auto image = ReadTar(Engine(relative), options);
    EXPECT_TRUE(image.ok()) << relative << image.status();
  }
}

// One build, stored plain, gzip and zstd, with and without attestations.
TEST(EngineArchives, EncodingAndAttestationsDoNotMatter) {
  const std::string dir = "docker-29.7.2-containerd/save-";
  std::string tree;
  for (const char* name : {"built-attested.tar", "built-attested-platform.tar",
                           "built-noattest-gzip.tar", "built-uncompressed.tar",
                           "built-zstd.tar"}) {
    SCOPED_TRACE(name);
    StringSource source(Engine(dir + name));
    KeepingConsumer consumer;
    const auto image =
        ReadArchive(source, {}, consumer, nullptr, CancelToken());
    ASSERT_TRUE(image.ok()) << image.status();
    EXPECT_TRUE(image->config_digest.hex().starts_with("5fb9a451704"));
    if (tree.empty()) {
      tree = TreeText(consumer, *image);
    }
    EXPECT_EQ(TreeText(consumer, *image), tree);
  }
}

// The containerd store names images by manifest or index.
TEST(EngineArchives, IdsOfManifestsAndIndexesAreFollowed) {
  const std::string dir = "docker-29.7.2-containerd/";
  const std::vector<Case> cases = {
      {"save-built-attested.tar", "inspect-built-attested.json"},
      {"save-built-attested.tar", "inspect-built-attested-platform.json"},
      {"save-built-attested-platform.tar",
       "inspect-built-attested-platform.json"},
      {"save-multi-platform-arm64.tar", "inspect-multi-arm64.json"},
      {"save-multi-platform.tar", "inspect-multi.json"}};
  for (const auto& [archive, inspect_name] : cases) {
    SCOPED_TRACE(std::string(archive) + " " + inspect_name);
    const nlohmann::json inspect = Inspect(dir + inspect_name);
    ArchiveOptions options;
    options.expected_id =
        Digest::Parse(inspect["Id"].get<std::string>()).value();
    options.expected_diff_ids = DiffIds(inspect);
    const auto image = ReadTar(Engine(dir + archive), options);
    ASSERT_TRUE(image.ok()) << image.status();
    EXPECT_EQ(image->config.platform.architecture,
              inspect["Architecture"].get<std::string>());
  }
  // Another image's ID does not lead here.
  ArchiveOptions options;
  options.expected_id = Digest::FromHex(kTinyConfig);
  EXPECT_EQ(
      ReasonOf(ReadTar(Engine(dir + "save-built-zstd.tar"), options).status()),
      "IMAGE_CHANGED");
}

TEST(EngineArchives, ReferencesSelect) {
  ArchiveOptions options;
  options.reference = "fx/tiny:1";
  const auto image =
      ReadTar(Engine("docker-29.7.2-overlay2/save-tiny-by-tag.tar"), options);
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_THAT(image->names, testing::ElementsAre("fx/tiny:1"));
  options.reference = "docker.io/fx/tiny:1";
  EXPECT_TRUE(
      ReadTar(Engine("docker-29.7.2-overlay2/save-tiny-by-tag.tar"), options)
          .ok());
  options.reference = "fx/tiny:2";
  const auto other =
      ReadTar(Engine("docker-29.7.2-overlay2/save-tiny-by-tag.tar"), options);
  EXPECT_EQ(ReasonOf(other.status()), "ARCHIVE_NO_IMAGE");
  EXPECT_THAT(std::string(other.status().message()), HasSubstr("fx/tiny:1"));
}

TEST(EngineArchives, MissingBlobsAreNoticed) {
  const auto image =
      ReadTar(Engine("docker-29.7.2-containerd/save-bad-missing-blobs.tar"));
  EXPECT_EQ(ReasonOf(image.status()), "ARCHIVE_INCOMPLETE");
}

TEST(EngineArchives, TheEnginesOwnErrorIsShown) {
  const auto image = ReadTar(
      Engine("docker-29.7.2-containerd/save-bad-json-error-inside-file.tar"));
  ASSERT_EQ(ReasonOf(image.status()), "ENGINE_STREAM_ERROR");
  const std::string message(image.status().message());
  EXPECT_THAT(message, Not(HasSubstr("errorDetail")));
  EXPECT_THAT(message, Not(HasSubstr("/")));
}

// However an archive is cut, it is refused.
TEST(EngineArchives, TruncationAtEveryByte) {
  const std::vector<std::pair<const char*, size_t>> archives = {
      {"docker-20.10.24-overlay2/save-bare.tar", 1},
      {"docker-29.7.2-containerd/save-built-zstd.tar", 3},
      {"podman-4.3.1/save-bare.tar", 5}};
  for (const auto& [name, step] : archives) {
    const std::string whole = Engine(name);
    for (size_t cut = 0; cut < whole.size(); cut += step) {
      const auto image = ReadTar(whole.substr(0, cut));
      if (image.ok()) {
        // More zeros than the two blocks that end a tar may be missing.
        const size_t end = whole.find_last_not_of('\0') / 512 * 512 + 512;
        EXPECT_GE(cut, end + 1024) << name;
      } else {
        EXPECT_THAT(ReasonOf(image.status()),
                    testing::AnyOf("ARCHIVE_TRUNCATED", "ARCHIVE_INVALID",
                                   "ARCHIVE_NO_IMAGE"))
            << name << " " << cut;
      }
    }
  }
}

TEST(EngineArchives, TruncationOfALargerOne) {
  const std::string whole =
      Engine("docker-29.7.2-overlay2/save-tiny-by-tag.tar");
  const size_t end = whole.find_last_not_of('\0') / 512 * 512 + 512;
  for (size_t cut = 0; cut < end + 1024; cut += 97) {
    EXPECT_FALSE(ReadTar(whole.substr(0, cut)).ok()) << cut;
  }
  EXPECT_TRUE(ReadTar(whole.substr(0, end + 1024)).ok());
}

// A changed bit is noticed, or it was in what does not matter.
TEST(EngineArchives, BitFlips) {
  const std::string whole = Engine("docker-29.7.2-containerd/save-bare.tar");
  const auto good = ReadTar(whole);
  ASSERT_TRUE(good.ok());
  for (size_t at = 0; at < whole.size(); at += 3) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << (at % 8)));
    const auto image = ReadTar(damaged);
    if (image.ok()) {
      EXPECT_EQ(image->config_digest, good->config_digest) << at;
      EXPECT_EQ(image->config, good->config) << at;
    }
  }
}

}  // namespace
}  // namespace bottled
