#include "client/bottle_request.h"

#include <filesystem>
#include <string>

#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "platform/map_env.h"

namespace bottled::client {
namespace {

using ::testing::ElementsAre;

// A context of the engine needs no file then.
GetEnv Env() {
  return MapEnv({{"HOME", "/home/me"}, {"DOCKER_HOST", "unix:///e.sock"}});
}

v1::PrepareRequest MakeRequest(const Options& options) {
  const auto request =
      MakePrepareRequest(options, Env(), {"PATH=/bin", "SECRET=x"});
  EXPECT_TRUE(request.ok()) << request.status();
  return request.ok() ? *request : v1::PrepareRequest();
}

TEST(BottleRequestTest, ANewBottle) {
  Options options;
  options.agent = "researcher";
  options.bottles = {"base", "dev"};
  options.copy_cwd = true;
  options.endpoint = "loopback";
  const v1::PrepareRequest request = MakeRequest(options);
  const v1::BottleRequest& bottle = request.bottle();
  EXPECT_EQ(bottle.agent(), "researcher");
  EXPECT_EQ(bottle.resume(), "");
  EXPECT_THAT(bottle.bottles(), ElementsAre("base", "dev"));
  EXPECT_EQ(bottle.home(), "/home/me");
  const std::filesystem::path cwd = bottle.cwd();
  EXPECT_TRUE(std::filesystem::equivalent(cwd, ".")) << cwd;
  EXPECT_TRUE(cwd.is_absolute());
  EXPECT_FALSE(bottle.cwd().ends_with("/"));
  EXPECT_TRUE(bottle.copy_cwd());
  EXPECT_EQ(bottle.endpoint_mode(), v1::ENDPOINT_MODE_LOOPBACK);
  EXPECT_EQ(bottle.engine().host(), "unix:///e.sock");
  EXPECT_EQ(request.source_case(), v1::PrepareRequest::SOURCE_NOT_SET);
  EXPECT_EQ(request.default_image(), "claude-bottle:latest");
  ASSERT_EQ(request.build_environment_size(), 1);
  EXPECT_EQ(request.build_environment().at("PATH"), "/bin");
  EXPECT_EQ(request.freshness(), v1::FRESHNESS_IF_CHANGED);
  EXPECT_TRUE(request.cancel_on_disconnect());
}

TEST(BottleRequestTest, ABottleThatExistsKeepsWhatItWasMadeWith) {
  Options options;
  options.resume = "a-12345";
  const v1::BottleRequest bottle = MakeRequest(options).bottle();
  EXPECT_EQ(bottle.resume(), "a-12345");
  EXPECT_EQ(bottle.agent(), "");
  EXPECT_EQ(bottle.cwd(), "");
  EXPECT_EQ(bottle.home(), "/home/me");
}

TEST(BottleRequestTest, Sources) {
  Options options;
  options.agent = "a";
  options.image = "app:1";
  EXPECT_EQ(MakeRequest(options).image().reference(), "app:1");
  options.image = "";
  options.archive = "/x/../f.tar";
  options.reference = "r";
  EXPECT_EQ(MakeRequest(options).archive().path(), "/f.tar");
  EXPECT_EQ(MakeRequest(options).archive().reference(), "r");
  options.archive = "";
  options.build = "/ctx";
  options.rebuild = true;
  options.detach = true;
  const v1::PrepareRequest request = MakeRequest(options);
  EXPECT_EQ(request.build().context(), "/ctx");
  EXPECT_EQ(request.freshness(), v1::FRESHNESS_ALWAYS);
  EXPECT_FALSE(request.cancel_on_disconnect());
}

TEST(BottleRequestTest, ANewBottleNeedsAHome) {
  for (const char* home : {"", "relative"}) {
    const GetEnv env =
        MapEnv({{"HOME", home}, {"DOCKER_HOST", "unix:///e.sock"}});
    Options options;
    options.agent = "a";
    EXPECT_TRUE(HasReason(MakeBottleRequest(options, env).status(), "USAGE"));
    options.agent = "";
    options.resume = "a-12345";
    const auto resumed = MakeBottleRequest(options, env);
    ASSERT_TRUE(resumed.ok()) << resumed.status();
    EXPECT_EQ(resumed->home(), "");
  }
}

TEST(BottleRequestTest, TheFinishNamesTheSameBottle) {
  Options options;
  options.agent = "a";
  options.bottles = {"b"};
  options.copy_cwd = true;
  options.endpoint = "bridge";
  const v1::ResolveRequest request =
      MakeFinishRequest(MakeRequest(options).bottle(), "a-12345", "sha256:1");
  EXPECT_EQ(request.bottle().resume(), "a-12345");
  EXPECT_EQ(request.bottle().agent(), "");
  EXPECT_TRUE(request.bottle().bottles().empty());
  EXPECT_EQ(request.bottle().cwd(), "");
  EXPECT_FALSE(request.bottle().copy_cwd());
  // Else the address could move to the engine's own mode.
  EXPECT_EQ(request.bottle().endpoint_mode(), v1::ENDPOINT_MODE_BRIDGE);
  EXPECT_EQ(request.bottle().engine().host(), "unix:///e.sock");
  EXPECT_EQ(request.artifact(), "sha256:1");
  EXPECT_FALSE(request.dry_run());
}

}  // namespace
}  // namespace bottled::client
