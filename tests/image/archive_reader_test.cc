#include "image/archive_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/error.h"
#include "image/archive_tools.h"
#include "image/tar_builder.h"

namespace bottled {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string Message(const absl::Status& status) {
  return std::string(status.message());
}

// manifest.json of `image` with its blobs, made by hand to be spoilt.
json ManifestOf(const TestImage& image) {
  json layers = json::array();
  for (const std::string& layer : image.layers) {
    layers.push_back("blobs/sha256/" + Sha256Of(layer).hex());
  }
  return {{"Config", "blobs/sha256/" + Sha256Of(TestConfigBlob(image)).hex()},
          {"RepoTags", image.tags},
          {"Layers", layers}};
}

void AddBlob(TarBuilder& tar, const std::string& blob) {
  tar.AddFile("blobs/sha256/" + Sha256Of(blob).hex(), blob);
}

void AddBlobs(TarBuilder& tar, const TestImage& image) {
  for (const std::string& layer : image.layers) {
    AddBlob(tar, layer);
  }
  AddBlob(tar, TestConfigBlob(image));
}

TEST(ReadArchive, BothDockerLayouts) {
  for (const ArchiveLayout layout :
       {ArchiveLayout::kLegacy, ArchiveLayout::kBlobs}) {
    const TestImage image = TwoLayers();
    StringSource source(MakeDockerArchive(image, layout));
    KeepingConsumer consumer;
    const auto read = ReadArchive(source, {}, consumer, nullptr, CancelToken());
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(read->config_digest, Sha256Of(TestConfigBlob(image)));
    EXPECT_EQ(read->config.user, "agent");
    EXPECT_THAT(read->names, ElementsAre("test/image:1"));
    ASSERT_EQ(read->layers.size(), 2U);
    EXPECT_EQ(consumer.layer(read->layers[0]).Find("a").content, "one");
    EXPECT_EQ(consumer.layer(read->layers[1]).Find("b").content, "two");
  }
}

TEST(ReadArchive, LayersMayBeCompressedOrTheWholeArchive) {
  const TestImage image = TwoLayers();
  TarBuilder tar;
  tar.AddFile("l1", Gzip(image.layers[0]));
  tar.AddFile("l2", Zstd(image.layers[1]));
  tar.AddFile("c", TestConfigBlob(image));
  tar.AddFile(
      "manifest.json",
      json::array({{{"Config", "c"}, {"Layers", {"l1", "l2"}}}}).dump());
  for (const std::string& bytes :
       {tar.Finish(), Gzip(tar.Finish()), Zstd(tar.Finish())}) {
    const auto read = ReadTar(bytes);
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(read->bytes_read, static_cast<int64_t>(bytes.size()));
    EXPECT_FALSE(ReadTar(bytes.substr(0, bytes.size() / 2)).ok());
  }
  std::string damaged = Gzip(tar.Finish());
  damaged.resize(damaged.size() - 20);
  EXPECT_EQ(ReasonOf(ReadTar(damaged).status()), "ARCHIVE_INVALID");
}

TEST(ReadArchive, AnImageWithoutLayers) {
  TestImage image;
  const auto read = ReadTar(MakeDockerArchive(image));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(read->layers.empty());
}

TEST(ReadArchive, DuplicateLayersAreOne) {
  TestImage image = TwoLayers();
  image.layers.push_back(image.layers[0]);
  for (const ArchiveLayout layout :
       {ArchiveLayout::kLegacy, ArchiveLayout::kBlobs}) {
    const auto read = ReadTar(MakeDockerArchive(image, layout));
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(read->layers[0], read->layers[2]);
    EXPECT_NE(read->layers[0], read->layers[1]);
  }
  // As two copies.
  TarBuilder tar;
  for (int i = 0; i < 3; ++i) {
    tar.AddFile(std::to_string(i), image.layers[static_cast<size_t>(i)]);
  }
  tar.AddFile("c", TestConfigBlob(image));
  tar.AddFile(
      "manifest.json",
      json::array({{{"Config", "c"}, {"Layers", {"0", "1", "2"}}}}).dump());
  const auto read = ReadTar(tar.Finish());
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->layers[0], read->layers[2]);
}

// A layer that is a link, with the link first or last.
std::string Linked(char type, const std::string& target, bool before) {
  const TestImage image = {.layers = {TarBuilder().AddFile("a", "1").Finish()}};
  TarBuilder tar;
  const auto link = [&] {
    tar.AddRaw({.name = "x/layer.tar", .type = type, .link = target});
  };
  if (before) {
    link();
  }
  tar.AddFile("y/layer.tar", image.layers[0]);
  tar.AddSymlink("hop", "y/layer.tar");
  tar.AddSymlink("x/loop", "loop");
  if (!before) {
    link();
  }
  tar.AddFile("c", TestConfigBlob(image));
  tar.AddFile(
      "manifest.json",
      json::array({{{"Config", "c"}, {"Layers", {"x/layer.tar"}}}}).dump());
  return tar.Finish();
}

TEST(ReadArchive, LinksAreFollowedOneHop) {
  for (const bool before : {true, false}) {
    EXPECT_EQ(ReasonOf(ReadTar(Linked('2', "../y/layer.tar", before)).status()),
              "OK");
    EXPECT_EQ(ReasonOf(ReadTar(Linked('1', "y/layer.tar", before)).status()),
              "OK");
    for (const char* target :
         {"../hop", "loop", "layer.tar", "../../y/layer.tar", "y/layer.tar",
          "/y/layer.tar", "../z", "..", ""}) {
      EXPECT_EQ(ReasonOf(ReadTar(Linked('2', target, before)).status()),
                "ARCHIVE_INCOMPLETE")
          << target;
    }
  }
}

TEST(ReadArchive, WhatWasExpected) {
  const TestImage image = TwoLayers();
  const std::string archive = MakeDockerArchive(image);
  const Digest id = Sha256Of(TestConfigBlob(image));
  const Digest a = Sha256Of(image.layers[0]);
  const Digest b = Sha256Of(image.layers[1]);
  const auto with = [&](std::vector<Digest> ids, std::optional<Digest> want) {
    ArchiveOptions options;
    options.expected_diff_ids = std::move(ids);
    options.expected_id = std::move(want);
    return ReasonOf(ReadTar(archive, options).status());
  };
  EXPECT_EQ(with({a, b}, id), "OK");
  EXPECT_EQ(with({}, id), "OK");
  EXPECT_EQ(with({b, a}, id), "IMAGE_CHANGED");
  EXPECT_EQ(with({a}, id), "IMAGE_CHANGED");
  EXPECT_EQ(with({a, b, b}, id), "IMAGE_CHANGED");
  EXPECT_EQ(with({a, b}, a), "IMAGE_CHANGED");
}

TEST(ReadArchive, ADamagedLayerIsNoticed) {
  const TestImage image = TwoLayers();
  std::string archive = MakeDockerArchive(image);
  archive[archive.find("two")] = 'T';
  const auto read = ReadTar(archive);
  EXPECT_EQ(ReasonOf(read.status()), "DIGEST_MISMATCH");
  EXPECT_THAT(Message(read.status()),
              HasSubstr(Sha256Of(image.layers[1]).ToString()));
}

TEST(ReadArchive, ADamagedConfigIsNoticed) {
  for (const ArchiveLayout layout :
       {ArchiveLayout::kLegacy, ArchiveLayout::kBlobs}) {
    std::string archive = MakeDockerArchive(TwoLayers(), layout);
    archive[archive.find("agent")] = 'A';
    EXPECT_EQ(ReasonOf(ReadTar(archive).status()), "DIGEST_MISMATCH");
  }
}

TEST(ReadArchive, WhatIsMissing) {
  const TestImage image = TwoLayers();
  for (int skip = 0; skip < 3; ++skip) {
    TarBuilder tar;
    for (int i = 0; i < 2; ++i) {
      if (i != skip) {
        AddBlob(tar, image.layers[static_cast<size_t>(i)]);
      }
    }
    if (skip != 2) {
      AddBlob(tar, TestConfigBlob(image));
    }
    tar.AddFile("manifest.json", json::array({ManifestOf(image)}).dump());
    EXPECT_EQ(ReasonOf(ReadTar(tar.Finish()).status()), "ARCHIVE_INCOMPLETE");
  }
}

TEST(ReadArchive, CountsMustAgree) {
  const TestImage image = TwoLayers();
  TarBuilder tar;
  AddBlobs(tar, image);
  json manifest = ManifestOf(image);
  manifest["Layers"].erase(1);
  tar.AddFile("manifest.json", json::array({manifest}).dump());
  EXPECT_EQ(ReasonOf(ReadTar(tar.Finish()).status()), "ARCHIVE_INVALID");
}

TEST(ReadArchive, SeveralImagesNeedAReference) {
  TestImage one = TwoLayers();
  TestImage two = TwoLayers();
  two.layers.pop_back();
  two.tags = {"alpine:3", "localhost/other:2"};
  TarBuilder tar;
  AddBlobs(tar, one);
  AddBlobs(tar, two);
  tar.AddFile("manifest.json",
              json::array({ManifestOf(one), ManifestOf(two)}).dump());
  const auto read = ReadTar(tar.Finish());
  EXPECT_EQ(ReasonOf(read.status()), "ARCHIVE_AMBIGUOUS");
  EXPECT_THAT(Message(read.status()), HasSubstr("alpine:3"));
  for (const auto& [reference, layers] :
       std::vector<std::pair<const char*, size_t>>{
           {"test/image:1", 2},
           {"docker.io/test/image:1", 2},
           {"alpine:3", 1},
           {"docker.io/library/alpine:3", 1},
           {"localhost/other:2", 1}}) {
    ArchiveOptions options;
    options.reference = reference;
    const auto chosen = ReadTar(tar.Finish(), options);
    ASSERT_TRUE(chosen.ok()) << chosen.status();
    EXPECT_EQ(chosen->layers.size(), layers) << reference;
  }
  ArchiveOptions options;
  options.reference = "alpine";
  EXPECT_EQ(ReasonOf(ReadTar(tar.Finish(), options).status()),
            "ARCHIVE_NO_IMAGE");
}

TEST(ReadArchive, ManifestsThatAreNone) {
  const TestImage image = TwoLayers();
  for (const auto& [text, reason] :
       std::vector<std::pair<std::string, std::string>>{
           {"null", "ARCHIVE_NO_IMAGE"},
           {"[]", "ARCHIVE_NO_IMAGE"},
           {"{\"a\":1}", "ARCHIVE_INVALID"},
           {"[", "ARCHIVE_INVALID"},
           {"garbage", "ARCHIVE_INVALID"},
           {"[1]", "ARCHIVE_INVALID"},
           {"[{}]", "ARCHIVE_INVALID"},
           {R"([{"Config":5}])", "ARCHIVE_INVALID"},
           {R"([{"Config":"../x"}])", "ARCHIVE_INVALID"},
           {R"([{"Config":"c","Layers":{}}])", "ARCHIVE_INVALID"},
           {R"([{"Config":"c","Layers":[1]}])", "ARCHIVE_INVALID"},
           {R"([{"Config":"c","RepoTags":"x"}])", "ARCHIVE_INVALID"},
           {R"([{"Config":"nowhere"}])", "ARCHIVE_INCOMPLETE"}}) {
    TarBuilder tar;
    AddBlobs(tar, image);
    tar.AddFile("manifest.json", text);
    EXPECT_EQ(ReasonOf(ReadTar(tar.Finish()).status()), reason) << text;
  }
}

TEST(ReadArchive, WhatIsNoArchive) {
  for (const std::string& bytes :
       {std::string(), std::string("hello"), std::string(5000, 'x'),
        std::string("\x1f\x8b\x08 no gzip")}) {
    EXPECT_FALSE(ReadTar(bytes).ok());
  }
  EXPECT_EQ(ReasonOf(ReadTar(std::string(5000, 'x')).status()),
            "ARCHIVE_INVALID");
  EXPECT_EQ(ReasonOf(ReadTar(std::string(10240, '\0')).status()),
            "ARCHIVE_NO_IMAGE");
  EXPECT_EQ(ReasonOf(ReadTar(TarBuilder().AddFile("a", "b").Finish()).status()),
            "ARCHIVE_NO_IMAGE");
}

TEST(ReadArchive, BlobsThatLookLikeLayersMatterOnlyWhenUsed) {
  const TestImage image = TwoLayers();
  const std::string broken = image.layers[0].substr(0, 700);
  TarBuilder tar;
  AddBlobs(tar, image);
  tar.AddFile("blobs/sha256/broken", broken);
  tar.AddFile("blobs/sha256/evil", TarBuilder().AddFile("../x", "").Finish());
  tar.AddFile("blobs/sha256/gz", "\x1f\x8b\x08 broken");
  tar.AddFile("manifest.json", json::array({ManifestOf(image)}).dump());
  StringSource source(tar.Finish());
  KeepingConsumer consumer;
  const auto read = ReadArchive(source, {}, consumer, nullptr, CancelToken());
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(consumer.begun(), 5);
  EXPECT_EQ(consumer.invalid(), 3);

  json manifest = ManifestOf(image);
  for (const auto& [name, reason] :
       std::vector<std::pair<const char*, const char*>>{
           {"broken", "LAYER_TRUNCATED"},
           {"evil", "LAYER_INVALID"},
           {"gz", "LAYER_INVALID"}}) {
    manifest["Layers"][0] = std::string("blobs/sha256/") + name;
    TarBuilder bad;
    bad.AddBytes(tar.Unfinished());
    bad.AddFile("manifest.json", json::array({manifest}).dump());
    EXPECT_EQ(ReasonOf(ReadTar(bad.Finish()).status()), reason);
  }
}

}  // namespace
}  // namespace bottled
