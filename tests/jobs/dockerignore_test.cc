#include "jobs/dockerignore.h"

#include <filesystem>
#include <fstream>
#include <string>

#include "gtest/gtest.h"
#include "jobs/build_fingerprint.h"
#include "platform/temp_dir.h"

namespace bottled {
namespace {

bool Left(const std::string& rules, const std::string& path) {
  return DockerIgnore(rules).Ignores(path);
}

TEST(DockerIgnore, LeavesOutFilesAndWhatIsBelowDirectories) {
  EXPECT_TRUE(Left("build", "build"));
  EXPECT_TRUE(Left("build", "build/a/b"));
  EXPECT_TRUE(Left("/build/", "build/a"));
  EXPECT_TRUE(Left("./a/../build", "build"));
  EXPECT_FALSE(Left("build", "builder"));
  EXPECT_FALSE(Left("build", "src/build"));
  EXPECT_TRUE(Left("src/*.o", "src/a.o"));
  EXPECT_FALSE(Left("src/*.o", "src/deep/a.o"));
  EXPECT_FALSE(Left("*.o", "src/a.o"));
  EXPECT_TRUE(Left("a?c", "abc"));
  EXPECT_FALSE(Left("a?c", "ac"));
  EXPECT_TRUE(Left("*", "anything/at/all"));
  EXPECT_TRUE(Left("a*b*c", "a-b-b-c"));
  EXPECT_FALSE(Left("a*b*c", "a-b-b-d"));
}

TEST(DockerIgnore, TwoStarsAreAnyDirectories) {
  EXPECT_TRUE(Left("**/node_modules", "node_modules"));
  EXPECT_TRUE(Left("**/node_modules", "a/b/node_modules/c"));
  EXPECT_TRUE(Left("a/**/z", "a/z"));
  EXPECT_TRUE(Left("a/**/z", "a/b/c/z"));
  EXPECT_FALSE(Left("a/**/z", "b/z"));
  EXPECT_TRUE(Left("a/**", "a/b"));
  EXPECT_FALSE(Left("a/**", "a"));
  EXPECT_TRUE(Left("**", "a"));
}

TEST(DockerIgnore, CommentsAndEmptyLinesSayNothing) {
  const DockerIgnore ignore("\xEF\xBB\xBF# comment\n\n  \nlogs  \r\n");
  EXPECT_TRUE(ignore.Ignores("logs/today"));
  EXPECT_FALSE(ignore.Ignores("# comment"));
  EXPECT_FALSE(DockerIgnore().Ignores("logs"));
}

TEST(DockerIgnore, WhatIsNotCertainIsPartOfTheContext) {
  EXPECT_FALSE(Left("build\n!build/keep\n", "build/other"));
  EXPECT_FALSE(Left("[ab]", "a"));
  EXPECT_FALSE(Left("a\\b", "a\\b"));
  EXPECT_FALSE(Left("..", "a"));
  EXPECT_FALSE(Left(".", "a"));
  EXPECT_FALSE(Left("a**", "a/b"));
  // A "?" is a character, and this one has two bytes.
  EXPECT_FALSE(Left("a??", "a\xC3\xA4"));
  std::string many;
  for (int i = 0; i < 2000; ++i) {
    many += "x" + std::to_string(i) + "\n";
  }
  EXPECT_FALSE(Left(many, "x1"));
}

class ContextWithIgnore : public ::testing::Test {
 protected:
  ContextWithIgnore() {
    spec_.context = temp_.path().native();
    Write("Dockerfile", "FROM scratch\n");
    Write("out/file", "1");
  }
  void Write(const std::string& name, const std::string& content) {
    std::filesystem::create_directories((temp_.path() / name).parent_path());
    std::ofstream(temp_.path() / name) << content;
  }
  std::string Get() {
    return BuildFingerprint(spec_, "salt", CancelToken()).value();
  }

  TempDir temp_;
  BuildSpec spec_;
};

TEST_F(ContextWithIgnore, FilesThatAreLeftOutDoNotCount) {
  const std::string before = Get();
  Write(".dockerignore", "out\n");
  const std::string first = Get();
  EXPECT_NE(first, before);
  Write("out/file", "22");
  Write("out/more", "");
  EXPECT_EQ(Get(), first);
  Write(".dockerignore", "other\n");
  EXPECT_NE(Get(), first);
}

TEST_F(ContextWithIgnore, AFileForThisDockerfileAloneMakesAllCount) {
  Write(".dockerignore", "out\n");
  Write("Dockerfile.dockerignore", "");
  const std::string first = Get();
  Write("out/file", "22");
  EXPECT_NE(Get(), first);
}

}  // namespace
}  // namespace bottled
