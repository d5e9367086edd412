#include "engine/description.h"

#include <string>

#include "engine/tools.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace bottled {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using testing::EngineFixture;
using testing::FailsWith;
using testing::IsOk;
using testing::kRecordedEngines;

constexpr char kKernel[] = "6.12.0-generic";

EngineDescription Parse(const std::string& text,
                        std::string_view host_kernel = kKernel) {
  const auto description = ParseDescription(text, host_kernel);
  EXPECT_THAT(description, IsOk()) << text;
  return description.ok() ? *description : EngineDescription();
}

TEST(ParseDescription, ReadsRecordedEngines) {
  for (const char* engine : kRecordedEngines) {
    SCOPED_TRACE(engine);
    const EngineDescription description =
        Parse(EngineFixture(std::string(engine) + "/info.json"));
    const bool podman = std::string(engine).starts_with("podman");
    EXPECT_EQ(description.kind,
              podman ? EngineKind::kPodman : EngineKind::kNative);
    EXPECT_FALSE(description.in_vm);
    EXPECT_FALSE(description.rootless);
    EXPECT_TRUE(description.BridgeReachable());
    EXPECT_EQ(description.name, "host");
    EXPECT_EQ(description.os, "linux");
    EXPECT_EQ(description.kernel, kKernel);
    EXPECT_FALSE(description.id.empty());
  }
  const EngineDescription newest =
      Parse(EngineFixture("docker-29.7.2-containerd/info.json"));
  EXPECT_EQ(newest.id, "00000000-0000-4000-8000-000000000001");
  EXPECT_EQ(newest.server_version, "29.7.2");
  EXPECT_EQ(newest.driver, "overlayfs");
  EXPECT_EQ(newest.root_dir, "/var/lib/docker");
  EXPECT_EQ(newest.operating_system, "Debian GNU/Linux 12 (bookworm)");
  EXPECT_THAT(newest.security_options,
              ElementsAre("name=seccomp,profile=builtin"));
}

TEST(ParseDescription, KnowsProducts) {
  const struct {
    json info;
    EngineKind kind;
    bool in_vm;
    bool rootless;
  } cases[] = {
      {{{"OperatingSystem", "Docker Desktop"}, {"Name", "docker-desktop"}},
       EngineKind::kDockerDesktop,
       true,
       false},
      {{{"OperatingSystem", "Docker Desktop"}, {"Name", "linuxkit-1"}},
       EngineKind::kDockerDesktop,
       true,
       false},
      {{{"OperatingSystem", "OrbStack"}, {"Name", "orbstack"}},
       EngineKind::kOrbStack,
       true,
       false},
      {{{"OperatingSystem", "Ubuntu 24.04.1 LTS"}, {"Name", "colima"}},
       EngineKind::kColima,
       true,
       false},
      {{{"Name", "colima-work"}}, EngineKind::kColima, true, false},
      {{{"Name", "colimator"}}, EngineKind::kNative, false, false},
      {{{"Name", "lima-rancher-desktop"}},
       EngineKind::kRancherDesktop,
       true,
       false},
      {{{"Name", "lima-docker"}, {"SecurityOptions", {"name=rootless"}}},
       EngineKind::kLima,
       true,
       true},
      {{{"Name", "limabean"}}, EngineKind::kNative, false, false},
      {{{"BuildahVersion", "1.28.2"}}, EngineKind::kPodman, false, false},
      {{{"BuildahVersion", "1.28.2"}, {"Rootless", true}},
       EngineKind::kPodman,
       false,
       true},
      {{{"SecurityOptions", {"name=seccomp", "name=rootless"}}},
       EngineKind::kRootless,
       false,
       true},
      {{{"SecurityOptions", {"name=rootless,x=y"}}},
       EngineKind::kRootless,
       false,
       true},
      {{{"SecurityOptions", {"name=rootlesskit", "name=userns"}}},
       EngineKind::kNative,
       false,
       false},
      {json::object(), EngineKind::kNative, false, false}};
  for (const auto& one : cases) {
    SCOPED_TRACE(one.info.dump());
    const EngineDescription description = Parse(one.info.dump());
    EXPECT_EQ(description.kind, one.kind);
    EXPECT_EQ(description.in_vm, one.in_vm);
    EXPECT_EQ(description.rootless, one.rootless);
    EXPECT_EQ(description.BridgeReachable(), !one.in_vm && !one.rootless);
  }
}

TEST(ParseDescription, AnotherKernelIsAnotherMachine) {
  const struct {
    const char* engine;
    const char* host;
    bool in_vm;
  } cases[] = {{"6.12.0-generic", "6.12.0-generic", false},
               {"6.6.12-linuxkit", "6.12.0-generic", true},
               {"6.12.0-generic", "24.1.0", true},
               {"", "6.12.0-generic", false},
               {"6.12.0-generic", "", false}};
  for (const auto& one : cases) {
    const EngineDescription description =
        Parse(json{{"KernelVersion", one.engine}}.dump(), one.host);
    EXPECT_EQ(description.in_vm, one.in_vm) << one.engine << " " << one.host;
    EXPECT_EQ(description.kind, EngineKind::kNative);
  }
}

TEST(ParseDescription, RefusesWhatItCannotRead) {
  for (const std::string& text :
       {std::string(), std::string("[]"), std::string("null"),
        std::string("\"x\""), std::string(R"({"ID":1})"),
        std::string(R"({"Name":[]})"), std::string(R"({"ID":"a","ID":"b"})"),
        std::string(R"({"SecurityOptions":"x"})"),
        std::string(R"({"SecurityOptions":[1]})"), std::string("{\"a\":"),
        std::string(100'000, '{')}) {
    EXPECT_THAT(ParseDescription(text, kKernel),
                FailsWith("ENGINE_ANSWER_INVALID"))
        << text.substr(0, 100);
  }
}

TEST(ParseDescription, TextsAreMadePrintableAndCut) {
  json info = {{"Name", "a\x1b[31m"}, {"ID", std::string(100'000, 'x')}};
  for (int i = 0; i < 1000; ++i) {
    info["SecurityOptions"].push_back("name=x");
  }
  info["SecurityOptions"].push_back("name=rootless");
  const EngineDescription description = Parse(info.dump());
  EXPECT_EQ(description.name, "a\\x1b[31m");
  EXPECT_LE(description.id.size(), 512U);
  EXPECT_EQ(description.security_options.size(), 64U);
  EXPECT_TRUE(description.rootless);
}

}  // namespace
}  // namespace bottled
