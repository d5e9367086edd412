#include "bottle/manifest_parse_git.h"

#include <string>
#include <vector>

#include "base/error.h"
#include "bottle/manifest_parse.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bottled {
namespace {

using testing::HasSubstr;

constexpr char kKey[] = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA";

absl::StatusOr<PartialBottle> GitBottle(const std::string& yaml) {
  return ParseBottle("---\n" + yaml + "\n---\n", "/h/b.md", "/h");
}

template <typename T>
std::string GitReason(const absl::StatusOr<T>& result) {
  return result.ok() ? "OK" : GetErrorDetail(result.status()).reason;
}

std::string ReasonOf(const std::string& yaml) {
  return GitReason(GitBottle(yaml));
}

TEST(ParseBottleGit, ReadsRepos) {
  const auto bottle = GitBottle(
      std::string("git-gate:\n  user: { name: Dev, email: d@example.com }\n"
                  "  repos:\n    app:\n      url: git@GitHub.com:acme/app.git\n"
                  "      host_key: ") +
      kKey +
      "\n      key: { provider: static, path: ~/.ssh/id }\n"
      "      extra_hosts: { Git.Local: 10.0.0.1, six: '0:0::1' }");
  ASSERT_TRUE(bottle.ok()) << bottle.status();
  ASSERT_EQ(bottle->repos.size(), 1u);
  const PartialRepo& repo = bottle->repos[0];
  EXPECT_EQ(repo.name, "app");
  EXPECT_EQ(repo.url, "ssh://git@github.com/acme/app.git");
  EXPECT_EQ(repo.host_key, kKey);
  EXPECT_EQ(repo.key_path, "/h/.ssh/id");
  ASSERT_EQ(repo.extra_hosts.size(), 2u);
  EXPECT_EQ(repo.extra_hosts[0].host, "git.local");
  EXPECT_EQ(repo.extra_hosts[0].ip, "10.0.0.1");
  EXPECT_EQ(repo.extra_hosts[1].ip, "::1");
  EXPECT_EQ(bottle->git_user.name, "Dev");
}

std::string Url(const std::string& url) {
  const auto bottle =
      GitBottle("git-gate: {repos: {a: {url: \"" + url + "\"}}}");
  return bottle.ok() ? *bottle->repos[0].url : GitReason(bottle);
}

TEST(ParseBottleGit, UrlsHaveOneForm) {
  struct Case {
    std::string text;
    std::string url;
  };
  for (const Case& c : std::vector<Case>{
           {"ssh://git@h.example/a/b.git", "ssh://git@h.example/a/b.git"},
           {"ssh://git@h:30009/a", "ssh://git@h:30009/a"},
           {"ssh://git@H.Example:22/a", "ssh://git@h.example/a"},
           {"ssh://git@10.0.0.1/a", "ssh://git@10.0.0.1/a"},
           {"git@h:a/b", "ssh://git@h/a/b"},
           {"git@h:/a/b", "ssh://git@h/a/b"},
           {"git@h:~/b", "ssh://git@h/~/b"},
           {"ssh://git@h/My%20Project/x", "ssh://git@h/My%20Project/x"}}) {
    EXPECT_EQ(Url(c.text), c.url) << c.text;
  }
  for (const std::string& text : {std::string(""),
                                  std::string("https://h/a"),
                                  std::string("git://h/a"),
                                  std::string("file:///a"),
                                  std::string("/a/b"),
                                  std::string("h:a"),
                                  std::string("ssh://h/a"),
                                  std::string("ssh://git@h"),
                                  std::string("ssh://git@h/"),
                                  std::string("git@h:"),
                                  std::string("git@h/a"),
                                  std::string("ssh://@h/a"),
                                  std::string("ssh://git:pw@h/a"),
                                  std::string("ssh://-oProxy@h/a"),
                                  std::string("ssh://git@-oProxyCommand=x/a"),
                                  std::string("git@-h:a"),
                                  std::string("ssh://git@h:0/a"),
                                  std::string("ssh://git@h:65536/a"),
                                  std::string("ssh://git@h:/a"),
                                  std::string("ssh://git@h:2x/a"),
                                  std::string("ssh://git@h:4294967318/a"),
                                  std::string("ssh://git@h/a/../b"),
                                  std::string("ssh://git@h/%2e%2E/b"),
                                  std::string("git@h:../b"),
                                  std::string("ssh://git@h/a b"),
                                  std::string("ssh://git@h/a'b"),
                                  std::string("ssh://git@h/a%27b"),
                                  std::string("ssh://git@h/a\\\"b"),
                                  std::string("ssh://git@h/a`b"),
                                  std::string("ssh://git@h/a\\\\b"),
                                  std::string("ssh://git@h/a\\nb"),
                                  std::string("ssh://git@h/a%0ab"),
                                  std::string("ssh://git@h/a%00"),
                                  std::string("ssh://git@h/a%"),
                                  std::string("ssh://git@h/a%zz"),
                                  std::string("ssh://git@h\\0/a"),
                                  std::string("ssh://git@a_b/c"),
                                  std::string("ssh://git@[::1]/c"),
                                  std::string("ext::sh -c id"),
                                  "ssh://git@h/" + std::string(3000, 'a')}) {
    EXPECT_EQ(Url(text), "MANIFEST_BAD_URL") << text;
  }
}

TEST(ParseBottleGit, RefusesWithTheReason) {
  const auto repo = [](const std::string& rest) {
    return "git-gate: {repos: {a: {" + rest + "}}}";
  };
  struct Case {
    std::string yaml;
    std::string reason;
  };
  for (const Case& c : std::vector<Case>{
           {"git-gate: {remotes: {}}", "MANIFEST_UNKNOWN_KEY"},
           {"git-gate: {repos: []}", "MANIFEST_WRONG_TYPE"},
           {"git-gate: {repos: {a: x}}", "MANIFEST_WRONG_TYPE"},
           {"git-gate: {repos: {../a: {}}}", "MANIFEST_BAD_VALUE"},
           {"git-gate: {repos: {a..b: {}}}", "MANIFEST_BAD_VALUE"},
           {"git-gate: {repos: {A: {}}}", "MANIFEST_BAD_VALUE"},
           {"git-gate: {repos: {.a: {}}}", "MANIFEST_BAD_VALUE"},
           {"git-gate: {repos: {-a: {}}}", "MANIFEST_BAD_VALUE"},
           {"git-gate: {repos: {" + std::string(101, 'a') + ": {}}}",
            "MANIFEST_BAD_VALUE"},
           {repo("hostkey: x"), "MANIFEST_UNKNOWN_KEY"},
           {repo("host_key: AAAA"), "MANIFEST_BAD_VALUE"},
           {repo("host_key: ssh-dss AAAA"), "MANIFEST_BAD_VALUE"},
           {repo("host_key: ssh-ed25519 "), "MANIFEST_BAD_VALUE"},
           {repo("host_key: h ssh-ed25519 AAAA"), "MANIFEST_BAD_VALUE"},
           {repo("host_key: ssh-ed25519 AAAA u@h"), "MANIFEST_BAD_VALUE"},
           {repo("host_key: \"ssh-ed25519 AAAA\\nh ssh-rsa BBBB\""),
            "MANIFEST_BAD_VALUE"},
           {repo("host_key: \"ssh-ed25519 AA=A\""), "MANIFEST_BAD_VALUE"},
           {repo("key: {provider: gitea, url: x}"), "MANIFEST_UNSUPPORTED"},
           {repo("key: {provider: vault}"), "MANIFEST_BAD_VALUE"},
           {repo("key: {path: /k, pass: x}"), "MANIFEST_UNKNOWN_KEY"},
           {repo("key: {path: id}"), "MANIFEST_BAD_VALUE"},
           {repo("key: {path: ~root/id}"), "MANIFEST_BAD_VALUE"},
           {repo("key: {path: ~/../id}"), "MANIFEST_BAD_VALUE"},
           {repo("key: {path: \"/a\\nb\"}"), "MANIFEST_BAD_VALUE"},
           {repo("key: {path: \"\"}"), "MANIFEST_BAD_VALUE"},
           {repo("key: /k"), "MANIFEST_WRONG_TYPE"},
           {repo("extra_hosts: {h: x}"), "MANIFEST_BAD_VALUE"},
           {repo("extra_hosts: {h: 010.0.0.1}"), "MANIFEST_BAD_VALUE"},
           {repo("extra_hosts: {h: \"1.2.3.4\\0x\"}"), "MANIFEST_BAD_VALUE"},
           {repo("extra_hosts: {\"h x\": 1.2.3.4}"), "MANIFEST_BAD_HOST"},
           {repo("extra_hosts: {\"*.h\": 1.2.3.4}"), "MANIFEST_BAD_HOST"},
           {repo("extra_hosts: {h: 1.2.3.4, H: 1.2.3.5}"),
            "MANIFEST_EXTRA_HOST_CONFLICT"},
           {repo("extra_hosts: [h]"), "MANIFEST_WRONG_TYPE"}}) {
    EXPECT_EQ(GitReason(GitBottle(c.yaml)), c.reason) << c.yaml;
  }
}

void ExpectLegacyWarning(const std::vector<Warning>& warnings) {
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_EQ(warnings[0].reason, "LEGACY_GIT");
  EXPECT_THAT(warnings[0].message, HasSubstr("/h/b.md:2:1: "));
}

TEST(LegacyGit, ReadsTheList) {
  const auto bottle = GitBottle(
      std::string("git:\n  - Name: app\n    Upstream: git@h:a/app.git\n"
                  "    IdentityFile: ~/.ssh/k\n    KnownHostKey: ") +
      kKey + "\n    ExtraHosts: {h: 10.0.0.1}\n");
  ASSERT_TRUE(bottle.ok()) << bottle.status();
  ASSERT_EQ(bottle->repos.size(), 1u);
  EXPECT_EQ(bottle->repos[0].name, "app");
  EXPECT_EQ(bottle->repos[0].url, "ssh://git@h/a/app.git");
  EXPECT_EQ(bottle->repos[0].key_path, "/h/.ssh/k");
  EXPECT_EQ(bottle->repos[0].host_key, kKey);
  EXPECT_EQ(bottle->repos[0].extra_hosts.at(0).ip, "10.0.0.1");
  ExpectLegacyWarning(bottle->warnings);
}

TEST(LegacyGit, ReadsUserAndRemotes) {
  const auto bottle = GitBottle(
      std::string(
          "git:\n  user: { name: Dev }\n  remotes:\n"
          "    gitea.example.org:\n"
          "      Upstream: ssh://git@gitea.example.org:30009/d/bot.git\n"
          "      IdentityFile: /k\n      KnownHostKey: ") +
      kKey);
  ASSERT_TRUE(bottle.ok()) << bottle.status();
  EXPECT_EQ(bottle->git_user.name, "Dev");
  ASSERT_EQ(bottle->repos.size(), 1u);
  EXPECT_EQ(bottle->repos[0].name, "bot") << "of the URL, as none is given";
  EXPECT_EQ(bottle->repos[0].url,
            "ssh://git@gitea.example.org:30009/d/bot.git");
  ExpectLegacyWarning(bottle->warnings);
}

TEST(LegacyGit, AgentsMaySetTheUser) {
  const auto agent =
      ParseAgent("---\ngit: {user: {name: A}}\n---\n", "/h/b.md");
  ASSERT_TRUE(agent.ok()) << agent.status();
  EXPECT_EQ(agent->git_user.name, "A");
  ExpectLegacyWarning(agent->warnings);
}

TEST(LegacyGit, RefusesWithTheReason) {
  EXPECT_EQ(ReasonOf("git: []\ngit-gate: {user: {name: x}}"),
            "MANIFEST_LEGACY_KEY");
  EXPECT_EQ(ReasonOf("git: [{Name: a}]"), "MANIFEST_MISSING_KEY");
  EXPECT_EQ(ReasonOf("git: [{Name: a, url: x}]"), "MANIFEST_UNKNOWN_KEY");
  EXPECT_EQ(ReasonOf("git: [x]"), "MANIFEST_WRONG_TYPE");
  EXPECT_EQ(ReasonOf("git: x"), "MANIFEST_WRONG_TYPE");
  EXPECT_EQ(ReasonOf("git: {repos: {}}"), "MANIFEST_UNKNOWN_KEY");
  EXPECT_EQ(ReasonOf("git: [{Upstream: git@h:a/Up}]"), "MANIFEST_BAD_VALUE");
  EXPECT_EQ(ReasonOf("git: [{Upstream: git@h:a/.git}]"), "MANIFEST_BAD_VALUE");
  EXPECT_EQ(ReasonOf("git: [{Upstream: git@h:a/x}, {Upstream: git@h:b/x}]"),
            "MANIFEST_DUPLICATE_KEY");
}

}  // namespace
}  // namespace bottled
