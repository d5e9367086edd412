#include "bottle/plan.h"

#include <algorithm>
#include <set>

#include "bottle/plan_tools.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "image/digest.h"
#include "nlohmann/json.hpp"

namespace bottled {
namespace {

using nlohmann::json;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr const char* kDirectory = "/state/bottles/researcher-x1y2z";

Plan MakeOk(PlanInput input) {
  absl::StatusOr<Plan> plan = MakePlan(std::move(input));
  EXPECT_TRUE(plan.ok()) << plan.status();
  return *std::move(plan);
}

const BottleFile* FindFile(const Plan& plan, std::string_view path) {
  const auto it = std::find_if(
      plan.files.begin(), plan.files.end(),
      [path](const BottleFile& file) { return file.path == path; });
  return it == plan.files.end() ? nullptr : &*it;
}

TEST(Plan, HasNoCommandWithoutAnArtifact) {
  Plan plan = MakeOk(MakePlanInput(kDirectory));
  EXPECT_THAT(SmolvmArgv(plan), IsEmpty());
  EXPECT_FALSE(json::parse(PlanJson(plan)).contains("artifact"));
}

TEST(Plan, ArgvAllowsOneAddressAndUsesNoIgnoredFlag) {
  PlanInput input = MakePlanInput(kDirectory);
  input.manifest.bottle.repos.clear();
  input.manifest.bottle.supervise = false;
  input.artifact = MakePlanArtifact();
  Plan plan = MakeOk(std::move(input));
  plan.revision = 3;
  EXPECT_THAT(
      SmolvmArgv(plan),
      ElementsAre("smolvm", "machine", "create", "--name",
                  "claude-bottle-researcher-x1y2z", "--from",
                  "/cache/obj/bb/b.smolmachine", "--net", "--allow-cidr",
                  "172.16.192.18/32", "--dns", "172.16.192.18", "--label",
                  "bottled.slug=researcher-x1y2z", "--label", "bottled.plan=3",
                  "-e", "RUST_LOG=info", "-e",
                  "HTTPS_PROXY=http://172.16.192.18:8888", "-e",
                  "HTTP_PROXY=http://172.16.192.18:8888", "-e",
                  "https_proxy=http://172.16.192.18:8888", "-e",
                  "http_proxy=http://172.16.192.18:8888", "-e",
                  "NO_PROXY=localhost,127.0.0.1,::1,172.16.192.18", "-e",
                  "no_proxy=localhost,127.0.0.1,::1,172.16.192.18"));
}

TEST(Plan, TheEndpointFollowsTheMode) {
  PlanInput input = MakePlanInput(kDirectory);
  input.addresses.mode = EndpointMode::kLoopback;
  input.artifact = MakePlanArtifact();
  const json plan = json::parse(PlanJson(MakeOk(std::move(input))));
  EXPECT_EQ(plan["addresses"]["endpoint_ip"], "127.80.0.2");
  EXPECT_EQ(plan["verify"]["allowed_cidrs"], json::array({"127.80.0.2/32"}));
  EXPECT_EQ(plan["verify"]["dns"], "127.80.0.2");
}

TEST(Plan, PromptIsByteExactAndAlwaysThere) {
  PlanInput input = MakePlanInput(kDirectory);
  const BottleFile* prompt = nullptr;
  Plan plan = MakeOk(input);
  ASSERT_NE(prompt = FindFile(plan, "agent/prompt.txt"), nullptr);
  EXPECT_EQ(prompt->content, "Look closely.\r\n\n");
  input.manifest.agent.prompt.clear();
  plan = MakeOk(input);
  ASSERT_NE(prompt = FindFile(plan, "agent/prompt.txt"), nullptr);
  EXPECT_EQ(prompt->content, "");
}

TEST(Plan, EveryFileIsListedOnceWithItsDigest) {
  const Plan plan = MakeOk(MakePlanInput(kDirectory));
  const json text = json::parse(PlanJson(plan));
  ASSERT_EQ(text["files"].size(), plan.files.size());
  std::set<std::string> paths;
  for (size_t i = 0; i < plan.files.size(); ++i) {
    const json& file = text["files"][i];
    EXPECT_TRUE(paths.insert(file["path"]).second) << file["path"];
    EXPECT_EQ(file["path"], std::string(kDirectory) + "/" + plan.files[i].path);
    EXPECT_EQ(file["sha256"], Sha256Of(plan.files[i].content).hex());
    EXPECT_EQ(file["mode"], "0600");
  }
  for (const json& gate : text["gates"]) {
    for (const json& file : gate["files"]) {
      EXPECT_TRUE(paths.contains(file)) << file;
    }
  }
}

TEST(Plan, WantedGatesAreThereInOrder) {
  const json plan = json::parse(PlanJson(MakeOk(MakePlanInput(kDirectory))));
  std::vector<std::string> names;
  for (const json& gate : plan["gates"]) {
    names.push_back(gate["name"]);
  }
  EXPECT_THAT(names,
              ElementsAre("pipelock", "git-gate", "egress", "supervise"));
}

TEST(Plan, TheTokenIsAReferenceOnly) {
  const json plan = json::parse(PlanJson(MakeOk(MakePlanInput(kDirectory))));
  json refs = json::array();
  for (const json& gate : plan["gates"]) {
    for (const json& ref : gate["env_refs"]) {
      refs.push_back(ref);
    }
  }
  ASSERT_EQ(refs.size(), 1U);
  EXPECT_EQ(refs[0]["from"], "API_TOKEN");
}

TEST(Plan, ASecretLikeValueIsNowhere) {
  PlanInput input = MakePlanInput(kDirectory);
  input.artifact = MakePlanArtifact();
  input.manifest.bottle.env.push_back(
      {.name = "TOKEN", .value = "canary", .secret_like = true, .origin = {}});
  const Plan plan = MakeOk(std::move(input));
  EXPECT_THAT(PlanJson(plan), Not(HasSubstr("canary")));
  for (const BottleFile& file : plan.files) {
    EXPECT_THAT(file.content, Not(HasSubstr("canary"))) << file.path;
  }
  EXPECT_TRUE(json::parse(PlanJson(plan))["policy"]["env"][1]["withheld"]);
}

TEST(Plan, MetadataHasWhatBotBottleReads) {
  const Plan plan = MakeOk(MakePlanInput(kDirectory));
  const BottleFile* file = FindFile(plan, "metadata.json");
  ASSERT_NE(file, nullptr);
  EXPECT_EQ(json::parse(file->content),
            json({{"identity", "researcher-x1y2z"},
                  {"agent_name", "researcher"},
                  {"cwd", "/work/project"},
                  {"copy_cwd", true},
                  {"started_at", "2023-11-14T22:13:20.000Z"},
                  {"compose_project", "claude-bottle-researcher-x1y2z"},
                  {"backend", "smolmachines"},
                  {"bottles", {"dev"}}}));
}

TEST(PlanDigest, IgnoresWhatIsNoChangeOfThePlan) {
  const Plan plan = MakeOk(MakePlanInput(kDirectory));
  Plan same = plan;
  same.revision = 9;
  same.warnings.push_back({.reason = "X", .message = "y"});
  same.artifact = MakePlanArtifact();
  same.addresses.docker_checked = false;
  same.manifest.bottle.env[0].origin.line = 99;
  EXPECT_EQ(PlanDigest(same), PlanDigest(plan));
}

TEST(PlanDigest, SeesWhatIsOne) {
  const std::string digest = PlanDigest(MakeOk(MakePlanInput(kDirectory)));
  PlanInput moved = MakePlanInput(kDirectory);
  moved.addresses.subnet = *Ipv4Net::Parse("172.16.192.32/28");
  EXPECT_NE(PlanDigest(MakeOk(moved)), digest);
  PlanInput prompt = MakePlanInput(kDirectory);
  prompt.manifest.agent.prompt += "x";
  EXPECT_NE(PlanDigest(MakeOk(prompt)), digest);
  PlanInput manifest = MakePlanInput(kDirectory);
  manifest.manifest.digest = std::string(64, 'e');
  EXPECT_NE(PlanDigest(MakeOk(manifest)), digest);
}

TEST(Plan, NamesThatAreNotUtf8DoNotBreakTheJson) {
  PlanInput input = MakePlanInput(kDirectory);
  input.cwd = "/work/\xff";
  EXPECT_TRUE(json::accept(PlanJson(MakeOk(std::move(input)))));
}

}  // namespace
}  // namespace bottled
