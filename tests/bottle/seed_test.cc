// What launchers of bot-bottle rely on, for one agent with all gates and one
// without. docs/seed-differences.md lists what is different on purpose.

#include <set>
#include <string>

#include "bottle/guest_env.h"
#include "bottle/plan.h"
#include "bottle/plan_tools.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bottled {
namespace {

using ::testing::Contains;
using ::testing::IsSupersetOf;
using ::testing::Not;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

struct SeedCase {
  const char* name;
  bool git_and_supervise;
};

class Seed : public ::testing::TestWithParam<SeedCase> {
 protected:
  Plan MakeIt() const {
    PlanInput input = MakePlanInput("/state/bottles/researcher-x1y2z");
    if (!GetParam().git_and_supervise) {
      input.manifest.bottle.repos.clear();
      input.manifest.bottle.supervise = false;
    }
    return MakePlan(std::move(input)).value();
  }
};

TEST_P(Seed, Names) {
  const Identity identity = MakeIt().identity;
  EXPECT_EQ(identity.machine, "claude-bottle-researcher-x1y2z");
  EXPECT_EQ(identity.network, "claude-bottle-bundle-researcher-x1y2z");
  EXPECT_EQ(identity.container, "claude-bottle-sidecars-researcher-x1y2z");
}

TEST_P(Seed, AddressesWithinTheSubnet) {
  const Addresses addresses = MakeIt().addresses;
  EXPECT_EQ(addresses.gateway, addresses.subnet.At(1));
  EXPECT_EQ(addresses.bundle_ip, addresses.subnet.At(2));
}

TEST_P(Seed, Environment) {
  const std::vector<std::string> env = MakeIt().guest_env;
  const std::string ip = MakeIt().addresses.endpoint_ip().ToString();
  EXPECT_THAT(env, IsSupersetOf({"HTTPS_PROXY=http://" + ip + ":8888",
                                 "HTTP_PROXY=http://" + ip + ":8888"}));
  EXPECT_THAT(env, Contains(StartsWith("NO_PROXY=localhost,127.0.0.1")));
  if (GetParam().git_and_supervise) {
    EXPECT_THAT(env, Contains("GIT_GATE_URL=git://" + ip + ":9418"));
    EXPECT_THAT(
        env, Contains(StartsWith("MCP_SUPERVISE_URL=http://" + ip + ":9100")));
  } else {
    EXPECT_THAT(env, Not(Contains(StartsWith("GIT_GATE_URL"))));
    EXPECT_THAT(env, Not(Contains(StartsWith("MCP_SUPERVISE_URL"))));
  }
}

TEST_P(Seed, GatesAndPorts) {
  std::set<std::pair<std::string, int>> gates;
  for (const PlanGate& gate : MakeIt().gates) {
    gates.emplace(gate.name, gate.port);
  }
  if (GetParam().git_and_supervise) {
    EXPECT_THAT(gates, UnorderedElementsAre(std::pair("pipelock", 8888),
                                            std::pair("git-gate", 9418),
                                            std::pair("egress", 0),
                                            std::pair("supervise", 9100)));
  } else {
    EXPECT_THAT(gates, UnorderedElementsAre(std::pair("pipelock", 8888),
                                            std::pair("egress", 0)));
  }
}

TEST_P(Seed, Files) {
  std::set<std::string> files;
  for (const BottleFile& file : MakeIt().files) {
    files.insert(file.path);
  }
  EXPECT_THAT(files,
              IsSupersetOf({"agent/prompt.txt", "metadata.json",
                            "pipelock/pipelock.yaml", "egress/routes.yaml"}));
  EXPECT_EQ(files.contains("git-gate/entrypoint.sh"),
            GetParam().git_and_supervise);
  EXPECT_EQ(files.contains("git-gate/pre-receive"),
            GetParam().git_and_supervise);
  EXPECT_EQ(files.contains("git-gate/access-hook"),
            GetParam().git_and_supervise);
}

INSTANTIATE_TEST_SUITE_P(
    Agents, Seed,
    ::testing::Values(SeedCase{"WithGitAndSupervise", true},
                      SeedCase{"Plain", false}),
    [](const auto& agent) { return std::string(agent.param.name); });

}  // namespace
}  // namespace bottled
