#include "client/warm_request.h"

#include "client/describe_warm.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "platform/map_env.h"

namespace bottled::client {
namespace {

using ::testing::HasSubstr;

v1::WarmRequest RequestOf(const Options& options) {
  const auto request =
      MakeWarmRequest(options,
                      MapEnv({{"HOME", "/home/me"},
                              {"PATH", "/bin"},
                              {"DOCKER_HOST", "unix:///e.sock"},
                              {"BOTTLED_IMAGE", "mine:1"}}),
                      {"PATH=/bin", "SECRET=x"});
  EXPECT_TRUE(request.ok()) << request.status();
  return request.ok() ? *request : v1::WarmRequest();
}

TEST(WarmRequestTest, OneSourceForEachImageAndAgent) {
  Options options;
  options.images = {"a:1", "b:1"};
  options.agents = {"demo"};
  options.bottles = {"dev"};
  options.keep = true;
  options.cpus = 3;
  const v1::WarmRequest request = RequestOf(options);
  EXPECT_TRUE(request.keep());
  ASSERT_EQ(request.sources_size(), 3);
  EXPECT_EQ(request.sources(1).image().reference(), "b:1");
  EXPECT_EQ(request.sources(1).engine().host(), "unix:///e.sock");
  EXPECT_EQ(request.sources(1).search_path(), "/bin");
  EXPECT_EQ(request.sources(1).options().cpus(), 3);
  const v1::WarmAgent& agent = request.sources(2).agent();
  EXPECT_EQ(agent.name(), "demo");
  EXPECT_EQ(agent.bottles(0), "dev");
  EXPECT_EQ(agent.home(), "/home/me");
  EXPECT_EQ(agent.default_image(), "mine:1");
  EXPECT_EQ(agent.build_environment().count("SECRET"), 0U);
}

TEST(WarmRequestTest, ABuildTakesTheImageAsItsName) {
  Options options;
  options.build = "/src";
  options.images = {"a:1"};
  const v1::WarmRequest request = RequestOf(options);
  ASSERT_EQ(request.sources_size(), 1);
  EXPECT_EQ(request.sources(0).build().context(), "/src");
  EXPECT_EQ(request.sources(0).build().tag(), "a:1");
}

TEST(DescribeWarmTest, SaysWhatBecameOfEach) {
  Options options;
  options.images = {"a:1", "b:1"};
  v1::WarmResponse response;
  response.add_results()->mutable_artifact()->set_path("/obj/a");
  v1::Failure& failure = *response.add_results()->mutable_failure();
  failure.set_reason("IMAGE_NOT_FOUND");
  failure.set_message("no\x1b such image");
  const std::string text = DescribeWarmed(RequestOf(options), response);
  EXPECT_THAT(text, HasSubstr("a:1     ready   -       /obj/a"));
  EXPECT_THAT(text, HasSubstr("no\\x1b such image [IMAGE_NOT_FOUND]"));
}

TEST(DescribeWarmTest, ListsTargetsWithTheirReasons) {
  v1::ListWarmTargetsResponse response;
  EXPECT_EQ(DescribeWarmTargets(response, 0), "");
  v1::WarmTarget& paused = *response.add_targets();
  paused.set_id("0123456789ab");
  paused.set_kind("image");
  paused.set_name("a:1");
  paused.set_state(v1::WARM_STATE_PAUSED);
  paused.set_why("nobody asked");
  v1::WarmTarget& blind = *response.add_targets();
  blind.set_state(v1::WARM_STATE_READY);
  blind.set_blind("too many directories");
  const std::string text = DescribeWarmTargets(response, 0);
  EXPECT_THAT(text, HasSubstr("0123456789ab  image  a:1   paused"));
  EXPECT_THAT(text, HasSubstr("nobody asked"));
  EXPECT_THAT(text, HasSubstr("from time to time: too many directories"));
}

}  // namespace
}  // namespace bottled::client
