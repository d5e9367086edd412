#include "client/build_request.h"

#include <filesystem>
#include <map>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "platform/map_env.h"

namespace bottled::client {
namespace {

using ::testing::ElementsAre;
using ::testing::Key;
using ::testing::UnorderedElementsAre;

std::string Here(const std::string& name) {
  return (std::filesystem::current_path() / name).lexically_normal().native();
}

v1::BuildSource MakeSource(const Options& options,
                           const std::vector<std::string>& env_list = {}) {
  const auto source =
      MakeBuildSource(options, MapEnv({{"HOME", "/home/me"}}), env_list);
  EXPECT_TRUE(source.ok()) << source.status();
  return source.ok() ? *source : v1::BuildSource();
}

TEST(BuildRequestTest, TheDefaultNameComesFromTheEnvironment) {
  EXPECT_EQ(DefaultImageName(MapEnv({})), "claude-bottle:latest");
  EXPECT_EQ(DefaultImageName(MapEnv({{"CLAUDE_BOTTLE_IMAGE", "b"}})), "b");
  EXPECT_EQ(DefaultImageName(
                MapEnv({{"BOTTLED_IMAGE", "a"}, {"CLAUDE_BOTTLE_IMAGE", "b"}})),
            "a");
  EXPECT_EQ(DefaultImageName(
                MapEnv({{"BOTTLED_IMAGE", ""}, {"CLAUDE_BOTTLE_IMAGE", "b"}})),
            "b");
}

TEST(BuildRequestTest, PathsBecomeAbsolute) {
  Options options;
  options.build = "sub/..";
  options.dockerfile = "x/Dockerfile";
  options.secrets = {"id=a,src=./f", "id=b,source=~/g", "id=c,env=TOKEN"};
  options.ssh = {"default", "k=./one,/two"};
  const v1::BuildSource source = MakeSource(options);
  EXPECT_EQ(source.context(), Here(""));
  EXPECT_EQ(source.dockerfile(), Here("x/Dockerfile"));
  EXPECT_THAT(source.secrets(),
              ElementsAre("id=a,src=" + Here("f"), "id=b,source=/home/me/g",
                          "id=c,env=TOKEN"));
  EXPECT_THAT(source.ssh(),
              ElementsAre("default", "k=" + Here("one") + ",/two"));
}

TEST(BuildRequestTest, RemoteContextsStayAsTheyAre) {
  for (const char* context : {"https://x/y.git#main", "git@x:y.git"}) {
    Options options;
    options.build = context;
    EXPECT_EQ(MakeSource(options).context(), context);
  }
}

TEST(BuildRequestTest, OnlyWhatBuildersReadIsSent) {
  Options options;
  options.build = "/c";
  options.build_args = {"A=1", "B=x=y", "FROM_ENV", "EMPTY="};
  options.secrets = {"id=s,env=SECRET_VAR"};
  const v1::BuildSource source = MakeSource(
      options, {"PATH=/bin", "DOCKER_CONFIG=/d", "AWS_SECRET=no", "FROM_ENV=v",
                "SECRET_VAR=w", "malformed", "A=other"});
  std::map<std::string, std::string> env(source.environment().begin(),
                                         source.environment().end());
  EXPECT_THAT(env, UnorderedElementsAre(Key("PATH"), Key("DOCKER_CONFIG"),
                                        Key("FROM_ENV"), Key("SECRET_VAR")));
  ASSERT_EQ(source.args_size(), 4);
  EXPECT_EQ(source.args(1).name(), "B");
  EXPECT_EQ(source.args(1).value(), "x=y");
  EXPECT_FALSE(source.args(2).has_value());
  EXPECT_TRUE(source.args(3).has_value());
}

TEST(BuildRequestTest, TheEnvironmentOfBuildersAlone) {
  EXPECT_THAT(
      BuilderEnvironment(
          {"PATH=/bin", "BUILDX_BUILDER=b", "X=1", "Y=2", "HOME", "EDITOR=vi"},
          {"Y"}),
      UnorderedElementsAre(Key("PATH"), Key("BUILDX_BUILDER"), Key("Y")));
}

}  // namespace
}  // namespace bottled::client
