#include "bottle/manifest_parse.h"

#include <string>
#include <vector>

#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bottled {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

constexpr char kFile[] = "/home/u/.bot-bottle/bottles/dev.md";

absl::StatusOr<PartialBottle> Bottle(const std::string& yaml) {
  return ParseBottle("---\n" + yaml + "\n---\nnotes\n", kFile, "/home/u");
}

absl::StatusOr<PartialAgent> Agent(const std::string& yaml) {
  return ParseAgent("---\n" + yaml + "\n---\nBe careful.\n", "/r/a.md");
}

template <typename T>
std::string Reason(const absl::StatusOr<T>& result) {
  return result.ok() ? "OK" : GetErrorDetail(result.status()).reason;
}

template <typename T>
std::string Message(const absl::StatusOr<T>& result) {
  return std::string(result.status().message());
}

TEST(ParseAgent, ReadsAll) {
  const auto agent = Agent(
      "bottle: [dev, extra-1]\nskills: [code-review, a.b]\n"
      "git-gate: { user: { name: \"Impl Bot\", email: bot@example.com } }");
  ASSERT_TRUE(agent.ok()) << agent.status();
  ASSERT_EQ(agent->bottles.size(), 2u);
  EXPECT_EQ(agent->bottles[0].name, "dev");
  EXPECT_EQ(agent->bottles[1].name, "extra-1");
  EXPECT_EQ(agent->bottles[1].origin, (Origin{"/r/a.md", 2, 15}));
  EXPECT_THAT(agent->skills, ElementsAre("code-review", "a.b"));
  EXPECT_EQ(agent->git_user.name, "Impl Bot");
  EXPECT_EQ(agent->git_user.email, "bot@example.com");
  EXPECT_EQ(agent->prompt, "Be careful.\n");
  EXPECT_THAT(agent->warnings, IsEmpty());
}

TEST(ParseAgent, TakesOneBottleOrNone) {
  EXPECT_EQ(Agent("bottle: dev")->bottles.at(0).name, "dev");
  EXPECT_THAT(Agent("bottle:")->bottles, IsEmpty());
  EXPECT_THAT(Agent("")->bottles, IsEmpty());
  EXPECT_THAT(Agent("bottle: []")->bottles, IsEmpty());
}

TEST(ParseAgent, KeepsThePromptByteForByte) {
  const std::string body("\n\r\n  \xff{{x}} $(id) `y`\t\x1b\n\n");
  EXPECT_EQ(ParseAgent("---\n---\n" + body, "/r/a.md")->prompt, body);
}

TEST(ParseAgent, RefusesWithTheReason) {
  struct Case {
    std::string yaml;
    std::string reason;
  };
  for (const Case& c : std::vector<Case>{
           {"env: {A: b}", "MANIFEST_AGENT_KEY"},
           {"extends: x", "MANIFEST_AGENT_KEY"},
           {"egress: {routes: []}", "MANIFEST_AGENT_KEY"},
           {"supervise: true", "MANIFEST_AGENT_KEY"},
           {"agent_provider: {dockerfile: /x}", "MANIFEST_AGENT_KEY"},
           {"git-gate: {repos: {}}", "MANIFEST_AGENT_KEY"},
           {"git: [{Upstream: x}]", "MANIFEST_AGENT_KEY"},
           {"git: {remotes: {}}", "MANIFEST_AGENT_KEY"},
           {"git-gate: {users: {}}", "MANIFEST_UNKNOWN_KEY"},
           {"git-gate: {user: {login: x}}", "MANIFEST_UNKNOWN_KEY"},
           {"skill: [x]", "MANIFEST_UNKNOWN_KEY"},
           {"ssh: x", "MANIFEST_LEGACY_KEY"},
           {"bottle: {a: b}", "MANIFEST_WRONG_TYPE"},
           {"bottle: [[dev]]", "MANIFEST_WRONG_TYPE"},
           {"bottle: [dev, ]\nskills: x", "MANIFEST_WRONG_TYPE"},
           {"bottle: ../dev", "MANIFEST_BAD_NAME"},
           {"bottle: Dev", "MANIFEST_BAD_NAME"},
           {"bottle: ~", "MANIFEST_BAD_NAME"},
           {"bottle: \"\"", "MANIFEST_BAD_NAME"},
           {"bottle: \"dev\\0\"", "MANIFEST_BAD_NAME"},
           {"skills: [../x]", "MANIFEST_BAD_VALUE"},
           {"skills: [a, a]", "MANIFEST_BAD_VALUE"},
           {"git-gate: {user: {name: \"a\\nb\"}}", "MANIFEST_BAD_VALUE"},
           {"git-gate: {user: {email: \"a<b\"}}", "MANIFEST_BAD_VALUE"},
           {"- a", "MANIFEST_WRONG_TYPE"},
           {"text", "MANIFEST_WRONG_TYPE"}}) {
    EXPECT_EQ(Reason(Agent(c.yaml)), c.reason) << c.yaml;
  }
}

TEST(ParseBottle, ReadsAll) {
  const auto bottle = Bottle(
      "extends: claude\nenv:\n  RUST_LOG: info\n  N: 0x10\n  Y: yes\n"
      "  E: \"\"\n  ABSENT:\n"
      "agent_provider: { template: claude, dockerfile: ./img/Dockerfile }\n"
      "egress:\n  routes:\n    - host: API.Anthropic.com\n"
      "      auth: { scheme: Bearer, token_ref: CLAUDE_TOKEN }\n"
      "    - host: '*.github.com'\n      path_allowlist: [/acme/, /x..y]\n"
      "    - host: 10.1.2.3\nsupervise: true");
  ASSERT_TRUE(bottle.ok()) << bottle.status();
  EXPECT_EQ(bottle->extends->name, "claude");
  ASSERT_EQ(bottle->env.size(), 4u);
  EXPECT_EQ(bottle->env[0].name, "RUST_LOG");
  EXPECT_EQ(bottle->env[0].value, "info");
  EXPECT_EQ(bottle->env[0].origin, (Origin{kFile, 4, 3}));
  EXPECT_EQ(bottle->env[1].value, "0x10");
  EXPECT_EQ(bottle->env[2].value, "yes");
  EXPECT_EQ(bottle->env[3].value, "");
  EXPECT_EQ(bottle->template_name, "claude");
  EXPECT_EQ(bottle->dockerfile, "/home/u/.bot-bottle/bottles/img/Dockerfile");
  ASSERT_EQ(bottle->routes->size(), 3u);
  const EgressRoute& first = bottle->routes->at(0);
  EXPECT_EQ(first.host, "api.anthropic.com");
  EXPECT_THAT(first.path_allowlist, IsEmpty());
  EXPECT_EQ(first.auth->scheme, "Bearer");
  EXPECT_EQ(first.auth->token_ref, "CLAUDE_TOKEN");
  EXPECT_EQ(bottle->routes->at(1).host, "*.github.com");
  EXPECT_THAT(bottle->routes->at(1).path_allowlist,
              ElementsAre("/acme/", "/x..y"));
  EXPECT_EQ(bottle->supervise, true);
  EXPECT_THAT(bottle->warnings, IsEmpty());
}

TEST(ParseBottle, KnowsWhatWasNotSet) {
  const auto bottle = Bottle("egress:\nenv:\nsupervise:\nextends:");
  ASSERT_TRUE(bottle.ok()) << bottle.status();
  EXPECT_FALSE(bottle->extends.has_value());
  EXPECT_FALSE(bottle->routes.has_value());
  EXPECT_FALSE(bottle->supervise.has_value());
  EXPECT_FALSE(bottle->template_name.has_value());
  EXPECT_FALSE(bottle->dockerfile.has_value());
  EXPECT_TRUE(Bottle("egress: {routes: []}")->routes.has_value());
  EXPECT_EQ(Bottle("agent_provider: {dockerfile: \"\"}")->dockerfile, "");
  EXPECT_EQ(Bottle("agent_provider: {dockerfile: ~/D}")->dockerfile,
            "/home/u/D");
  EXPECT_EQ(Bottle("agent_provider: {dockerfile: /a/./D}")->dockerfile, "/a/D");
}

TEST(ParseBottle, UnknownKeysSayWhereAndWhatWasMeant) {
  const auto bottle = Bottle("env: {A: b}\negress:\n  rotes: []");
  EXPECT_EQ(Reason(bottle), "MANIFEST_UNKNOWN_KEY");
  EXPECT_THAT(Message(bottle), AllOf(StartsWith(std::string(kFile) + ":4:3: "),
                                     HasSubstr("did you mean \"routes\"?")));
  EXPECT_THAT(Message(Bottle("quux: 1")), Not(HasSubstr("did you mean")));
}

TEST(ParseBottle, RefusesWithTheReason) {
  const auto route = [](const std::string& rest) {
    return "egress: {routes: [{" + rest + "}]}";
  };
  struct Case {
    std::string yaml;
    std::string reason;
  };
  for (const Case& c : std::vector<Case>{
           {"volumes: [/]", "MANIFEST_UNKNOWN_KEY"},
           {"bottle: dev", "MANIFEST_UNKNOWN_KEY"},
           {"egress_proxy: {}", "MANIFEST_LEGACY_KEY"},
           {"cred_proxy: {}", "MANIFEST_LEGACY_KEY"},
           {"ssh: []", "MANIFEST_LEGACY_KEY"},
           {"extends: [a, b]", "MANIFEST_WRONG_TYPE"},
           {"extends: /etc/x", "MANIFEST_BAD_NAME"},
           {"supervise: yes", "MANIFEST_WRONG_TYPE"},
           {"supervise: True", "MANIFEST_WRONG_TYPE"},
           {"supervise: \"true\"", "MANIFEST_WRONG_TYPE"},
           {"supervise: [true]", "MANIFEST_WRONG_TYPE"},
           {"supervise: ~", "MANIFEST_WRONG_TYPE"},
           {"env: [A=b]", "MANIFEST_WRONG_TYPE"},
           {"env: {A: [b]}", "MANIFEST_WRONG_TYPE"},
           {"env: {A-B: c}", "MANIFEST_BAD_VALUE"},
           {"env: {1A: c}", "MANIFEST_BAD_VALUE"},
           {"env: {\"A=B\": c}", "MANIFEST_BAD_VALUE"},
           {"env: {\"A\\0\": c}", "MANIFEST_BAD_VALUE"},
           {"env: {A: \"b\\0\"}", "MANIFEST_BAD_VALUE"},
           {"env: {A: \"b\\nc\"}", "MANIFEST_BAD_VALUE"},
           {"env: {A: \"b\\rc\"}", "MANIFEST_BAD_VALUE"},
           {"env:\n  A: |\n    b", "MANIFEST_BAD_VALUE"},
           {"agent_provider: {image: x}", "MANIFEST_UNKNOWN_KEY"},
           {"agent_provider: {template: ../x}", "MANIFEST_BAD_NAME"},
           {"agent_provider: {dockerfile: ../D}", "MANIFEST_BAD_VALUE"},
           {"agent_provider: {dockerfile: /a/../D}", "MANIFEST_BAD_VALUE"},
           {"agent_provider: {dockerfile: ~root/D}", "MANIFEST_BAD_VALUE"},
           {"agent_provider: {dockerfile: \"a\\nb\"}", "MANIFEST_BAD_VALUE"},
           {"egress: {routes: {host: a.b}}", "MANIFEST_WRONG_TYPE"},
           {"egress: {routes: [a.b]}", "MANIFEST_WRONG_TYPE"},
           {"egress: {dlp: x}", "MANIFEST_UNKNOWN_KEY"},
           {route("path_allowlist: [/]"), "MANIFEST_MISSING_KEY"},
           {route("host: a.b, matches: []"), "MANIFEST_UNKNOWN_KEY"},
           {route("host: a.b, role: x"), "MANIFEST_RESERVED_KEY"},
           {route("host: a.b, auth: {scheme: Bearer}"), "MANIFEST_MISSING_KEY"},
           {route("host: a.b, auth: {token_ref: T}"), "MANIFEST_MISSING_KEY"},
           {route("host: a.b, auth: {scheme: \"B r\", token_ref: T}"),
            "MANIFEST_BAD_VALUE"},
           {route("host: a.b, auth: {scheme: \"B\\r\\nX\", token_ref: T}"),
            "MANIFEST_BAD_VALUE"},
           {route("host: a.b, auth: {scheme: Bearer, token_ref: $T}"),
            "MANIFEST_BAD_VALUE"},
           {route("host: a.b, path_allowlist: [x]"), "MANIFEST_BAD_VALUE"},
           {route("host: a.b, path_allowlist: []"), "MANIFEST_BAD_VALUE"},
           {route("host: a.b, path_allowlist: [/a/../b]"),
            "MANIFEST_BAD_VALUE"},
           {route("host: a.b, path_allowlist: [/%2E%2e/b]"),
            "MANIFEST_BAD_VALUE"},
           {route("host: a.b, path_allowlist: [\"/a\\n\"]"),
            "MANIFEST_BAD_VALUE"},
           {route("host: a.b, path_allowlist: /a"), "MANIFEST_WRONG_TYPE"},
           {route("host: a.b, path_allowlist: [/a, [b]]"),
            "MANIFEST_WRONG_TYPE"},
           {route("host: A.b}, {host: a.B"), "MANIFEST_DUPLICATE_ROUTE"}}) {
    EXPECT_EQ(Reason(Bottle(c.yaml)), c.reason) << c.yaml;
  }
}

TEST(ParseBottle, HostsAreStrict) {
  const std::string label(63, 'a');
  for (const std::string& host :
       {std::string("a.b"), std::string("xn--bcher-kva.example"),
        std::string("*.a.b"), std::string("1.2.3.4"), label + ".com",
        std::string("a-b.c1")}) {
    EXPECT_EQ(Reason(Bottle("egress: {routes: [{host: \"" + host + "\"}]}")),
              "OK")
        << host;
  }
  for (const std::string& host : {std::string("localhost"),
                                  std::string("*"),
                                  std::string("*.com"),
                                  std::string("*.*.com"),
                                  std::string("a.*.com"),
                                  std::string("a*.b.com"),
                                  std::string("https://a.b"),
                                  std::string("a.b:443"),
                                  std::string("a.b/"),
                                  std::string("a b.c"),
                                  std::string("a.b "),
                                  std::string("a..b"),
                                  std::string(".a.b"),
                                  std::string("a.b."),
                                  std::string("-a.b"),
                                  std::string("a-.b"),
                                  std::string("a_b.c"),
                                  label + "a.com",
                                  std::string("b\xc3\xbc.de"),
                                  std::string("1.2.3"),
                                  std::string("1.2.3.256"),
                                  std::string("01.2.3.4"),
                                  std::string("a.0x7f000001"),
                                  std::string("*.1.2.3.4"),
                                  std::string("[::1]"),
                                  std::string("::1"),
                                  std::string(""),
                                  std::string("a.b\\0"),
                                  std::string("a.b\\n"),
                                  std::string("u@a.b"),
                                  std::string(250, 'a') + ".com"}) {
    EXPECT_EQ(Reason(Bottle("egress: {routes: [{host: \"" + host + "\"}]}")),
              "MANIFEST_BAD_HOST")
        << host;
  }
}

TEST(ParseBottle, ReservedEnvironment) {
  for (const std::string name :
       {"HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy", "NO_PROXY",
        "no_proxy", "ALL_PROXY", "all_proxy", "GIT_GATE_URL",
        "MCP_SUPERVISE_URL", "SMOLVM_X", "BOTTLED_SOCKET", "SMOLVM_"}) {
    const auto bottle = Bottle("env: {" + name + ": canary}");
    EXPECT_EQ(Reason(bottle), "MANIFEST_RESERVED_ENV") << name;
    EXPECT_THAT(Message(bottle), Not(HasSubstr("canary")));
  }
  EXPECT_EQ(Reason(Bottle("env: {MY_HTTPS_PROXY: x, SMOLVMX: y}")), "OK");
}

TEST(ParseBottle, SecretsAreWarnedAboutWithoutTheirValue) {
  for (const std::string value :
       {"ghp_0123456789abcdef", "github_pat_11ABCDEFG0123", "sk-ant-api03-abc",
        "sk-0123456789abcdef0123", "AKIAIOSFODNN7EXAMPLE", "xoxb-1234567890-ab",
        "xoxp-1234567890-ab", "glpat-abcdefghij0123",
        "-----BEGIN OPENSSH PRIVATE KEY-----",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc_-"}) {
    const auto bottle = Bottle("env:\n  OK: x\n  TOKEN: \"" + value + "\"");
    ASSERT_TRUE(bottle.ok()) << bottle.status();
    ASSERT_EQ(bottle->warnings.size(), 1u) << value;
    EXPECT_EQ(bottle->warnings[0].reason, "SECRET_LIKE_ENV");
    EXPECT_THAT(bottle->warnings[0].message,
                AllOf(StartsWith(std::string(kFile) + ":4:3: TOKEN"),
                      Not(HasSubstr(value))));
    EXPECT_TRUE(bottle->env[1].secret_like);
    EXPECT_FALSE(bottle->env[0].secret_like);
  }
  for (const std::string value : {"info", "sk-learn", "ghp_", "eyJ", "AKIA",
                                  "https://x.y/eyJ.a.b", "glpat", "skeleton"}) {
    EXPECT_THAT(Bottle("env: {A: \"" + value + "\"}")->warnings, IsEmpty())
        << value;
  }
}

TEST(ParseBottle, NoMessageHasASecret) {
  const std::string secret = "ghp_canarycanarycanary";
  for (const std::string& yaml :
       {"env: {TOKEN=" + secret + "}", "env: {A: [" + secret + "]}",
        "env: {A: \"" + secret + "\\n\"}", "env: [" + secret + "]",
        "env: {A: " + secret + ", A: " + secret + "}", "env: " + secret,
        "env:\n  A: \"" + secret + "\n", "env: {A: \"" + secret + "\\q\"}",
        "egress: {routes: [{host: a.b, auth: {scheme: Bearer, token_ref: " +
            secret + "}}]}",
        "egress: {routes: [{host: a.b, auth: {scheme: " + secret +
            " x, token_ref: T}}]}",
        "egress: {routes: [{host: \"https://u:" + secret + "@a.b\"}]}",
        "git-gate: {repos: {a: {url: \"ssh://u:" + secret + "@h/p\"}}}",
        "git-gate: {repos: {a: {host_key: " + secret + "}}}",
        "git-gate: {repos: {a: {key: {path: " + secret + "}}}}"}) {
    const auto bottle = Bottle(yaml);
    EXPECT_FALSE(bottle.ok()) << yaml;
    EXPECT_THAT(Message(bottle), Not(HasSubstr("canary"))) << yaml;
    EXPECT_THAT(GetErrorDetail(bottle.status()).remedy,
                Not(HasSubstr("canary")));
  }
  EXPECT_EQ(Reason(Bottle("egress: {routes: [{host: a.b, auth: {scheme: "
                          "Bearer, token_ref: " +
                          secret + "}}]}")),
            "MANIFEST_SECRET_LITERAL");
}

}  // namespace
}  // namespace bottled
