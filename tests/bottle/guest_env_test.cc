#include "bottle/guest_env.h"

#include "bottle/manifest_values.h"
#include "bottle/plan_tools.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bottled {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(GuestEnv, HasTheBottlesVariablesThenThoseOfTheGates) {
  EXPECT_THAT(
      MakeGuestEnv(MakeManifest(), MakeAddresses()),
      ElementsAre("RUST_LOG=info", "HTTPS_PROXY=http://172.16.192.18:8888",
                  "HTTP_PROXY=http://172.16.192.18:8888",
                  "https_proxy=http://172.16.192.18:8888",
                  "http_proxy=http://172.16.192.18:8888",
                  "NO_PROXY=localhost,127.0.0.1,::1,172.16.192.18",
                  "no_proxy=localhost,127.0.0.1,::1,172.16.192.18",
                  "GIT_GATE_URL=git://172.16.192.18:9418",
                  "MCP_SUPERVISE_URL=http://172.16.192.18:9100/"));
}

TEST(GuestEnv, LeavesOutGatesThatAreNotThere) {
  Manifest manifest = MakeManifest();
  manifest.bottle.repos.clear();
  manifest.bottle.supervise = false;
  const std::vector<std::string> env = MakeGuestEnv(manifest, MakeAddresses());
  EXPECT_THAT(env, Not(Contains(HasSubstr("GIT_GATE_URL"))));
  EXPECT_THAT(env, Not(Contains(HasSubstr("MCP_SUPERVISE_URL"))));
}

TEST(GuestEnv, UsesTheLoopbackAddressInLoopbackMode) {
  Addresses addresses = MakeAddresses();
  addresses.mode = EndpointMode::kLoopback;
  EXPECT_THAT(MakeGuestEnv(MakeManifest(), addresses),
              Contains("HTTP_PROXY=http://127.80.0.2:8888"));
}

TEST(GuestEnv, WithholdsWhatLooksLikeASecret) {
  Manifest manifest = MakeManifest();
  manifest.bottle.env.push_back(
      {.name = "TOKEN", .value = "canary", .secret_like = true, .origin = {}});
  EXPECT_THAT(MakeGuestEnv(manifest, MakeAddresses()),
              Not(Contains(HasSubstr("canary"))));
}

TEST(GuestEnv, ReservesWhatItSets) {
  for (const std::string& entry :
       MakeGuestEnv(MakeManifest(), MakeAddresses())) {
    const std::string name = entry.substr(0, entry.find('='));
    EXPECT_EQ(IsReservedEnv(name), name != "RUST_LOG") << name;
  }
  EXPECT_TRUE(IsReservedEnv("SMOLVM_DATA_DIR"));
  EXPECT_TRUE(IsReservedEnv("BOTTLED_SOCKET"));
  EXPECT_TRUE(IsReservedEnv("ALL_PROXY"));
  EXPECT_FALSE(IsReservedEnv("SMOLVM"));
}

}  // namespace
}  // namespace bottled
