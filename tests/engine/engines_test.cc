#include "engine/engines.h"

#include "engine/tools.h"

namespace bottled {
namespace {

EngineEndpoint Endpoint(const std::string& host) {
  EngineEndpoint endpoint;
  endpoint.host = host;
  return endpoint;
}

TEST(Engines, KeepsOneClientPerEndpoint) {
  Engines engines{EngineClient::Options()};
  const auto first = engines.Get(Endpoint("unix:///a"));
  EXPECT_EQ(engines.Get(Endpoint("unix:///a")), first);
  EXPECT_NE(engines.Get(Endpoint("unix:///b")), first);
  EngineEndpoint tls = Endpoint("unix:///a");
  tls.tls_dir = "/certs";
  EXPECT_NE(engines.Get(tls), first);
  tls.skip_tls_verify = true;
  EXPECT_NE(engines.Get(tls), first);
  EXPECT_EQ(engines.Get(tls)->endpoint(), tls);
}

TEST(Engines, ForgetsTheLeastRecentlyUsed) {
  Engines engines{EngineClient::Options()};
  const auto used = engines.Get(Endpoint("unix:///used"));
  const std::weak_ptr<EngineClient> idle =
      engines.Get(Endpoint("unix:///idle"));
  for (int i = 0; i < 100; ++i) {
    engines.Get(Endpoint("unix:///" + std::to_string(i)));
    engines.Get(Endpoint("unix:///used"));
  }
  EXPECT_TRUE(idle.expired());
  EXPECT_EQ(engines.Get(Endpoint("unix:///used")), used);
}

}  // namespace
}  // namespace bottled
