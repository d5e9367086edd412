#include "bottle/gate_egress.h"

#include "base/error.h"
#include "bottle/egress_addon.h"
#include "bottle/gate_supervise.h"
#include "bottle/gate_tools.h"
#include "gmock/gmock.h"
#include "nlohmann/json.hpp"

namespace bottled {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

TestBottle Bottle() {
  TestBottle bottle;
  bottle.Route("api.example.com");
  bottle.Auth("Bearer", "API_TOKEN");
  bottle.Route("github.com", {"/acme/", "/x"});
  bottle.Auth("Basic", "GITHUB_TOKEN");
  bottle.Route("*.example.org");
  bottle.Route("api2.example.com");
  bottle.Auth("token", "API_TOKEN");
  return bottle;
}

TEST(GateEgress, Routes) {
  EXPECT_FALSE(EgressGate().Wanted(Manifest()));
  const TestBottle bottle = Bottle();
  EXPECT_TRUE(EgressGate().Wanted(bottle.manifest));
  const absl::StatusOr<GateOutput> out = EgressGate().Render(bottle.input());
  ASSERT_TRUE(out.ok()) << out.status();
  ASSERT_EQ(out->files.size(), 2u);
  EXPECT_EQ(out->files[0].target, "/etc/bottled/egress/routes.yaml");
  EXPECT_EQ(out->files[1].target, "/etc/bottled/egress/addon.py");
  EXPECT_EQ(out->files[1].content, kEgressAddon);
  // One secret, one variable, however many routes use it.
  ASSERT_EQ(out->env_refs.size(), 2u);
  EXPECT_EQ(out->env_refs[0].name, "EGRESS_TOKEN_0");
  EXPECT_EQ(out->env_refs[0].from, "API_TOKEN");
  EXPECT_EQ(out->env_refs[1].name, "EGRESS_TOKEN_1");
  EXPECT_EQ(out->env_refs[1].from, "GITHUB_TOKEN");

  // JSON and YAML say the same.
  const std::string& text = out->files[0].content;
  const nlohmann::json expected = {
      {"routes",
       {{{"host", "api.example.com"},
         {"path_allowlist", nlohmann::json::array()},
         {"auth_scheme", "Bearer"},
         {"token_env", "EGRESS_TOKEN_0"}},
        {{"host", "github.com"},
         {"path_allowlist", {"/acme/", "/x"}},
         {"auth_scheme", "Basic"},
         {"token_env", "EGRESS_TOKEN_1"}},
        {{"host", "*.example.org"},
         {"path_allowlist", nlohmann::json::array()}},
        {{"host", "api2.example.com"},
         {"path_allowlist", nlohmann::json::array()},
         {"auth_scheme", "token"},
         {"token_env", "EGRESS_TOKEN_0"}}}}};
  EXPECT_EQ(nlohmann::json::parse(text), expected);
  const YAML::Node root = StrictYaml(text);
  EXPECT_EQ(root["routes"][1]["path_allowlist"][1].Scalar(), "/x");
  EXPECT_TRUE(IsQuoted(root["routes"][2]["host"]));
  EXPECT_THAT(text, Not(HasSubstr("API_TOKEN")));
}

TEST(GateEgress, HostileRoutes) {
  const auto refused = [](const TestBottle& bottle) {
    return HasReason(EgressGate().Render(bottle.input()).status(),
                     "GATE_UNRENDERABLE");
  };
  for (const std::string& path : std::vector<std::string>{
           "", "acme", "*", "/a b", "/a?b", "/a#b", "/a\\b", "/a\nb", "/../a",
           "/a/..", "/a/./b", "/ä", "/a\x7f", std::string("/a\0b", 4)}) {
    TestBottle bottle;
    bottle.Route("x.example", {"/fine", path});
    EXPECT_TRUE(refused(bottle)) << path;
  }
  for (const std::string& scheme : std::vector<std::string>{
           "", "Bearer x", "Bearer\n", "B:", "\"", "B\xc3\xa4"}) {
    TestBottle bottle;
    bottle.Route("x.example");
    bottle.Auth(scheme, "T");
    EXPECT_TRUE(refused(bottle)) << scheme;
  }
  for (const std::string& name : std::vector<std::string>{
           "", "1A", "A-B", "A B", "A}", "A:?x", "$A", "A\n", "\xc3\x84"}) {
    TestBottle bottle;
    bottle.Route("x.example");
    bottle.Auth("Bearer", name);
    EXPECT_TRUE(refused(bottle)) << name;
  }
  TestBottle host;
  host.Route("x.example:443");
  EXPECT_TRUE(refused(host));
  TestBottle good;
  good.Route("x.example", {"/", "/a/", "/...", "/..a/b..", "/%2e%2E/"});
  EXPECT_FALSE(refused(good));
}

TEST(GateSupervise, PolicyWithoutSecrets) {
  TestBottle bottle = Bottle();
  EXPECT_FALSE(SuperviseGate().Wanted(bottle.manifest));
  bottle.manifest.bottle.supervise = true;
  EXPECT_TRUE(SuperviseGate().Wanted(bottle.manifest));
  const absl::StatusOr<GateOutput> out = SuperviseGate().Render(bottle.input());
  ASSERT_TRUE(out.ok()) << out.status();
  ASSERT_NE(FindFile(*out, "current-config/allowlist"), nullptr);
  EXPECT_EQ(FindFile(*out, "current-config/allowlist")->content,
            "*.example.org\napi.example.com\napi2.example.com\ngithub.com\n");
  const std::string& routes =
      FindFile(*out, "current-config/routes.yaml")->content;
  EXPECT_EQ(nlohmann::json::parse(routes)["routes"].size(), 4u);
  EXPECT_THAT(routes, Not(HasSubstr("TOKEN")));
  EXPECT_TRUE(out->env_refs.empty() && out->mounts.empty());
  ASSERT_EQ(out->directories.size(), 1u);
  EXPECT_EQ(out->directories[0].source, "queue");
  EXPECT_FALSE(out->directories[0].read_only);
  bottle.Route("BAD");
  EXPECT_TRUE(HasReason(SuperviseGate().Render(bottle.input()).status(),
                        "GATE_UNRENDERABLE"));
}

TEST(AllGates, OrderAndPorts) {
  std::vector<std::string> names;
  std::vector<int> ports;
  for (const Gate* gate : AllGates()) {
    names.emplace_back(gate->name());
    ports.push_back(gate->port());
  }
  EXPECT_THAT(names,
              ElementsAre("pipelock", "git-gate", "egress", "supervise"));
  EXPECT_THAT(ports, ElementsAre(8888, 9418, 0, 9100));
}

}  // namespace
}  // namespace bottled
