#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "platform/temp_dir.h"
#include "store/index.h"
#include "store/store_env.h"

namespace bottled::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

EngineObject Tag(const std::string& tag, int64_t created_ms) {
  return {.host = "tcp://engine:2376",
          .tls_dir = "/tls",
          .skip_tls_verify = true,
          .name = tag,
          .created_ms = created_ms};
}

TEST(IndexEngines, RemembersObjectsUntilTheyAreForgotten) {
  const TempDir dir;
  StoreEnv env(dir.path());
  ASSERT_TRUE(env.Start().ok());
  EXPECT_THAT(*env.index().ListEngineObjects(), IsEmpty());
  ASSERT_TRUE(env.index().NoteEngineObject(Tag("b:1", 20)).ok());
  ASSERT_TRUE(env.index().NoteEngineObject(Tag("a:1", 30)).ok());
  // Again: what was said first counts.
  ASSERT_TRUE(env.index().NoteEngineObject(Tag("b:1", 40)).ok());
  EngineObject elsewhere = Tag("b:1", 10);
  elsewhere.host = "unix:///other";
  ASSERT_TRUE(env.index().NoteEngineObject(elsewhere).ok());
  // A container may well be called as a tag is.
  EngineObject container = Tag("b:1", 50);
  container.kind = EngineObjectKind::kContainer;
  ASSERT_TRUE(env.index().NoteEngineObject(container).ok());
  env.Restart();
  EXPECT_THAT(
      *env.index().ListEngineObjects(),
      ElementsAre(elsewhere, Tag("b:1", 20), Tag("a:1", 30), container));
  ASSERT_TRUE(env.index().ForgetEngineObject(Tag("b:1", 0)).ok());
  ASSERT_TRUE(env.index().ForgetEngineObject(Tag("unknown:1", 0)).ok());
  EXPECT_THAT(*env.index().ListEngineObjects(),
              ElementsAre(elsewhere, Tag("a:1", 30), container));
}

}  // namespace
}  // namespace bottled::testing
