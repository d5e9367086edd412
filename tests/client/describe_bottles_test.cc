#include "client/describe_bottles.h"

#include <string>

#include "client/json.h"
#include "gmock/gmock.h"
#include "google/protobuf/util/json_util.h"
#include "gtest/gtest.h"

namespace bottled::client {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

template <typename Message>
Message FromJson(const std::string& text) {
  Message message;
  EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(text, &message).ok());
  return message;
}

v1::Plan MakePlan() {
  return FromJson<v1::Plan>(R"({
    "slug": "researcher-x1y2z", "agent": "researcher",
    "bottles": ["base", "dev"], "manifest_digest": "ab12",
    "cwd": "/home/me/w", "copy_cwd": true, "revision": 3,
    "machine_name": "claude-bottle-researcher-x1y2z",
    "names": {"network": "n1", "container": "c1"},
    "addresses": {"mode": "bridge", "subnet": "172.16.192.16/28",
      "gateway": "172.16.192.17", "endpoint_ip": "172.16.192.18"},
    "guest_env": ["A=1", "B=\u001b[0m"],
    "gates": [{"name": "egress", "env_refs":
        [{"name": "EGRESS_TOKEN_0", "from": "MY_TOKEN"}]},
      {"name": "pipelock", "port": 8888, "files": ["/s/p.yaml"]}],
    "plan_file": "/s/plan.json",
    "warnings": [{"reason": "SECRET_LIKE_ENV", "message": "A looks secret"}],
    "policy": {
      "hosts": [{"host": "api.example.com", "auth_scheme": "Bearer",
          "token_ref": "MY_TOKEN", "origin": "/home/me/b.md:4:3"},
        {"host": "*.example.org", "path_allowlist": ["/a/", "/b"]}],
      "repos": [{"name": "app", "url": "ssh://git@x/app",
          "origin": "/home/me/b.md:9:1"}],
      "env": [{"name": "A", "origin": "/home/me/b.md:2:1"},
        {"name": "S", "withheld": true}],
      "merged_from": ["/home/me/base.md", "/home/me/b.md"]}})");
}

TEST(DescribeBottlesTest, Plan) {
  const std::string text = DescribePlan(MakePlan());
  EXPECT_THAT(text, HasSubstr("Bottle:     researcher-x1y2z\n"));
  EXPECT_THAT(text, HasSubstr("base, dev\n"));
  EXPECT_THAT(text, HasSubstr("/home/me/w (to be copied)\n"));
  EXPECT_THAT(text, HasSubstr("172.16.192.18 (bridge)\n"));
  EXPECT_THAT(text, HasSubstr("172.16.192.16/28, gateway 172.16.192.17 "
                              "(docker's networks were not looked at)\n"));
  EXPECT_THAT(text, HasSubstr("none yet\n"));
  EXPECT_THAT(text, HasSubstr("pipelock  8888      1  -\n"));
  EXPECT_THAT(text, HasSubstr("MY_TOKEN as EGRESS_TOKEN_0\n"));
  EXPECT_THAT(text, HasSubstr("\n  A=1\n"));
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  EXPECT_THAT(text, HasSubstr("warning: A looks secret [SECRET_LIKE_ENV]\n"));
}

TEST(DescribeBottlesTest, PlanWithItsArtifact) {
  v1::Plan plan = MakePlan();
  plan.mutable_addresses()->set_docker_checked(true);
  plan.mutable_artifact()->set_path("/c/a.smolmachine");
  const std::string text = DescribePlan(plan);
  EXPECT_THAT(text, HasSubstr("/c/a.smolmachine\n"));
  EXPECT_THAT(text, Not(HasSubstr("looked at")));
}

TEST(DescribeBottlesTest, Policy) {
  EXPECT_EQ(DescribePolicy(MakePlan()),
            "Agent:    researcher\n"
            "Bottles:  base, dev\n"
            "Policy:   ab12\n"
            "\nHosts that the guest can reach:\n"
            "HOST             PATHS    AUTHENTICATION         FROM\n"
            "api.example.com  all      Bearer from $MY_TOKEN  "
            "/home/me/b.md:4:3\n"
            "*.example.org    /a/, /b  -                      -\n"
            "\nRepositories behind the git gate:\n"
            "REPOSITORY  URL              FROM\n"
            "app         ssh://git@x/app  /home/me/b.md:9:1\n"
            "\nEnvironment:\n"
            "VARIABLE  GUEST     FROM\n"
            "A         gets it   /home/me/b.md:2:1\n"
            "S         withheld  -\n"
            "\nMerged from:\n"
            "  /home/me/base.md\n"
            "  /home/me/b.md\n"
            "\nwarning: A looks secret [SECRET_LIKE_ENV]\n");
}

TEST(DescribeBottlesTest, APolicyWithoutHostsSaysSo) {
  EXPECT_THAT(DescribePolicy(v1::Plan()),
              HasSubstr("Hosts that the guest can reach:\n  none\n"));
}

TEST(DescribeBottlesTest, Bottles) {
  const auto list = FromJson<v1::ListBottlesResponse>(R"({"bottles": [
    {"slug": "a-12345", "state": "active", "endpoint_ip": "10.0.0.2",
     "artifact": "sha256:0123456789abcdef", "cwd": "/w",
     "updated_at": "1970-01-01T00:00:01Z"},
    {"slug": "b-12345", "state": "expired"}]})");
  EXPECT_EQ(DescribeBottles(list, 61'000),
            "BOTTLE   STATE    ENDPOINT  ARTIFACT      UPDATED    CWD\n"
            "a-12345  active   10.0.0.2  0123456789ab  1 min ago  /w\n"
            "b-12345  expired  -         -             -          -\n");
  EXPECT_EQ(DescribeBottles(v1::ListBottlesResponse(), 0), "");
}

TEST(DescribeBottlesTest, Bottle) {
  auto response = FromJson<v1::GetBottleResponse>(R"({"bottle": {
    "slug": "a-12345", "agent": "a", "bottles": ["base", "dev"],
    "state": "reserved", "directory": "/s/a-12345", "revision": 2}})");
  EXPECT_EQ(DescribeBottle(response),
            "Bottle:    a-12345\n"
            "State:     reserved\n"
            "Agent:     a\n"
            "Bottles:   base, dev\n"
            "Files:     /s/a-12345\n"
            "Revision:  2\n");
  *response.mutable_plan() = MakePlan();
  const std::string text = DescribeBottle(response);
  EXPECT_THAT(text, HasSubstr("172.16.192.18 (bridge)\n"));
  EXPECT_THAT(text, HasSubstr("/s/plan.json\n"));
  EXPECT_THAT(text, HasSubstr("pipelock"));
}

TEST(DescribeBottlesTest, Changes) {
  const struct {
    v1::ChangeEvent::Kind kind;
    const char* text;
  } cases[] = {
      {v1::ChangeEvent::KIND_JOB, "job x\\x1b changed\n"},
      {v1::ChangeEvent::KIND_ARTIFACT_ADDED, "artifact x\\x1b added\n"},
      {v1::ChangeEvent::KIND_ARTIFACT_REMOVED, "artifact x\\x1b removed\n"},
      {v1::ChangeEvent::KIND_BOTTLE, "bottle x\\x1b changed\n"},
      {v1::ChangeEvent::KIND_BOTTLE_REMOVED, "bottle x\\x1b removed\n"},
      {v1::ChangeEvent::KIND_RESET, "everything may have changed\n"},
      {v1::ChangeEvent::KIND_HEARTBEAT, ""},
      {static_cast<v1::ChangeEvent::Kind>(99), "something changed: x\\x1b\n"},
  };
  for (const auto& each : cases) {
    v1::ChangeEvent event;
    event.set_kind(each.kind);
    event.set_id("x\x1b");
    EXPECT_EQ(DescribeChange(event), each.text);
  }
}

TEST(DescribeBottlesTest, Findings) {
  const auto response = FromJson<v1::DiagnoseResponse>(R"({"findings": [
    {"check": "engine", "level": "LEVEL_OK", "message": "docker 27"},
    {"check": "kvm", "level": "LEVEL_FAIL", "reason": "KVM_MISSING",
     "message": "no /dev/kvm", "remedy": "modprobe kvm"},
    {"check": "disk", "level": "LEVEL_WARN", "reason": "LOW",
     "message": "1 GiB"}]})");
  EXPECT_EQ(DescribeFindings(response.findings(), false),
            "ok    engine  docker 27\n"
            "fail  kvm     no /dev/kvm [KVM_MISSING]\n"
            "      modprobe kvm\n"
            "warn  disk    1 GiB [LOW]\n");
  EXPECT_THAT(DescribeFindings(response.findings(), true),
              HasSubstr("\x1b[31mfail\x1b[0m  kvm"));
  EXPECT_EQ(CountFailures(response.findings()), 1);
}

TEST(DescribeBottlesTest, PlansAreAsInTheirFile) {
  v1::Plan plan = MakePlan();
  EXPECT_THAT(PlanToJson(plan), HasSubstr("\"guest_env\":[\"A=1\""));
  EXPECT_THAT(PlanToJson(plan), HasSubstr("\"revision\":3,"));
  EXPECT_THAT(PlanToJson(plan), Not(HasSubstr("\"artifact\"")));
  plan.mutable_artifact()->set_size_bytes(1LL << 40);
  EXPECT_THAT(PlanToJson(plan), HasSubstr("\"size_bytes\":1099511627776,"));
  EXPECT_EQ(FromJson<v1::Plan>(PlanToJson(plan)).SerializeAsString(),
            plan.SerializeAsString());
}

}  // namespace
}  // namespace bottled::client
