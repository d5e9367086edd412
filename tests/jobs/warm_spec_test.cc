#include "jobs/warm_spec.h"

#include <string>

#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bottled {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

PrepareSpec SpecOf(SourceVariant source) {
  PrepareSpec spec;
  spec.source = std::move(source);
  spec.engine = EngineEndpoint{.host = "unix:///run/docker.sock",
                               .origin = "DOCKER_HOST"};
  spec.build_environment = {{"PATH", "/bin"}, {"HTTPS_PROXY", "u:secret@p"}};
  return spec;
}

WarmTarget Row(const PrepareSpec& spec) {
  const auto row = MakeWarmTarget(spec, 7);
  EXPECT_TRUE(row.ok()) << row.status();
  return row.value_or(WarmTarget());
}

std::string Refused(const PrepareSpec& spec) {
  return GetErrorDetail(MakeWarmTarget(spec, 7).status()).reason;
}

TEST(WarmSpec, AnImageComesBackAsItWas) {
  PrepareSpec spec = SpecOf("fx/a:1");
  spec.packer = PackerKind::kNative;
  spec.options.cpus = 2;
  const WarmTarget row = Row(spec);
  EXPECT_EQ(row.kind, WarmKind::kImage);
  EXPECT_EQ(row.name, "fx/a:1");
  EXPECT_EQ(row.created_ms, 7);
  const auto back = DecodeWarmSpec(row.spec);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(std::get<std::string>(back->source), "fx/a:1");
  EXPECT_EQ(back->engine->host, "unix:///run/docker.sock");
  EXPECT_EQ(back->packer, PackerKind::kNative);
  EXPECT_EQ(back->options, spec.options);
  EXPECT_EQ(back->build_environment.at("PATH"), "/bin");
  EXPECT_EQ(back->job_class, JobClass::kWarm);
  EXPECT_EQ(Row(*back).id, row.id);
}

TEST(WarmSpec, ABuildComesBackWithWhatNamesPlaces) {
  PrepareSpec spec = SpecOf(BuildSpec{.context = "/src",
                                      .dockerfile = "/src/D",
                                      .target = "t",
                                      .platform = "linux/amd64",
                                      .tag = "a:1"});
  std::get<BuildSpec>(spec.source).environment = {{"HOME", "/home/u"},
                                                  {"TOKEN", "secret"}};
  const auto back = DecodeWarmSpec(Row(spec).spec);
  ASSERT_TRUE(back.ok()) << back.status();
  const auto& build = std::get<BuildSpec>(back->source);
  EXPECT_EQ(build.context, "/src");
  EXPECT_EQ(build.dockerfile, "/src/D");
  EXPECT_EQ(build.target, "t");
  EXPECT_EQ(build.platform, "linux/amd64");
  EXPECT_EQ(build.tag, "a:1");
  EXPECT_EQ(build.environment.at("HOME"), "/home/u");
  EXPECT_EQ(WarmKindOf(*back), WarmKind::kBuild);
}

TEST(WarmSpec, AnAgentComesBack) {
  PrepareSpec spec = SpecOf({});
  spec.bottle.agent = "demo";
  spec.bottle.home = "/home/u";
  spec.bottle.cwd = "/src";
  spec.bottle.bottles = {"dev", "more"};
  spec.default_image = "fx/default:1";
  const WarmTarget row = Row(spec);
  EXPECT_EQ(row.kind, WarmKind::kAgent);
  EXPECT_EQ(row.name, "demo");
  const auto back = DecodeWarmSpec(row.spec);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->bottle.agent, "demo");
  EXPECT_EQ(back->bottle.home, "/home/u");
  EXPECT_EQ(back->bottle.cwd, "/src");
  EXPECT_EQ(back->bottle.bottles, spec.bottle.bottles);
  EXPECT_EQ(back->default_image, "fx/default:1");
}

TEST(WarmSpec, HoldsNoSecret) {
  PrepareSpec spec = SpecOf(BuildSpec{.context = "/src"});
  std::get<BuildSpec>(spec.source).environment = {
      {"PATH", "/bin"}, {"HTTPS_PROXY", "u:secret@p"}, {"TOKEN", "secret"}};
  EXPECT_THAT(Row(spec).spec, Not(HasSubstr("secret")));
  EXPECT_THAT(Row(SpecOf("a:1")).spec, Not(HasSubstr("secret")));
}

TEST(WarmSpec, WhatCannotBeKeptIsRefused) {
  BuildSpec build{.context = "/src"};
  build.args = {{.name = "A", .value = "secret"}};
  EXPECT_EQ(Refused(SpecOf(build)), "BAD_WARM_TARGET");
  build = {.context = "/src"};
  build.secrets = {"id=a"};
  EXPECT_EQ(Refused(SpecOf(build)), "BAD_WARM_TARGET");
  build = {.context = "/src"};
  build.no_cache = true;
  EXPECT_EQ(Refused(SpecOf(build)), "BAD_WARM_TARGET");
  EXPECT_EQ(Refused(SpecOf(BuildSpec{.context = "https://x/y.git"})),
            "BAD_WARM_TARGET");
  EXPECT_EQ(Refused(SpecOf({})), "BAD_WARM_TARGET");
  EXPECT_EQ(Refused(SpecOf(ArchiveFileSource{.path = "/a.tar"})),
            "BAD_WARM_TARGET");
}

TEST(WarmSpec, TheIdFollowsFromWhatIsMade) {
  PrepareSpec spec = SpecOf("a:1");
  const std::string id = Row(spec).id;
  spec.build_environment["PATH"] = "/other";
  EXPECT_EQ(Row(spec).id, id);
  spec.options.memory_mib = 64;
  EXPECT_NE(Row(spec).id, id);
  EXPECT_NE(Row(SpecOf("a:2")).id, id);
  spec = SpecOf("a:1");
  spec.engine->host = "unix:///run/other.sock";
  EXPECT_NE(Row(spec).id, id);
}

TEST(WarmSpec, TextOfAnotherFormIsAnError) {
  for (const char* text :
       {"", "[]", "{}", R"({"image":"a:1"})",
        R"({"image":"a:1","engine":{"host":"nonsense"},"packer":"auto"})",
        R"({"image":"a:1","engine":{"host":"unix:///a"},"packer":"new"})"}) {
    EXPECT_TRUE(HasReason(DecodeWarmSpec(text).status(), "BAD_WARM_TARGET"))
        << text;
  }
}

}  // namespace
}  // namespace bottled
