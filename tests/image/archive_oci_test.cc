// Tars of OCI layouts (image-spec, image-layout.md): no manifest.json.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "image/archive_reader.h"
#include "image/archive_tools.h"
#include "image/tar_builder.h"

namespace bottled {
namespace {

using nlohmann::json;

constexpr char kRefName[] = "org.opencontainers.image.ref.name";

// Collects the blobs of a layout; gives descriptors.
class Layout {
 public:
  json Add(const std::string& blob, const std::string& media_type) {
    tar_.AddFile("blobs/sha256/" + Sha256Of(blob).hex(), blob);
    return {{"mediaType", media_type},
            {"digest", Sha256Of(blob).ToString()},
            {"size", blob.size()}};
  }

  json AddImage(const TestImage& image, bool gzip = false) {
    json layers = json::array();
    for (const std::string& layer : image.layers) {
      // Media types lie on purpose: only content counts.
      layers.push_back(Add(gzip ? Gzip(layer) : layer, "text/plain"));
    }
    const json config =
        Add(TestConfigBlob(image), "application/vnd.oci.image.config.v1+json");
    return Add(
        json({{"schemaVersion", 2}, {"config", config}, {"layers", layers}})
            .dump(),
        "application/vnd.oci.image.manifest.v1+json");
  }

  json AddIndex(const json& manifests) {
    return Add(json({{"schemaVersion", 2}, {"manifests", manifests}}).dump(),
               "application/vnd.oci.image.index.v1+json");
  }

  // With index.json in front or at the end.
  std::string Finish(const json& manifests, bool first = false) {
    TarBuilder out;
    TarBuilder index;
    index.AddFile(
        "index.json",
        json({{"schemaVersion", 2}, {"manifests", manifests}}).dump());
    if (first) {
      out.AddBytes(index.Unfinished());
    }
    out.AddBytes(tar_.Unfinished());
    out.AddFile("oci-layout", R"({"imageLayoutVersion":"1.0.0"})");
    if (!first) {
      out.AddBytes(index.Unfinished());
    }
    return out.Finish();
  }

  TarBuilder& tar() { return tar_; }

 private:
  TarBuilder tar_;
};

// Not json({x}), which is x itself.
json List(const std::vector<json>& items) { return json(items); }

json With(json descriptor, const char* key, const json& value) {
  descriptor[key] = value;
  return descriptor;
}

json For(const json& descriptor, const std::string& architecture,
         const std::string& variant = "") {
  json platform = {{"os", "linux"}, {"architecture", architecture}};
  if (!variant.empty()) {
    platform["variant"] = variant;
  }
  return With(descriptor, "platform", platform);
}

TestImage ImageFor(const std::string& architecture,
                   const std::string& content = "x") {
  TestImage image;
  image.layers = {TarBuilder().AddFile("a", content + architecture).Finish()};
  image.architecture = architecture;
  return image;
}

std::string ArchitectureOf(const std::string& archive,
                           const std::string& architecture,
                           const std::string& variant = "",
                           const std::string& reference = "") {
  ArchiveOptions options;
  options.platform = {
      .os = "linux", .architecture = architecture, .variant = variant};
  options.reference = reference;
  const auto image = ReadTar(archive, options);
  return image.ok() ? image->config.platform.architecture
                    : ReasonOf(image.status());
}

TEST(OciLayout, OneImage) {
  for (const bool gzip : {false, true}) {
    for (const bool first : {false, true}) {
      Layout layout;
      const json descriptor = layout.AddImage(ImageFor("amd64"), gzip);
      const std::string archive = layout.Finish(List({descriptor}), first);
      // The only one, whatever is asked for; callers compare the platform.
      EXPECT_EQ(ArchitectureOf(archive, "amd64"), "amd64");
      EXPECT_EQ(ArchitectureOf(archive, "arm64"), "amd64");
    }
  }
}

TEST(OciLayout, IdsOfAllLevels) {
  Layout layout;
  const TestImage image = ImageFor("amd64");
  const json manifest = layout.AddImage(image);
  const json index = layout.AddIndex(List({For(manifest, "amd64")}));
  const std::string archive = layout.Finish(List({index}));
  for (const std::string& id : {manifest["digest"].get<std::string>(),
                                index["digest"].get<std::string>(),
                                Sha256Of(TestConfigBlob(image)).ToString()}) {
    ArchiveOptions options;
    options.expected_id = Digest::Parse(id).value();
    EXPECT_TRUE(ReadTar(archive, options).ok()) << id;
  }
  ArchiveOptions options;
  options.expected_id = Sha256Of(image.layers[0]);
  EXPECT_EQ(ReasonOf(ReadTar(archive, options).status()), "IMAGE_CHANGED");
}

TEST(OciLayout, ThePlatformDecides) {
  Layout layout;
  const json amd = layout.AddImage(ImageFor("amd64"));
  const json arm = layout.AddImage(ImageFor("arm64"));
  const json missing =
      With(For(arm, "s390x"), "digest", Sha256Of("not here").ToString());
  const std::string nested = layout.Finish(List({layout.AddIndex(
      List({For(amd, "amd64"), missing, For(arm, "arm64", "v8")}))}));
  EXPECT_EQ(ArchitectureOf(nested, "amd64"), "amd64");
  EXPECT_EQ(ArchitectureOf(nested, "arm64"), "arm64");
  EXPECT_EQ(ArchitectureOf(nested, "arm64", "v8"), "arm64");
  EXPECT_EQ(ArchitectureOf(nested, "s390x"), "ARCHIVE_INCOMPLETE");
  EXPECT_EQ(ArchitectureOf(nested, "riscv64"), "ARCHIVE_NO_IMAGE");
  // Without a platform in the index the configs tell.
  const std::string flat = layout.Finish(List({amd, arm}));
  EXPECT_EQ(ArchitectureOf(flat, "amd64"), "amd64");
  EXPECT_EQ(ArchitectureOf(flat, "arm64"), "arm64");
}

TEST(OciLayout, VariantsDecideLast) {
  Layout layout;
  const json v6 = For(layout.AddImage(ImageFor("arm", "6")), "arm", "v6");
  const json v7 = For(layout.AddImage(ImageFor("arm", "7")), "arm", "v7");
  const std::string archive = layout.Finish(List({v6, v7}));
  EXPECT_EQ(ArchitectureOf(archive, "arm", "v7"), "arm");
  EXPECT_EQ(ArchitectureOf(archive, "arm", "v5"), "ARCHIVE_AMBIGUOUS");
}

TEST(OciLayout, AttestationsAndReferrersAreNoImages) {
  Layout layout;
  const json image = layout.AddImage(ImageFor("amd64"));
  const json other = layout.AddImage(ImageFor("amd64", "other"));
  const std::vector<json> none = {
      With(other, "annotations",
           {{"vnd.docker.reference.type", "attestation-manifest"}}),
      With(other, "annotations", {{"io.containerd.manifest.subject", "x"}}),
      With(other, "artifactType", "application/vnd.in-toto+json"),
      With(other, "platform",
           {{"os", "unknown"}, {"architecture", "unknown"}})};
  for (const json& descriptor : none) {
    EXPECT_EQ(ArchitectureOf(layout.Finish(List({descriptor, image})), "amd64"),
              "amd64");
    EXPECT_EQ(ArchitectureOf(layout.Finish(List({descriptor})), "amd64"),
              "ARCHIVE_NO_IMAGE");
  }
  EXPECT_EQ(ArchitectureOf(layout.Finish(List({other, image})), "amd64"),
            "ARCHIVE_AMBIGUOUS");
}

TEST(OciLayout, NamesSelect) {
  Layout layout;
  const json one = layout.AddImage(ImageFor("amd64", "1"));
  const json two = layout.AddImage(ImageFor("arm64", "2"));
  const std::string archive = layout.Finish(
      {With(one, "annotations", {{kRefName, "example.com/one:1"}}),
       With(layout.AddIndex(List({For(two, "arm64")})), "annotations",
            {{kRefName, "2"},
             {"io.containerd.image.name", "docker.io/library/two:2"}})});
  EXPECT_EQ(ArchitectureOf(archive, "x", "", "example.com/one:1"), "amd64");
  EXPECT_EQ(ArchitectureOf(archive, "x", "", "two:2"), "arm64");
  EXPECT_EQ(ArchitectureOf(archive, "x", "", "three"), "ARCHIVE_NO_IMAGE");
}

TEST(OciLayout, OneImageWithTwoNamesIsOne) {
  Layout layout;
  const json image = layout.AddImage(ImageFor("amd64"));
  const json index = layout.AddIndex(List({For(image, "amd64")}));
  for (const json& descriptor : {image, index}) {
    const std::string archive =
        layout.Finish({With(descriptor, "annotations", {{kRefName, "a:1"}}),
                       With(descriptor, "annotations", {{kRefName, "b:1"}})});
    EXPECT_EQ(ArchitectureOf(archive, "amd64"), "amd64");
    EXPECT_EQ(ArchitectureOf(archive, "amd64", "", "b:1"), "amd64");
  }
}

TEST(OciLayout, ManifestJsonDecides) {
  Layout layout;
  layout.AddImage(ImageFor("amd64"));
  const TestImage arm = ImageFor("arm64");
  const json descriptor = layout.AddImage(arm);
  const json manifest = {
      {"Config", "blobs/sha256/" + Sha256Of(TestConfigBlob(arm)).hex()},
      {"RepoTags", nullptr},
      {"Layers", {"blobs/sha256/" + Sha256Of(arm.layers[0]).hex()}}};
  layout.tar().AddFile("manifest.json", json::array({manifest}).dump());
  EXPECT_EQ(ArchitectureOf(layout.Finish(List({})), "amd64"), "arm64");
  // dockerd writes null for no names.
  Layout without;
  const json amd = without.AddImage(ImageFor("amd64"));
  without.tar().AddFile("manifest.json", "null");
  EXPECT_EQ(ArchitectureOf(without.Finish(List({amd})), "amd64"), "amd64");
}

TEST(OciLayout, BlobsMustBeWhatTheirNamesSay) {
  const TestImage image = ImageFor("amd64");
  for (const char* what : {"\"layers\"", "\"manifests\"", "\"rootfs\""}) {
    Layout layout;
    const json index =
        layout.AddIndex(List({For(layout.AddImage(image), "amd64")}));
    std::string archive = layout.Finish(List({index}));
    const size_t at = archive.find(what);
    // A space more inside of the JSON leaves its meaning.
    const size_t brace = archive.rfind('{', at);
    archive[brace] = ' ';
    archive[brace + 1] = archive[brace + 1] == '"' ? '{' : ' ';
    EXPECT_FALSE(ReadTar(archive).ok()) << what;
  }
  // The blobs of one image under the name of another.
  Layout layout;
  const json good = layout.AddImage(image);
  const json other = layout.AddImage(ImageFor("amd64", "other"));
  TarBuilder tar;
  tar.AddBytes(layout.tar().Unfinished());
  const std::string good_name = good["digest"].get<std::string>().substr(7);
  const std::string blob =
      json({{"config", json::object()}, {"layers", json::array()}}).dump();
  tar.AddFile("blobs/sha256/" + good_name, blob);
  tar.AddFile("index.json", json({{"manifests", List({good})}}).dump());
  EXPECT_EQ(ReasonOf(ReadTar(tar.Finish()).status()), "DIGEST_MISMATCH");
}

TEST(OciLayout, MalformedManifests) {
  for (const json& manifest :
       {json::object(), json({{"config", 1}}),
        json({{"config", {{"digest", "sha256:0"}}}, {"layers", json::array()}}),
        json({{"config", {{"digest", Sha256Of("x").ToString()}}},
              {"layers", {{{"digest", "md5:1"}}}}})}) {
    Layout layout;
    const json descriptor = layout.Add(manifest.dump(), "x");
    EXPECT_EQ(ReasonOf(ReadTar(layout.Finish(List({descriptor}))).status()),
              "ARCHIVE_INVALID")
        << manifest;
  }
  for (const json& manifests :
       {json(nullptr), json("x"), json::array(), json::array({1, nullptr}),
        json::array({json::object()})}) {
    const auto image = ReadTar(Layout().Finish(manifests));
    EXPECT_FALSE(image.ok()) << manifests;
  }
}

// Indexes of indexes, each naming the next a thousand times.
TEST(OciLayout, IndexBombsCostLittle) {
  Layout layout;
  json descriptor = layout.AddImage(ImageFor("amd64"));
  for (int level = 0; level < 8; ++level) {
    descriptor = layout.AddIndex(json(1000, descriptor));
  }
  const json top = json(1000, descriptor);
  EXPECT_FALSE(ReadTar(layout.Finish(top)).ok());
  ArchiveOptions options;
  options.expected_id =
      Digest::Parse(descriptor["digest"].get<std::string>()).value();
  EXPECT_FALSE(ReadTar(layout.Finish(top), options).ok());
  json many = json::array();
  for (int i = 0; i < 20'000; ++i) {
    many.push_back({{"digest", Sha256Of(std::to_string(i)).ToString()}});
  }
  EXPECT_EQ(ReasonOf(ReadTar(layout.Finish(many)).status()), "ARCHIVE_INVALID");
}

}  // namespace
}  // namespace bottled
