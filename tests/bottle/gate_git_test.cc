#include "bottle/gate_git.h"

#include "base/error.h"
#include "bottle/gate_tools.h"
#include "bottle/git_gate_scripts.h"
#include "gmock/gmock.h"

namespace bottled {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

GateOutput RenderGit(const TestBottle& bottle) {
  absl::StatusOr<GateOutput> output = GitGate().Render(bottle.input());
  EXPECT_TRUE(output.ok()) << output.status();
  return *std::move(output);
}

std::string Content(const GateOutput& output, std::string_view path) {
  const GateFile* file = FindFile(output, path);
  EXPECT_NE(file, nullptr) << path;
  return file == nullptr ? "" : file->content;
}

void ExpectRefused(const TestBottle& bottle, std::string_view what) {
  const absl::Status status = GitGate().Render(bottle.input()).status();
  EXPECT_TRUE(HasReason(status, "GATE_UNRENDERABLE")) << what;
  EXPECT_EQ(status.message().find('\n'), std::string::npos) << what;
}

TEST(GateGit, Files) {
  TestBottle bottle;
  EXPECT_FALSE(GitGate().Wanted(bottle.manifest));
  bottle.Repo("app", "ssh://git@GitHub.com/acme/app.git");
  bottle.Repo("lib", "ssh://me@git.example:30009/x/lib.git").key_path =
      "/home/u/a b'$(id)";
  EXPECT_TRUE(GitGate().Wanted(bottle.manifest));
  const GateOutput out = RenderGit(bottle);
  std::vector<std::string> paths;
  for (const GateFile& file : out.files) {
    paths.push_back(file.path);
    EXPECT_EQ(file.target, file.path == "gitconfig"
                               ? ""
                               : "/etc/bottled/git-gate/" + file.path);
  }
  EXPECT_THAT(
      paths, ElementsAre("entrypoint.sh", "access-hook", "pre-receive",
                         ".gitleaks.toml", "known_hosts/app", "known_hosts/lib",
                         "upstreams.tsv", "gitconfig"));
  EXPECT_EQ(Content(out, "upstreams.tsv"),
            "app\tssh://git@GitHub.com/acme/app.git\t"
            "/run/bottled/git-gate/keys/app\t"
            "/etc/bottled/git-gate/known_hosts/app\n"
            "lib\tssh://me@git.example:30009/x/lib.git\t"
            "/run/bottled/git-gate/keys/lib\t"
            "/etc/bottled/git-gate/known_hosts/lib\n");
  EXPECT_EQ(Content(out, "known_hosts/app"),
            "github.com ssh-ed25519 AAAAC3Nza+/8=\n");
  EXPECT_EQ(Content(out, "known_hosts/lib"),
            "[git.example]:30009 ssh-ed25519 AAAAC3Nza+/8=\n");
  ASSERT_EQ(out.mounts.size(), 2u);
  EXPECT_EQ(out.mounts[1].source, "/home/u/a b'$(id)");
  EXPECT_EQ(out.mounts[1].target, "/run/bottled/git-gate/keys/lib");
  EXPECT_TRUE(out.mounts[1].read_only);
  EXPECT_TRUE(out.directories.empty() && out.env_refs.empty());
}

TEST(GateGit, ScriptsAreFixed) {
  TestBottle one;
  one.Repo("a", "ssh://g@h/a");
  TestBottle two;
  two.Repo("b", "ssh://x@y:9/b").key_path = "/k";
  two.manifest.bottle.git_user = {.name = "N", .email = "E"};
  const GateOutput first = RenderGit(one);
  const GateOutput second = RenderGit(two);
  for (const char* path :
       {"entrypoint.sh", "access-hook", "pre-receive", ".gitleaks.toml"}) {
    EXPECT_EQ(Content(first, path), Content(second, path)) << path;
  }
  for (const std::string_view script :
       {kGitGateEntrypoint, kGitGateAccessHook, kGitGatePreReceive}) {
    EXPECT_TRUE(script.starts_with("#!/bin/sh\n"));
    EXPECT_THAT(std::string(script), HasSubstr("\nset -eu\n"));
    EXPECT_THAT(std::string(script), Not(HasSubstr("eval ")));
  }
  EXPECT_THAT(std::string(kGitGateGitleaks),
              HasSubstr("[extend]\nuseDefault = true\n"));
}

TEST(GateGit, GuestConfig) {
  TestBottle bottle;
  bottle.manifest.bottle.git_user = {.name = "A \"B\" \\ C; # d",
                                     .email = "a@b.c"};
  bottle.Repo("app", "ssh://git@github.com/acme/app.git");
  bottle.Repo("p22", "ssh://git@h:22/p");
  bottle.Repo("odd", "ssh://git@h:2222/a\"b\\c;#d");
  EXPECT_EQ(Content(RenderGit(bottle), "gitconfig"),
            "[user]\n"
            "\tname = \"A \\\"B\\\" \\\\ C; # d\"\n"
            "\temail = \"a@b.c\"\n"
            "[url \"git://172.16.192.18:9418/app.git\"]\n"
            "\tinsteadOf = \"ssh://git@github.com/acme/app.git\"\n"
            "\tinsteadOf = \"git@github.com:acme/app.git\"\n"
            "\tinsteadOf = \"git@github.com:/acme/app.git\"\n"
            "[url \"git://172.16.192.18:9418/p22.git\"]\n"
            "\tinsteadOf = \"ssh://git@h:22/p\"\n"
            "\tinsteadOf = \"ssh://git@h/p\"\n"
            "\tinsteadOf = \"git@h:p\"\n"
            "\tinsteadOf = \"git@h:/p\"\n"
            "[url \"git://172.16.192.18:9418/odd.git\"]\n"
            "\tinsteadOf = \"ssh://git@h:2222/a\\\"b\\\\c;#d\"\n");
  bottle.addresses.mode = EndpointMode::kLoopback;
  bottle.manifest.bottle.git_user = {};
  EXPECT_TRUE(Content(RenderGit(bottle), "gitconfig")
                  .starts_with("[url \"git://127.80.0.2:9418/app.git\"]\n"));
}

TEST(GateGit, UrlGrammar) {
  for (const char* url :
       {"ssh://git@h/p", "ssh://a.b+c_d-e@h-1.x:65535/~u/p", "ssh://g@a_b/p",
        "ssh://g@10.0.0.1:22/p%20q", "ssh://g@h//p", "ssh://g@h/\xc3\xa4"}) {
    EXPECT_TRUE(ParseSshUrl(url).has_value()) << url;
  }
  for (const std::string& url :
       std::vector<std::string>{"",
                                "ssh://",
                                "git@h:p",
                                "https://git@h/p",
                                "ssh://h/p",
                                "ssh://@h/p",
                                "ssh://git@/p",
                                "ssh://git@h",
                                "ssh://git@h/",
                                "ssh://-oX@h/p",
                                "ssh://git@-oProxyCommand=x/p",
                                "ssh://git@h:/p",
                                "ssh://git@h:0/p",
                                "ssh://git@h:65536/p",
                                "ssh://git@h:99999999999/p",
                                "ssh://git@h:2a/p",
                                "ssh://git@h:+2/p",
                                "ssh://a:b@h/p",
                                "ssh://a@b@h/p",
                                "ssh://git@[::1]/p",
                                "ssh://git@h /p",
                                "ssh://git@h/p q",
                                "ssh://git@h/p\tq",
                                "ssh://git@h/p\nq",
                                "ssh://git@h/\xc3",
                                "ssh://git@h/p\x7f",
                                "SSH://git@h/p",
                                " ssh://git@h/p",
                                "ssh://g$(id)@h/p",
                                "ssh://g`@h/p",
                                "ssh://git@h$x/p",
                                std::string("ssh://git@h/p\0q", 15),
                                "ssh://git@h\n/p"}) {
    EXPECT_FALSE(ParseSshUrl(url).has_value()) << url;
    TestBottle bottle;
    bottle.Repo("app", url);
    ExpectRefused(bottle, url);
  }
}

TEST(GateGit, HostileValues) {
  const auto refuse = [](std::string_view what, auto change) {
    TestBottle bottle;
    change(bottle, bottle.Repo("app", "ssh://git@h/p"));
    ExpectRefused(bottle, what);
  };
  for (const std::string& name :
       std::vector<std::string>{"", ".", "..", "-x", ".git", "a/b", "../x", "A",
                                "a b", "a\tb", "a\n", "a'", "a$x", "a;b",
                                std::string("a\0", 2), std::string(101, 'a')}) {
    refuse("name " + name,
           [&](TestBottle&, GitRepo& repo) { repo.name = name; });
  }
  for (const std::string& key : std::vector<std::string>{
           "", "ssh-ed25519", "ssh-ed25519 ", " AAAA", "ssh-ed25519  AAAA",
           "ssh-ed25519 AAAA comment", "ssh-ed25519 AAAA\nevil ssh-rsa AAAA",
           "@cert-authority AAAA", "ssh-ed25519\tAAAA", "ssh-ed25519 AA=A",
           "ssh-ed25519 ===", "evil,* AAAA", "ssh-ed25519 AAAA\r"}) {
    refuse("key " + key,
           [&](TestBottle&, GitRepo& repo) { repo.host_key = key; });
  }
  for (const std::string& path :
       std::vector<std::string>{"", "id", "~/id", "/a\nb", "/a\tb", "/\xff",
                                std::string("/a\0", 3)}) {
    refuse("path " + path,
           [&](TestBottle&, GitRepo& repo) { repo.key_path = path; });
  }
  for (const ExtraHost& extra :
       std::vector<ExtraHost>{{"", "1.2.3.4"},
                              {"a b", "1.2.3.4"},
                              {"a:b", "1.2.3.4"},
                              {"h", ""},
                              {"h", "1.2.3"},
                              {"h", "h"},
                              {"h", "1.2.3.4:h"},
                              {"h", "::1%eth0"},
                              {"h", "host-gateway"},
                              {"h\n", "1.2.3.4"},
                              {"h", std::string("1.2.3.4\0", 8)}}) {
    refuse("extra " + extra.host + extra.ip,
           [&](TestBottle&, GitRepo& repo) { repo.extra_hosts = {extra}; });
  }
  for (const std::string& text :
       std::vector<std::string>{"a\nb", "a\n[core]\n\tsshCommand = id", "a\rb",
                                "\x7f", "\xc3", std::string("a\0b", 3)}) {
    refuse("user " + text, [&](TestBottle& bottle, GitRepo&) {
      bottle.manifest.bottle.git_user.name = text;
    });
    refuse("email " + text, [&](TestBottle& bottle, GitRepo&) {
      bottle.manifest.bottle.git_user.email = text;
    });
  }
}

TEST(GateGit, Collisions) {
  TestBottle names;
  names.Repo("a", "ssh://g@h/1");
  names.Repo("a", "ssh://g@h/2");
  ExpectRefused(names, "names");
  TestBottle upstreams;
  upstreams.Repo("a", "ssh://g@h/1");
  upstreams.Repo("b", "ssh://g@H:22/1");
  ExpectRefused(upstreams, "upstreams");
  TestBottle hosts;
  hosts.Repo("a", "ssh://g@h/1").extra_hosts = {{"h", "1.2.3.4"}};
  hosts.Repo("b", "ssh://g@h/2").extra_hosts = {{"H", "1.2.3.5"}};
  ExpectRefused(hosts, "hosts");
  hosts.manifest.bottle.repos[1].extra_hosts = {{"h", "1.2.3.4"},
                                                {"six", "fd00::1"}};
  EXPECT_TRUE(GitGate().Render(hosts.input()).ok());
}

}  // namespace
}  // namespace bottled
