#include <memory>

#include "gtest/gtest.h"
#include "platform/temp_dir.h"
#include "store/index.h"
#include "store/store_env.h"

namespace bottled {
namespace {

Digest Image(char c) { return Digest::FromHex(std::string(64, c)); }

class IndexBuilds : public ::testing::Test {
 protected:
  IndexBuilds() { EXPECT_TRUE(env_.Start().ok()); }

  std::optional<Digest> Find(const std::string& engine,
                             const std::string& fingerprint) {
    return env_.index().FindBuild(engine, fingerprint).value();
  }
  const TempDir temp_;
  testing::StoreEnv env_{temp_.path()};
};

TEST_F(IndexBuilds, ImagesBelongToOneEngine) {
  Index& index = env_.index();
  ASSERT_TRUE(index.RecordBuild("unix:///a", "f", Image('1'), 1).ok());
  ASSERT_TRUE(index.RecordBuild("unix:///b", "f", Image('2'), 1).ok());
  EXPECT_EQ(Find("unix:///a", "f"), Image('1'));
  EXPECT_EQ(Find("unix:///b", "f"), Image('2'));
  EXPECT_EQ(Find("unix:///a", "g"), std::nullopt);
}

TEST_F(IndexBuilds, ALaterBuildReplacesTheEarlier) {
  Index& index = env_.index();
  ASSERT_TRUE(index.RecordBuild("e", "f", Image('1'), 1).ok());
  ASSERT_TRUE(index.RecordBuild("e", "f", Image('2'), 2).ok());
  EXPECT_EQ(Find("e", "f"), Image('2'));
}

TEST_F(IndexBuilds, TheOldestAreForgotten) {
  Index& index = env_.index();
  for (int i = 0; i < 1002; ++i) {
    ASSERT_TRUE(index.RecordBuild("e", std::to_string(i), Image('1'), i).ok());
  }
  EXPECT_EQ(Find("e", "0"), std::nullopt);
  EXPECT_EQ(Find("e", "1"), std::nullopt);
  EXPECT_NE(Find("e", "2"), std::nullopt);
  EXPECT_NE(Find("e", "1001"), std::nullopt);
}

}  // namespace
}  // namespace bottled
