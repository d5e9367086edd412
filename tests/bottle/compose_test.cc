#include "bottle/compose.h"

#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "base/strings.h"
#include "bottle/gate_tools.h"
#include "gmock/gmock.h"
#include "platform/file.h"

namespace bottled {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

TestBottle FullBottle() {
  TestBottle bottle;
  bottle.Route("allowed.test", {"/acme", "/a b"});
  bottle.manifest.bottle.routes[0].path_allowlist = {"/acme", "/v1/x%20y/"};
  bottle.Auth("Bearer", "HOST_TOKEN");
  bottle.Route("open.test");
  bottle.Route("*.wild.test");
  bottle.Route("missing.test");
  bottle.Auth("Bearer", "HOST_OTHER");
  bottle.manifest.bottle.supervise = true;
  bottle.manifest.bottle.git_user = {.name = "Dev \"D\" \\", .email = "d@e.f"};
  bottle.Repo("app", "ssh://git@up.test:2222/srv/app.git").extra_hosts = {
      {"up.test", "192.168.7.7"}, {"six.test", "fd00::7"}};
  bottle.Repo("gone", "ssh://git@up.test/srv/gone.git");
  return bottle;
}

YAML::Node Compose(const TestBottle& bottle, ComposeOptions options) {
  return StrictYaml(RenderCompose(bottle.input(), RenderAll(bottle), options));
}

TEST(Compose, Bridge) {
  const YAML::Node root = Compose(
      FullBottle(),
      {.bundle_image = "bundle:1", .state_dir = "/state/bottles/dev-ab12c"});
  EXPECT_THAT(Keys(root), ElementsAre("services", "networks"));
  const YAML::Node bundle = root["services"]["bundle"];
  EXPECT_THAT(
      Keys(bundle),
      UnorderedElementsAre("image", "container_name", "restart", "security_opt",
                           "cap_drop", "cap_add", "labels", "environment",
                           "volumes", "extra_hosts", "networks"));
  EXPECT_EQ(bundle["image"].Scalar(), "bundle:1");
  EXPECT_EQ(bundle["container_name"].Scalar(),
            "claude-bottle-sidecars-dev-ab12c");
  EXPECT_EQ(bundle["restart"].Scalar(), "no");
  EXPECT_TRUE(IsQuoted(bundle["restart"]));
  EXPECT_EQ(bundle["labels"]["bottled.slug"].Scalar(), "dev-ab12c");
  EXPECT_THAT(bundle["extra_hosts"].as<std::vector<std::string>>(),
              ElementsAre("six.test:fd00::7", "up.test:192.168.7.7"));
  EXPECT_THAT(Keys(bundle["environment"]),
              ElementsAre("EGRESS_TOKEN_0", "EGRESS_TOKEN_1"));
  EXPECT_EQ(bundle["environment"]["EGRESS_TOKEN_0"].Scalar(),
            "${HOST_TOKEN:?not set}");
  EXPECT_EQ(bundle["networks"]["bundle"]["ipv4_address"].Scalar(),
            "172.16.192.18");
  const YAML::Node network = root["networks"]["bundle"];
  EXPECT_EQ(network["name"].Scalar(), "claude-bottle-bundle-dev-ab12c");
  EXPECT_EQ(network["internal"].Scalar(), "false");
  EXPECT_EQ(network["labels"]["bottled.slug"].Scalar(), "dev-ab12c");
  ASSERT_EQ(network["ipam"]["config"].size(), 1u);
  EXPECT_EQ(network["ipam"]["config"][0]["subnet"].Scalar(),
            "172.16.192.16/28");
  EXPECT_EQ(network["ipam"]["config"][0]["gateway"].Scalar(), "172.16.192.17");
}

TEST(Compose, Mounts) {
  const YAML::Node root =
      Compose(FullBottle(), {.bundle_image = "b", .state_dir = "/s"});
  std::vector<std::string> writable;
  std::vector<std::string> lines;
  for (const YAML::Node& mount : root["services"]["bundle"]["volumes"]) {
    EXPECT_THAT(Keys(mount),
                ElementsAre("type", "source", "target", "read_only"));
    EXPECT_EQ(mount["type"].Scalar(), "bind");
    lines.push_back(mount["source"].Scalar() + " " + mount["target"].Scalar());
    if (mount["read_only"].Scalar() != "true") {
      writable.push_back(mount["source"].Scalar());
    }
  }
  EXPECT_THAT(writable, ElementsAre("/s/supervise/queue"));
  EXPECT_THAT(lines, testing::Contains("/s/pipelock/pipelock.yaml "
                                       "/etc/bottled/pipelock/pipelock.yaml"));
  EXPECT_THAT(lines, testing::Contains("/home/u/.ssh/id_acme "
                                       "/run/bottled/git-gate/keys/app"));
  for (const std::string& line : lines) {
    EXPECT_THAT(line, testing::Not(HasSubstr("gitconfig")));
  }
}

TEST(Compose, LoopbackPublishesWantedGatesOnly) {
  TestBottle bottle;
  bottle.addresses.mode = EndpointMode::kLoopback;
  const auto ports = [&] {
    return Compose(bottle, {.bundle_image = "b",
                            .state_dir = "/s"})["services"]["bundle"]["ports"]
        .as<std::vector<std::string>>();
  };
  EXPECT_THAT(ports(), ElementsAre("127.80.0.2:8888:8888"));
  bottle = FullBottle();
  bottle.addresses.mode = EndpointMode::kLoopback;
  EXPECT_THAT(ports(),
              ElementsAre("127.80.0.2:8888:8888", "127.80.0.2:9418:9418",
                          "127.80.0.2:9100:9100"));
}

TEST(Compose, HostileValuesAreOnlyText) {
  TestBottle bottle = FullBottle();
  bottle.manifest.bottle.repos[0].key_path = "/k/${HOME}$$\"\\: # x";
  const YAML::Node root =
      Compose(bottle, {.bundle_image = "b\nprivileged: true",
                       .state_dir = "/a b/$X/\"\n    privileged: true"});
  const YAML::Node bundle = root["services"]["bundle"];
  EXPECT_FALSE(bundle["privileged"].IsDefined());
  EXPECT_EQ(bundle["image"].Scalar(), "b\nprivileged: true");
  std::vector<std::string> sources;
  for (const YAML::Node& mount : bundle["volumes"]) {
    sources.push_back(mount["source"].Scalar());
  }
  EXPECT_EQ(sources[0],
            "/a b/$$X/\"\n    privileged: true/pipelock/pipelock.yaml");
  EXPECT_THAT(sources, testing::Contains("/k/$${HOME}$$$$\"\\: # x"));
}

// tests/e2e/test_gates.py gives the directory, and runs real programs with what
// is written there.
TEST(GateFiles, WriteForRealPrograms) {
  const char* given = ::getenv("BOTTLED_GATES_OUT");
  const std::filesystem::path root =
      given != nullptr
          ? std::filesystem::path(given)
          : std::filesystem::path(::testing::TempDir()) / ("g" + RandomHex(8));
  const auto write = [](const std::filesystem::path& path,
                        const std::string& content) {
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << content;
    ASSERT_EQ(std::filesystem::file_size(path), content.size()) << path;
  };
  TestBottle bottle = FullBottle();
  const std::vector<RenderedGate> gates = RenderAll(bottle);
  for (const RenderedGate& gate : gates) {
    for (const GateFile& file : gate.output.files) {
      write(root / gate.name / file.path, file.content);
    }
  }
  const ComposeOptions options{.bundle_image = "bundle:1",
                               .state_dir = root / "a $b \"c"};
  write(root / "compose.yaml", RenderCompose(bottle.input(), gates, options));
  bottle.addresses.mode = EndpointMode::kLoopback;
  write(root / "compose-loopback.yaml",
        RenderCompose(bottle.input(), gates, options));
  if (given == nullptr) {
    EXPECT_TRUE(RemoveTree(root).ok());
  }
}

}  // namespace
}  // namespace bottled
