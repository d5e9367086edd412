#include "engine/address.h"

#include "engine/tools.h"

namespace bottled {
namespace {

using ::testing::ElementsAre;
using testing::FailsWith;
using testing::IsOk;

EngineEndpoint Host(const std::string& host, const std::string& tls_dir = "") {
  EngineEndpoint endpoint;
  endpoint.host = host;
  endpoint.tls_dir = tls_dir;
  return endpoint;
}

TEST(EngineAddress, SplitsUnix) {
  const auto address = SplitEngineAddress(Host("unix:///run/x y.sock"));
  ASSERT_THAT(address, IsOk());
  EXPECT_EQ(address->kind, EngineAddress::Kind::kUnix);
  EXPECT_EQ(address->path, "/run/x y.sock");
}

TEST(EngineAddress, SplitsTcpAndFillsThePortIn) {
  const auto plain = SplitEngineAddress(Host("tcp://example.org"));
  ASSERT_THAT(plain, IsOk());
  EXPECT_EQ(plain->kind, EngineAddress::Kind::kTcp);
  EXPECT_EQ(plain->Authority(), "example.org:2375");
  const auto tls = SplitEngineAddress(Host("tcp://example.org", "/certs"));
  ASSERT_THAT(tls, IsOk());
  EXPECT_EQ(tls->Authority(), "example.org:2376");
  const auto v6 = SplitEngineAddress(Host("tcp://[::1]:99"));
  ASSERT_THAT(v6, IsOk());
  EXPECT_EQ(v6->host, "::1");
  EXPECT_EQ(v6->Authority(), "[::1]:99");
}

TEST(EngineAddress, SplitsSsh) {
  const auto full = SplitEngineAddress(Host("ssh://me@example.org:2222"));
  ASSERT_THAT(full, IsOk());
  EXPECT_EQ(full->kind, EngineAddress::Kind::kSsh);
  EXPECT_EQ(full->user, "me");
  EXPECT_EQ(full->host, "example.org");
  EXPECT_EQ(full->port, 2222);
  const auto bare = SplitEngineAddress(Host("ssh://alias"));
  ASSERT_THAT(bare, IsOk());
  EXPECT_EQ(bare->user, "");
  EXPECT_EQ(bare->port, 0);
  EXPECT_EQ(bare->Authority(), "alias");
}

TEST(EngineAddress, RefusesWhatCouldBeAnOptionOrAnotherUrl) {
  for (const char* bad :
       {"ssh://-oProxyCommand=x", "ssh://me@-x", "ssh://-l@host", "ssh://a b",
        "ssh://me:pw@host", "tcp://user@host:1", "tcp://host:1/path",
        "tcp://host:0", "tcp://host:65536", "tcp://host:x", "tcp://[::1",
        "http://host", "unix://relative", "tcp://a?b", "tcp://a#b", ""}) {
    EXPECT_THAT(SplitEngineAddress(Host(bad)), FailsWith("BAD_ENGINE_ADDRESS"))
        << bad;
  }
}

}  // namespace
}  // namespace bottled
