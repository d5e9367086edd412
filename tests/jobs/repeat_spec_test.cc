#include "jobs/repeat_spec.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bottled {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

EngineEndpoint Local() {
  return {.host = "unix:///run/docker.sock", .origin = "default"};
}

PackSpec OfBuild() {
  BuildSource source;
  source.build.context = "/src";
  source.build.dockerfile = "/src/Dockerfile";
  source.build.target = "final";
  source.build.platform = "linux/amd64";
  source.build.pull = true;
  source.build.no_cache = true;
  source.build.tag = "demo:1";
  source.engine = Local();
  PackSpec spec;
  spec.source = source;
  return spec;
}

TEST(RepeatSpec, AnImageComesBack) {
  PackSpec spec;
  spec.source =
      ImageSource{.reference = "sha256:1", .engine = Local(), .name = "demo:1"};
  spec.packer = PackerKind::kSmolvm;
  spec.search_path = "/bin";
  spec.options = {.cpus = 2, .memory_mib = 512};
  spec.force = true;
  const auto again = DecodeRepeat(EncodeRepeat(spec));
  ASSERT_TRUE(again.has_value());
  const auto& image = std::get<ImageSource>(again->source);
  EXPECT_EQ(image.reference, "sha256:1");
  EXPECT_EQ(image.name, "demo:1");
  EXPECT_EQ(image.engine, Local());
  EXPECT_EQ(again->packer, PackerKind::kSmolvm);
  EXPECT_EQ(again->search_path, "/bin");
  EXPECT_EQ(again->options, spec.options);
  EXPECT_TRUE(again->force);
}

TEST(RepeatSpec, AnArchiveComesBack) {
  PackSpec spec;
  spec.source = ArchiveFileSource{.path = "/a.tar", .reference = "demo:1"};
  const auto again = DecodeRepeat(EncodeRepeat(spec));
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(std::get<ArchiveFileSource>(again->source).path, "/a.tar");
  EXPECT_EQ(std::get<ArchiveFileSource>(again->source).reference, "demo:1");
  EXPECT_FALSE(again->force);
}

TEST(RepeatSpec, ABuildComesBackWithoutWhatMayBeSecret) {
  PackSpec spec = OfBuild();
  std::get<BuildSource>(spec.source).build.environment = {
      {"PATH", "/bin"}, {"DOCKER_HOST", "hush"}, {"TOKEN", "hush"}};
  const std::string text = EncodeRepeat(spec);
  EXPECT_THAT(text, Not(HasSubstr("hush")));
  const auto again = DecodeRepeat(text);
  ASSERT_TRUE(again.has_value());
  const auto& source = std::get<BuildSource>(again->source);
  EXPECT_EQ(source.build.context, "/src");
  EXPECT_EQ(source.build.dockerfile, "/src/Dockerfile");
  EXPECT_EQ(source.build.target, "final");
  EXPECT_EQ(source.build.platform, "linux/amd64");
  EXPECT_TRUE(source.build.pull);
  EXPECT_TRUE(source.build.no_cache);
  EXPECT_EQ(source.build.tag, "demo:1");
  EXPECT_THAT(source.build.environment, ElementsAre(Pair("PATH", "/bin")));
  EXPECT_EQ(source.engine, Local());
}

TEST(RepeatSpec, NobodyAsksAgainForWhatMayBeSecretOrIsGone) {
  PackSpec upload;
  upload.source = UploadedSource{.name = "standard input", .reference = ""};
  EXPECT_EQ(EncodeRepeat(upload), "");

  const auto with = [](auto change) {
    PackSpec spec = OfBuild();
    change(std::get<BuildSource>(spec.source).build);
    return EncodeRepeat(spec);
  };
  EXPECT_NE(with([](BuildSpec&) {}), "");
  EXPECT_EQ(with([](BuildSpec& build) {
              build.args = {{.name = "A", .value = "hush"}};
            }),
            "");
  EXPECT_EQ(with([](BuildSpec& build) {
              build.args = {{.name = "A", .value = std::nullopt}};
            }),
            "");
  EXPECT_EQ(with([](BuildSpec& build) { build.secrets = {"id=a,src=/b"}; }),
            "");
  EXPECT_EQ(with([](BuildSpec& build) { build.ssh = {"default"}; }), "");
  EXPECT_EQ(with([](BuildSpec& build) {
              build.context = "https://me:hush@example.com/repo.git";
            }),
            "");
}

TEST(RepeatSpec, NobodyBuildsAgainInAnotherEnvironment) {
  for (const char* name : {"HTTP_PROXY", "https_proxy", "DOCKER_BUILDKIT",
                           "BUILDKIT_HOST", "DOCKER_DEFAULT_PLATFORM"}) {
    PackSpec spec = OfBuild();
    std::get<BuildSource>(spec.source).build.environment = {{name, "x"}};
    EXPECT_EQ(EncodeRepeat(spec), "") << name;
  }
  PackSpec spec = OfBuild();
  // The agent's socket may be gone.
  std::get<BuildSource>(spec.source).engine.host = "ssh://there";
  EXPECT_EQ(EncodeRepeat(spec), "");
}

TEST(RepeatSpec, WhatItDoesNotUnderstandIsNothing) {
  for (const char* text :
       {"", "{}", "[]", "null", R"({"packer":"native"})",
        R"({"packer":"new","archive":"/a","cpus":1,"memory_mib":64})",
        R"({"packer":"native","archive":"/a","cpus":0,"memory_mib":64})",
        R"({"packer":"native","image":"a","cpus":1,"memory_mib":64})",
        R"({"packer":"native","image":"a","engine":{"host":"x"},"cpus":1})"}) {
    EXPECT_FALSE(DecodeRepeat(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace bottled
