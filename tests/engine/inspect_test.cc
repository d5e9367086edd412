#include "engine/inspect.h"

#include "engine/tools.h"

namespace bottled {
namespace {

using ::testing::ElementsAre;
using testing::EngineFixture;
using testing::FailsWith;
using ::testing::IsEmpty;
using testing::IsOk;
using ::testing::SizeIs;

const std::string kId = "sha256:" + std::string(64, 'a');

std::string Minimal(const std::string& more) {
  return R"({"Id":")" + kId + "\"" + more + "}";
}

TEST(Inspect, TheSameImageIsTheSameOnAllEngines) {
  for (const char* engine : testing::kRecordedEngines) {
    SCOPED_TRACE(engine);
    const auto image =
        ParseInspect(EngineFixture(std::string(engine) + "/inspect-tiny.json"));
    ASSERT_THAT(image, IsOk());
    EXPECT_EQ(image->config.platform, testing::Amd64());
    EXPECT_THAT(image->config.env, ElementsAre("PATH=/bin", "X=a b=c"));
    EXPECT_THAT(image->config.entrypoint, ElementsAre("/bin/init"));
    EXPECT_THAT(image->config.cmd, ElementsAre("/bin/sh"));
    EXPECT_EQ(image->config.working_dir, "/a");
    EXPECT_EQ(image->config.user, "1000:1000");
    EXPECT_EQ(image->config.created, "2024-01-01T00:00:00Z");
    ASSERT_THAT(image->config.diff_ids, SizeIs(6));
    EXPECT_EQ(image->config.diff_ids[3], image->config.diff_ids[5]);
    EXPECT_EQ(image->config.diff_ids[0].hex().substr(0, 8), "d14dd2e0");
    EXPECT_GT(image->size_estimate, 0);
  }
}

TEST(Inspect, ThePlatformsManifestIsTheIdOfTheContainerdStore) {
  const auto image = ParseInspect(EngineFixture(
      "docker-29.7.2-containerd/inspect-built-attested-platform.json"));
  ASSERT_THAT(image, IsOk());
  EXPECT_EQ(image->id.hex().substr(0, 8), "c348dc6b");
  EXPECT_EQ(image->config.created, "2026-11-25T02:06:08.591572397Z");
  EXPECT_THAT(image->config.cmd, ElementsAre("/x"));
  EXPECT_THAT(image->config.entrypoint, IsEmpty());
  EXPECT_EQ(image->config.user, "");
  const auto arm = ParseInspect(
      EngineFixture("docker-29.7.2-containerd/inspect-multi-arm64.json"));
  ASSERT_THAT(arm, IsOk());
  EXPECT_EQ(arm->config.platform.architecture, "arm64");
}

TEST(Inspect, EverythingButTheIdMayBeMissingOrNull) {
  for (const std::string& text :
       {Minimal(""),
        Minimal(R"(,"Config":null,"RootFS":null,"Os":null,"Architecture":null,
                "Variant":null,"Created":null,"Size":null)"),
        Minimal(R"(,"Config":{"Env":null,"Cmd":null,"Entrypoint":null,
                "User":null,"WorkingDir":null},"RootFS":{"Layers":null})")}) {
    const auto image = ParseInspect(text);
    ASSERT_THAT(image, IsOk()) << text;
    EXPECT_EQ(image->id.ToString(), kId);
    EXPECT_EQ(image->config, ImageConfig());
    EXPECT_EQ(image->size_estimate, 0);
  }
}

TEST(Inspect, EnvironmentIsNormalised) {
  const auto image =
      ParseInspect(Minimal(R"(,"Config":{"Env":["A=1","bad","=x","A=2"]})"));
  ASSERT_THAT(image, IsOk());
  EXPECT_THAT(image->config.env, ElementsAre("A=2"));
}

TEST(Inspect, BareIdsAreTaken) {
  const auto image = ParseInspect(R"({"Id":")" + std::string(64, 'b') + "\"}");
  ASSERT_THAT(image, IsOk());
  EXPECT_EQ(image->id.hex(), std::string(64, 'b'));
}

TEST(Inspect, NonsenseIsRefused) {
  for (const std::string& bad :
       {std::string(), std::string("null"), std::string("[]"),
        std::string("{}"), std::string("{\"Id\":7}"),
        std::string("{\"Id\":\"sha256:12\"}"), std::string("{\"Id\":\"x\""),
        std::string("\xff\xfe"), std::string(1 << 20, '['),
        Minimal("").substr(0, 60)}) {
    EXPECT_THAT(ParseInspect(bad), FailsWith("ENGINE_ANSWER_INVALID"))
        << bad.substr(0, 100);
  }
}

TEST(Inspect, WrongTypesAreRefused) {
  for (const char* bad :
       {R"(,"Config":[])", R"(,"Config":{"Env":"A=1"})",
        R"(,"Config":{"Cmd":[1]})", R"(,"Config":{"User":{}})", R"(,"Os":1)",
        R"(,"Architecture":["amd64"])"}) {
    EXPECT_THAT(ParseInspect(Minimal(bad)), FailsWith("BAD_IMAGE_CONFIG"))
        << bad;
  }
  EXPECT_FALSE(ParseInspect(Minimal(R"(,"RootFS":{"Layers":["x"]})")).ok());
}

TEST(Inspect, WhatIsNotAskedForDoesNotMatter) {
  const std::string deep = std::string(50'000, '[') + std::string(50'000, ']');
  EXPECT_THAT(ParseInspect(Minimal(",\"GraphDriver\":" + deep)), IsOk());
  EXPECT_THAT(ParseInspect(Minimal(R"(,"Size":-5)"))->size_estimate, 0);
  EXPECT_THAT(ParseInspect(Minimal(R"(,"Size":1e300)"))->size_estimate, 0);
  EXPECT_GE(
      ParseInspect(Minimal(R"(,"Size":18446744073709551615)"))->size_estimate,
      0);
}

}  // namespace
}  // namespace bottled
