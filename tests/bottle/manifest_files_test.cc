#include "bottle/manifest_files.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "base/error.h"
#include "bottle/manifest_load.h"
#include "bottle/manifest_tree.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bottled {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using ManifestFilesTest = ManifestTree;

TEST_F(ManifestFilesTest, TheRepositorysAgentWinsAndThePlanSaysSo) {
  Bottle("dev", "");
  Agent("impl", "bottle: dev");
  Write(Foreign("impl"), "---\nbottle: dev\n---\nrepo prompt");
  Write(Foreign("own"), "---\nbottle: dev\n---\n");
  const auto manifest = Load("impl");
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  EXPECT_EQ(manifest->agent.prompt, "repo prompt");
  EXPECT_EQ(manifest->agent.file, Foreign("impl"));
  EXPECT_TRUE(manifest->agent.shadowed_by_repo);
  EXPECT_THAT(Reasons(*manifest), ElementsAre("SHADOWED_BY_REPO"));
  const auto own = Load("own");
  ASSERT_TRUE(own.ok());
  EXPECT_FALSE(own->agent.shadowed_by_repo);
  EXPECT_THAT(own->warnings, IsEmpty());
}

TEST_F(ManifestFilesTest, ARepositoryMustNotBringBottles) {
  Bottle("dev", "");
  Agent("impl", "bottle: dev");
  const fs::path bottles = cwd() / ".bot-bottle/bottles";
  fs::create_directories(bottles);
  EXPECT_EQ(Reason("impl"), "MANIFEST_REPO_BOTTLES");
  fs::remove(bottles);
  fs::create_symlink("/nowhere", bottles);
  EXPECT_EQ(Reason("impl"), "MANIFEST_REPO_BOTTLES");
}

TEST_F(ManifestFilesTest, TheHomeIsNoRepository) {
  Bottle("dev", "");
  Agent("impl", "bottle: dev");
  const fs::path link = cwd() / "link";
  fs::create_symlink(home(), link);
  for (const fs::path& same : {home(), home() / "", home() / ".", link}) {
    const auto manifest =
        LoadManifest({"impl", {}, home().string(), same.string()}, memo_);
    ASSERT_TRUE(manifest.ok()) << same << manifest.status();
    EXPECT_FALSE(manifest->agent.shadowed_by_repo);
  }
  // A repository of dot files that the home's directory is a link into.
  fs::rename(home() / ".bot-bottle", cwd() / ".bot-bottle");
  fs::create_symlink(cwd() / ".bot-bottle", home() / ".bot-bottle");
  EXPECT_EQ(Reason("impl"), "OK");
}

TEST_F(ManifestFilesTest, BottlesOfTheRepositoryAreNeverRead) {
  Write(Foreign("impl"), "---\nbottle: evil\n---\n");
  Write(Foreign("evil"), "---\nbottle: evil\n---\n");
  EXPECT_EQ(Reason("impl"), "MANIFEST_BOTTLE_NOT_FOUND");
}

TEST_F(ManifestFilesTest, LinksMustNotLeaveTheRepository) {
  Bottle("dev", "");
  const fs::path outside = home() / "secret.md";
  Write(outside, "---\nbottle: dev\n---\ntop secret");
  fs::create_directories(Foreign("x").parent_path());
  fs::create_symlink(outside, Foreign("absolute"));
  fs::create_symlink("../../../home/secret.md", Foreign("relative"));
  fs::create_symlink("/dev/zero", Foreign("zero"));
  for (const std::string name : {"absolute", "relative", "zero"}) {
    EXPECT_EQ(Reason(name), "MANIFEST_OUTSIDE_REPO") << name;
  }
  fs::create_symlink("nowhere", Foreign("dangling"));
  EXPECT_EQ(Reason("dangling"), "NOT_FOUND");
  fs::create_symlink("loop.md", Foreign("loop"));
  EXPECT_NE(Reason("loop"), "OK");
  Write(cwd() / "doc/agent.md", "---\nbottle: dev\n---\n");
  fs::create_symlink("../../doc/agent.md", Foreign("inside"));
  EXPECT_EQ(Reason("inside"), "OK");
}

TEST_F(ManifestFilesTest, ADirectoryLinkMustNotLeaveTheRepositoryEither) {
  Bottle("dev", "");
  // The name of a sibling begins with the repository's.
  const fs::path sibling = cwd().string() + "-evil";
  Write(sibling / "agents/impl.md", "---\nbottle: dev\n---\n");
  fs::create_symlink(sibling, cwd() / ".bot-bottle");
  EXPECT_EQ(Reason("impl"), "MANIFEST_OUTSIDE_REPO");
}

TEST_F(ManifestFilesTest, ForeignFilesMustBeRegular) {
  fs::create_directories(Foreign("dir"));
  EXPECT_EQ(Reason("dir"), "NOT_A_REGULAR_FILE");
  ASSERT_EQ(::mkfifo(Foreign("fifo").c_str(), 0600), 0);
  EXPECT_EQ(Reason("fifo"), "NOT_A_REGULAR_FILE");
}

TEST_F(ManifestFilesTest, HomeFilesThatOthersMayWriteAreRefused) {
  Bottle("dev", "");
  Agent("impl", "bottle: dev");
  for (const fs::path& path :
       {Own("agents/impl"), Own("bottles/dev"), home() / ".bot-bottle",
        home() / ".bot-bottle/agents", home() / ".bot-bottle/bottles"}) {
    struct stat before = {};
    ASSERT_EQ(::stat(path.c_str(), &before), 0);
    for (const mode_t bit : {S_IWGRP, S_IWOTH}) {
      ASSERT_EQ(::chmod(path.c_str(), (before.st_mode & 07777) | bit), 0);
      EXPECT_EQ(Reason("impl"), "MANIFEST_UNSAFE_FILE") << path;
      EXPECT_THAT(GetErrorDetail(Load("impl").status()).remedy,
                  HasSubstr("chmod go-w " + path.native()));
    }
    ASSERT_EQ(::chmod(path.c_str(), before.st_mode & 07777), 0);
  }
  EXPECT_EQ(Reason("impl"), "OK");
}

TEST_F(ManifestFilesTest, HomeFilesOfOthersAreRefused) {
  if (::geteuid() != 0) {
    GTEST_SKIP() << "only root may give files away";
  }
  Bottle("dev", "");
  Agent("impl", "bottle: dev");
  for (const fs::path& path : {Own("agents/impl"), Own("bottles/dev"),
                               home() / ".bot-bottle/bottles"}) {
    ASSERT_EQ(::chown(path.c_str(), 65534, 65534), 0);
    EXPECT_EQ(Reason("impl"), "MANIFEST_UNSAFE_FILE") << path;
    ASSERT_EQ(::chown(path.c_str(), 0, 0), 0);
  }
  // A repository's may be anybody's.
  Write(Foreign("impl"), "---\nbottle: dev\n---\n");
  ASSERT_EQ(::chown(Foreign("impl").c_str(), 65534, 65534), 0);
  ASSERT_EQ(::chmod(Foreign("impl").c_str(), 0666), 0);
  EXPECT_EQ(Reason("impl"), "OK");
}

TEST_F(ManifestFilesTest, HomeFilesThatAreLinksAreJudgedByTheirTarget) {
  Agent("impl", "bottle: dev");
  Write(home() / "dotfiles/dev.md", "---\nenv: {A: b}\n---\n");
  fs::create_symlink(home() / "dotfiles/dev.md", Own("bottles/dev"));
  EXPECT_EQ(Reason("impl"), "OK");
  ASSERT_EQ(::chmod((home() / "dotfiles/dev.md").c_str(), 0666), 0);
  EXPECT_EQ(Reason("impl"), "MANIFEST_UNSAFE_FILE");
}

TEST_F(ManifestFilesTest, HomeFilesMustBeRegular) {
  Agent("impl", "bottle: dev");
  fs::create_directory(Own("bottles/dev"));
  EXPECT_EQ(Reason("impl"), "NOT_A_REGULAR_FILE");
  fs::remove(Own("bottles/dev"));
  ASSERT_EQ(::mkfifo(Own("bottles/dev").c_str(), 0600), 0);
  EXPECT_EQ(Reason("impl"), "NOT_A_REGULAR_FILE");
}

TEST_F(ManifestFilesTest, HugeFilesAreNotReadToTheirEnd) {
  Agent("impl", "bottle: dev");
  Bottle("dev", "");
  fs::resize_file(Own("bottles/dev"), uintmax_t{1} << 40);
  EXPECT_EQ(Reason("impl"), "MANIFEST_LINE_TOO_LONG");
  std::string lines = "---\n---\n";
  while (lines.size() <= 1 << 20) {
    lines += "x\n";
  }
  Write(Own("bottles/dev"), lines);
  EXPECT_EQ(Reason("impl"), "MANIFEST_TOO_LARGE");
}

TEST_F(ManifestFilesTest, TheLegacyDirectoryIsReadWithOneWarning) {
  const fs::path legacy = home() / ".claude-bottle";
  Write(legacy / "agents/old.md", "---\nbottle: [old, dev]\n---\n");
  Write(legacy / "bottles/old.md", "---\n---\n");
  Write(legacy / "bottles/dev.md", "---\nenv: {A: legacy}\n---\n");
  Bottle("dev", "env: {A: new}");
  const auto manifest = Load("old");
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  EXPECT_THAT(Reasons(*manifest), ElementsAre("LEGACY_DIRECTORY"));
  EXPECT_EQ(manifest->bottle.env.at(0).value, "new");
  Agent("new", "bottle: dev");
  EXPECT_THAT(Load("new")->warnings, IsEmpty());
  // It is also what a repository's agent hides.
  Write(Foreign("old"), "---\nbottle: dev\n---\n");
  EXPECT_TRUE(Load("old")->agent.shadowed_by_repo);
}

TEST_F(ManifestFilesTest, ListsAgents) {
  EXPECT_THAT(*ListAgents(home().string(), cwd().string()), IsEmpty());
  EXPECT_THAT(*ListAgents("/nowhere", ""), IsEmpty());
  Agent("b", "");
  Agent("a", "");
  Write(home() / ".bot-bottle/agents/README", "");
  Write(home() / ".bot-bottle/agents/Bad.md", "");
  Write(home() / ".claude-bottle/agents/old.md", "");
  Write(Foreign("a"), "");
  Write(Foreign("repo"), "");
  EXPECT_THAT(*ListAgents(home().string(), cwd().string()),
              ElementsAre("a", "b", "old", "repo"));
  EXPECT_THAT(*ListAgents(home().string(), ""), ElementsAre("a", "b", "old"));
}

}  // namespace
}  // namespace bottled
