#include "bottle/gate_pipelock.h"

#include "base/error.h"
#include "bottle/gate_checks.h"
#include "bottle/gate_tools.h"
#include "bottle/yaml_text.h"
#include "gmock/gmock.h"

namespace bottled {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string RenderPipelock(const TestBottle& bottle) {
  const absl::StatusOr<GateOutput> output =
      PipelockGate().Render(bottle.input());
  EXPECT_TRUE(output.ok()) << output.status();
  EXPECT_EQ(output->files.size(), 1u);
  EXPECT_EQ(output->files[0].path, "pipelock.yaml");
  EXPECT_TRUE(output->env_refs.empty() && output->mounts.empty());
  return output->files[0].content;
}

void ExpectFixedPart(const YAML::Node& root) {
  EXPECT_EQ(root["version"].as<int>(), 1);
  EXPECT_EQ(root["mode"].Scalar(), "strict");
  EXPECT_EQ(root["enforce"].Scalar(), "true");
  EXPECT_FALSE(IsQuoted(root["enforce"]));
  EXPECT_THAT(Keys(root["fetch_proxy"]), ElementsAre("listen"));
  EXPECT_EQ(root["fetch_proxy"]["listen"].Scalar(), "0.0.0.0:8888");
  EXPECT_THAT(Keys(root["forward_proxy"]), ElementsAre("enabled"));
  EXPECT_EQ(root["forward_proxy"]["enabled"].Scalar(), "true");
  EXPECT_THAT(Keys(root["dlp"]), ElementsAre("include_defaults", "scan_env"));
  EXPECT_EQ(root["dlp"]["include_defaults"].Scalar(), "true");
  EXPECT_EQ(root["dlp"]["scan_env"].Scalar(), "true");
  EXPECT_THAT(Keys(root["request_body_scanning"]), ElementsAre("action"));
  EXPECT_EQ(root["request_body_scanning"]["action"].Scalar(), "block");
}

TEST(GatePipelock, ExactKeys) {
  TestBottle bottle;
  bottle.Route("github.com", {"/acme/"});
  bottle.Route("*.example.com");
  bottle.Route("api.anthropic.com");
  bottle.Route("github.com", {"/other/"});
  bottle.Repo("app", "ssh://git@gitlab.com/acme/app.git");
  bottle.manifest.bottle.supervise = true;
  const YAML::Node root = StrictYaml(RenderPipelock(bottle));
  EXPECT_THAT(
      Keys(root),
      ElementsAre("version", "mode", "enforce", "api_allowlist", "fetch_proxy",
                  "forward_proxy", "dlp", "request_body_scanning"));
  ExpectFixedPart(root);
  ASSERT_EQ(root["api_allowlist"].size(), 3u);
  EXPECT_THAT(root["api_allowlist"].as<std::vector<std::string>>(),
              ElementsAre("*.example.com", "api.anthropic.com", "github.com"));
  for (const YAML::Node& host : root["api_allowlist"]) {
    EXPECT_TRUE(IsQuoted(host)) << host.Scalar();
  }
}

TEST(GatePipelock, NoRoutesBlockEverything) {
  EXPECT_TRUE(PipelockGate().Wanted(Manifest()));
  const YAML::Node root = StrictYaml(RenderPipelock(TestBottle()));
  ExpectFixedPart(root);
  EXPECT_THAT(root["api_allowlist"].as<std::vector<std::string>>(),
              ElementsAre("blocked.invalid"));
}

TEST(GatePipelock, PrivateAddressesAreTrustedByName) {
  TestBottle bottle;
  for (const char* host :
       {"192.168.1.9", "10.1.2.3", "8.8.8.8", "172.16.0.1", "172.32.0.1"}) {
    bottle.Route(host);
  }
  const YAML::Node root = StrictYaml(RenderPipelock(bottle));
  ExpectFixedPart(root);
  EXPECT_EQ(root.size(), 9u);
  EXPECT_THAT(root["trusted_domains"].as<std::vector<std::string>>(),
              ElementsAre("10.1.2.3", "172.16.0.1", "192.168.1.9"));
  EXPECT_EQ(root["api_allowlist"].size(), 5u);
}

TEST(GatePipelock, HostileHosts) {
  const std::string nul("a\0b.x", 5);
  for (const std::string& host :
       std::vector<std::string>{"",
                                "*",
                                "**",
                                "*.",
                                "*.*.x",
                                "**.x",
                                "*x",
                                "a.*.x",
                                "x.*",
                                ".",
                                ".x",
                                "x.",
                                "a..b",
                                "-a.x",
                                "a-.x",
                                "A.x",
                                "a b.x",
                                " a.x",
                                "a.x ",
                                "a.x\n",
                                "a.x\n  - \"*\"",
                                "a\".x",
                                "a\\.x",
                                "a:443",
                                "https://a",
                                "a/b",
                                "a@b",
                                "a#b",
                                "a.x # b",
                                "yes: no",
                                "&a",
                                "*a",
                                "!x",
                                "[::1]",
                                "10.0.0.0/8",
                                "ä.x",
                                "\xff",
                                nul,
                                "a_b.x",
                                std::string(64, 'a') + ".x",
                                std::string(254, 'a'),
                                "localhost",
                                "*.localhost",
                                "*.com",
                                "a.localhost",
                                "127.0.0.1",
                                "127.1",
                                "0.0.0.0",
                                "2130706433",
                                "0x7f000001",
                                "1.0x1",
                                "010.0.0.1",
                                "256.1.1.1",
                                "1.2.3",
                                "*.1.2.3.4",
                                "169.254.169.254",
                                "224.0.0.1",
                                "255.255.255.255"}) {
    TestBottle bottle;
    bottle.Route("good.example.com");
    bottle.Route(host);
    const absl::Status status = PipelockGate().Render(bottle.input()).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << host;
    EXPECT_TRUE(HasReason(status, "GATE_UNRENDERABLE")) << host;
    EXPECT_THAT(std::string(status.message()),
                HasSubstr("/home/u/.bot-bottle/bottles/dev.md:7: "));
    EXPECT_EQ(status.message().find('\n'), std::string::npos);
  }
}

TEST(GatePipelock, GoodHosts) {
  for (const char* host :
       {"a", "a.x", "*.x.y", "xn--4ca.example", "1.example", "0x7f.example",
        "123.45.example", "yes", "null", "1e3", "a--b.x", "8.8.8.8"}) {
    EXPECT_EQ(WhyNotRouteHost(host), "") << host;
    TestBottle bottle;
    bottle.Route(host);
    const YAML::Node list = StrictYaml(RenderPipelock(bottle))["api_allowlist"];
    ASSERT_EQ(list.size(), 1u);
    EXPECT_TRUE(IsQuoted(list[0])) << host;
    EXPECT_EQ(list[0].Scalar(), host);
  }
}

TEST(YamlText, EveryByteAndCharacterSurvives) {
  std::string all;
  for (char c = 1; c > 0; ++c) {
    all += c;
    if (c == 127) {
      break;
    }
  }
  for (const std::string& text :
       {all, std::string("a\0b", 3),
        std::string("\xc2\x80\xc2\x85\xc2\x9f\xc2\xa0"),
        std::string("\xe2\x80\xa8\xe2\x80\xa9\xef\xbb\xbf"),
        std::string("ü 日本 \xf0\x9f\x98\x80"), std::string("\xf4\x8f\xbf\xbf"),
        std::string(), std::string("\\\\\"\\\""), std::string("- a: &b *c #d"),
        std::string("\n\n  x\t\r\n")}) {
    EXPECT_TRUE(IsYamlText(text));
    const std::string quoted = YamlQuoted(text);
    for (const char c : quoted) {
      EXPECT_TRUE(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
    }
    const YAML::Node node = StrictYaml("k: " + quoted + "\n");
    EXPECT_TRUE(IsQuoted(node["k"]));
    EXPECT_EQ(node["k"].Scalar(), text) << quoted;
  }
}

TEST(YamlText, WhatIsNotUtf8) {
  for (const char* text :
       {"\x80", "\xc0\x80", "\xc2", "\xe0\x80\x80", "\xed\xa0\x80", "\xff",
        "a\xf5\x80\x80\x80", "\xf4\x90\x80\x80", "\xe2\x82"}) {
    EXPECT_FALSE(IsYamlText(text));
    const YAML::Node node = StrictYaml("k: " + YamlQuoted(text) + "\n");
    EXPECT_THAT(node["k"].Scalar(), HasSubstr("\xef\xbf\xbd"));
  }
}

}  // namespace
}  // namespace bottled
