#include "bottle/manifest_merge.h"

#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bottled {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

constexpr char kHostKey[] = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA";

PartialBottle Bottle(const std::string& yaml, const std::string& file) {
  auto bottle = ParseBottle("---\n" + yaml + "\n---\n", file, "/h");
  EXPECT_TRUE(bottle.ok()) << bottle.status();
  return bottle.ok() ? *std::move(bottle) : PartialBottle();
}

// All of them, the first at the bottom.
absl::StatusOr<BottleSpec> Merged(const std::vector<std::string>& yamls,
                                  const PartialGitUser& user = {}) {
  PartialBottle merged;
  for (size_t i = 0; i < yamls.size(); ++i) {
    MergeBottle(Bottle(yamls[i], "/b" + std::to_string(i)), merged);
  }
  return FinishBottle(merged, user);
}

std::string Reason(const std::vector<std::string>& yamls) {
  const auto result = Merged(yamls);
  return result.ok() ? "OK" : GetErrorDetail(result.status()).reason;
}

std::string Repo(const std::string& name, const std::string& url,
                 const std::string& more = "") {
  return name + ": {url: \"" + url + "\", host_key: " + kHostKey +
         ", key: {path: /k}" + more + "}";
}

std::string Repos(const std::string& repos) {
  return "git-gate: {repos: {" + repos + "}}";
}

TEST(MergeBottle, EnvironmentMergesInOrderOfAppearance) {
  const auto spec =
      Merged({"env: {A: '1', B: '2'}", "env: {C: '3', A: '4'}", "env: {D: x}"});
  ASSERT_TRUE(spec.ok());
  std::vector<std::pair<std::string, std::string>> env;
  for (const ManifestEnv& item : spec->env) {
    env.emplace_back(item.name, item.value);
  }
  EXPECT_THAT(env, ElementsAre(Pair("A", "4"), Pair("B", "2"), Pair("C", "3"),
                               Pair("D", "x")));
  EXPECT_EQ(spec->env[0].origin.file, "/b1");
  EXPECT_EQ(spec->env[1].origin.file, "/b0");
}

TEST(MergeBottle, ListsAndValuesReplace) {
  const auto routes = [](const std::string& host) {
    return "egress: {routes: [{host: " + host + "}]}";
  };
  EXPECT_EQ(Merged({routes("a.b"), routes("c.d")})->routes.at(0).host, "c.d");
  EXPECT_EQ(Merged({routes("a.b"), routes("c.d")})->routes.size(), 1u);
  EXPECT_EQ(Merged({routes("a.b"), "egress: {}"})->routes.size(), 1u);
  EXPECT_THAT(Merged({routes("a.b"), "egress: {routes: []}"})->routes,
              IsEmpty());
  EXPECT_TRUE(Merged({"supervise: true", "env: {}"})->supervise);
  EXPECT_FALSE(Merged({"supervise: true", "supervise: false"})->supervise);
  EXPECT_FALSE(Merged({""})->supervise);
  const auto provider =
      Merged({"agent_provider: {template: codex, dockerfile: /D}",
              "agent_provider: {dockerfile: \"\"}"});
  EXPECT_EQ(provider->provider.template_name, "codex");
  EXPECT_EQ(provider->provider.dockerfile, "");
  EXPECT_EQ(Merged({""})->provider.template_name, "claude");
}

TEST(MergeBottle, TheAgentsUserIsOnTop) {
  const auto spec = Merged({"git-gate: {user: {name: A, email: a@x}}",
                            "git-gate: {user: {name: B}}"},
                           {std::nullopt, "agent@x"});
  EXPECT_EQ(spec->git_user.name, "B");
  EXPECT_EQ(spec->git_user.email, "agent@x");
  EXPECT_EQ(Merged({"git-gate: {user: {name: A}}"}, {"", {}})->git_user.name,
            "");
}

TEST(MergeBottle, ReposMergeKeyByKey) {
  const auto spec =
      Merged({Repos(Repo("app", "git@h:a", ", extra_hosts: {x: 1.1.1.1}")),
              Repos("app: {key: {path: /other}, extra_hosts: {x: 2.2.2.2, y: "
                    "3.3.3.3}}"),
              Repos(Repo("lib", "git@h:lib"))});
  ASSERT_TRUE(spec.ok()) << spec.status();
  ASSERT_EQ(spec->repos.size(), 2u);
  EXPECT_EQ(spec->repos[0].url, "ssh://git@h/a");
  EXPECT_EQ(spec->repos[0].key_path, "/other");
  ASSERT_EQ(spec->repos[0].extra_hosts.size(), 2u);
  EXPECT_EQ(spec->repos[0].extra_hosts[0].ip, "2.2.2.2");
  EXPECT_EQ(spec->repos[1].name, "lib");
}

TEST(FinishBottle, IncompleteReposAreRefused) {
  EXPECT_EQ(Reason({Repos("a: {url: \"git@h:a\", key: {path: /k}}")}),
            "MANIFEST_HOST_KEY_MISSING");
  EXPECT_EQ(Reason({Repos("a: {url: \"git@h:a\", host_key: , key: {path: "
                          "/k}}")}),
            "MANIFEST_HOST_KEY_MISSING");
  EXPECT_EQ(Reason({Repos(std::string("a: {host_key: ") + kHostKey + "}")}),
            "MANIFEST_MISSING_KEY");
  EXPECT_EQ(Reason({Repos(std::string("a: {url: \"git@h:a\", host_key: ") +
                          kHostKey + "}")}),
            "MANIFEST_MISSING_KEY");
  EXPECT_EQ(Reason({"git: [{Upstream: git@h:a/b, IdentityFile: /k}]"}),
            "MANIFEST_HOST_KEY_MISSING");
}

TEST(FinishBottle, OneNamePerUpstream) {
  for (const std::string other :
       {"git@h:a/app", "git@h:a/app.git", "ssh://git@H:22/a/app/"}) {
    EXPECT_EQ(
        Reason({Repos(Repo("x", "git@h:a/app")), Repos(Repo("y", other))}),
        "MANIFEST_DUPLICATE_UPSTREAM")
        << other;
  }
  EXPECT_EQ(Reason({Repos(Repo("x", "git@h:a/app") + ", " +
                          Repo("y", "ssh://git@h:23/a/app"))}),
            "OK");
}

TEST(FinishBottle, OneAddressPerHost) {
  EXPECT_EQ(
      Reason({Repos(Repo("x", "git@h:x", ", extra_hosts: {H: 1.1.1.1}") + ", " +
                    Repo("y", "git@h:y", ", extra_hosts: {h: 1.1.1.2}"))}),
      "MANIFEST_EXTRA_HOST_CONFLICT");
  EXPECT_EQ(
      Reason({Repos(Repo("x", "git@h:x", ", extra_hosts: {h: '::1'}") + ", " +
                    Repo("y", "git@h:y", ", extra_hosts: {h: '0::1'}"))}),
      "OK");
}

TEST(ManifestDigest, ChangesWithEveryPolicyAndNothingElse) {
  AgentSpec agent = {"a", "/f", false, {"s"}, "prompt"};
  BottleSpec bottle = *Merged(
      {"env: {A: b}\nsupervise: true\nagent_provider: {dockerfile: /D}\n"
       "egress: {routes: [{host: a.b, path_allowlist: [/x], auth: {scheme: "
       "Bearer, token_ref: T}}]}\n" +
       Repos(Repo("r", "git@h:a", ", extra_hosts: {h: 1.1.1.1}"))});
  bottle.names = {"dev"};
  const std::string digest = ManifestDigest(agent, bottle);
  EXPECT_EQ(digest.size(), 64u);
  {
    AgentSpec same_agent = agent;
    BottleSpec same = bottle;
    same_agent.file = "/elsewhere";
    same.files = {"/x"};
    same.env[0].origin = {"/y", 9, 9};
    same.routes[0].origin = {};
    same.repos[0].origin = {};
    EXPECT_EQ(ManifestDigest(same_agent, same), digest);
  }
  const std::vector<void (*)(AgentSpec&, BottleSpec&)> changes = {
      [](AgentSpec& a, BottleSpec&) { a.name = "b"; },
      [](AgentSpec& a, BottleSpec&) { a.shadowed_by_repo = true; },
      [](AgentSpec& a, BottleSpec&) { a.skills.clear(); },
      [](AgentSpec& a, BottleSpec&) { a.prompt += "\xff"; },
      [](AgentSpec&, BottleSpec& b) { b.names.push_back("x"); },
      [](AgentSpec&, BottleSpec& b) { b.env[0].name = "B"; },
      [](AgentSpec&, BottleSpec& b) { b.env[0].value = "c"; },
      [](AgentSpec&, BottleSpec& b) { b.provider.template_name = "x"; },
      [](AgentSpec&, BottleSpec& b) { b.provider.dockerfile = ""; },
      [](AgentSpec&, BottleSpec& b) { b.git_user.name = "x"; },
      [](AgentSpec&, BottleSpec& b) { b.git_user.email = "x"; },
      [](AgentSpec&, BottleSpec& b) { b.repos[0].name = "x"; },
      [](AgentSpec&, BottleSpec& b) { b.repos[0].url = "x"; },
      [](AgentSpec&, BottleSpec& b) { b.repos[0].host_key = "x"; },
      [](AgentSpec&, BottleSpec& b) { b.repos[0].key_path = "x"; },
      [](AgentSpec&, BottleSpec& b) { b.repos[0].extra_hosts[0].ip = "x"; },
      [](AgentSpec&, BottleSpec& b) { b.routes[0].host = "x"; },
      [](AgentSpec&, BottleSpec& b) { b.routes[0].path_allowlist.clear(); },
      [](AgentSpec&, BottleSpec& b) { b.routes[0].auth->scheme = "x"; },
      [](AgentSpec&, BottleSpec& b) { b.routes[0].auth->token_ref = "x"; },
      [](AgentSpec&, BottleSpec& b) { b.routes[0].auth.reset(); },
      [](AgentSpec&, BottleSpec& b) { b.supervise = false; }};
  for (size_t i = 0; i < changes.size(); ++i) {
    AgentSpec other_agent = agent;
    BottleSpec other = bottle;
    changes[i](other_agent, other);
    EXPECT_NE(ManifestDigest(other_agent, other), digest) << i;
  }
}

}  // namespace
}  // namespace bottled
