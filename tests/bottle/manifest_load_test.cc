#include "bottle/manifest_load.h"

#include <string>
#include <vector>

#include "base/error.h"
#include "bottle/manifest_tree.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bottled {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

using LoadManifestTest = ManifestTree;

TEST_F(LoadManifestTest, LoadsAnAgentWithItsBottle) {
  Agent("impl", "bottle: dev\nskills: [review]\ngit-gate: {user: {name: A}}");
  Bottle("base", "env: {A: base, B: base}\nsupervise: true");
  Bottle("dev", "extends: base\nenv: {A: dev, C: dev}");
  const auto manifest = Load("impl");
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  EXPECT_EQ(manifest->agent.name, "impl");
  EXPECT_EQ(manifest->agent.file, Own("agents/impl"));
  EXPECT_FALSE(manifest->agent.shadowed_by_repo);
  EXPECT_THAT(manifest->agent.skills, ElementsAre("review"));
  EXPECT_EQ(manifest->agent.prompt, "home prompt\n");
  EXPECT_THAT(manifest->bottle.names, ElementsAre("dev"));
  EXPECT_THAT(manifest->bottle.files,
              ElementsAre(Own("bottles/base"), Own("bottles/dev")));
  ASSERT_EQ(manifest->bottle.env.size(), 3u);
  EXPECT_EQ(manifest->bottle.env[0].value, "dev");
  EXPECT_EQ(manifest->bottle.env[1].value, "base");
  EXPECT_EQ(manifest->bottle.git_user.name, "A");
  EXPECT_TRUE(manifest->bottle.supervise);
  EXPECT_EQ(manifest->digest.size(), 64u);
  EXPECT_THAT(manifest->warnings, IsEmpty());
  EXPECT_EQ(Load("impl")->digest, manifest->digest);
}

TEST_F(LoadManifestTest, BottlesMergeInOrderAndTheRequestReplacesTheAgents) {
  Agent("impl", "bottle: [one, two]");
  Bottle("base", "env: {V: base}");
  Bottle("one", "extends: base\nenv: {V: one}");
  Bottle("two", "extends: base");
  Bottle("three", "env: {V: three}");
  EXPECT_EQ(Load("impl")->bottle.env.at(0).value, "base")
      << "the second bottle is complete before it is put on the first";
  EXPECT_THAT(Load("impl")->bottle.files.size(), 3u) << "each once";
  const auto manifest = Load("impl", {"three", "one"});
  EXPECT_EQ(manifest->bottle.env.at(0).value, "one");
  EXPECT_THAT(manifest->bottle.names, ElementsAre("three", "one"));
}

TEST_F(LoadManifestTest, WithoutARepository) {
  Agent("impl", "bottle: dev");
  Bottle("dev", "");
  EXPECT_TRUE(LoadManifest({"impl", {}, home().string(), ""}, memo_).ok());
  EXPECT_TRUE(
      LoadManifest({"impl", {}, home().string(), (cwd() / "gone").string()},
                   memo_)
          .ok());
}

TEST_F(LoadManifestTest, NoBottleIsNotAnEmptyOne) {
  Agent("impl", "skills: []");
  EXPECT_EQ(Reason("impl"), "MANIFEST_NO_BOTTLE");
  Bottle("dev", "");
  EXPECT_EQ(Reason("impl", {"dev"}), "OK");
}

TEST_F(LoadManifestTest, NamesAreCheckedBeforeAnyPath) {
  Agent("impl", "bottle: dev");
  for (const std::string& name :
       {std::string(""), std::string(".."), std::string("../impl"),
        std::string("a/b"), std::string("Impl"), std::string("-x"),
        std::string("a.b"), std::string("a b"), std::string("a_b"),
        std::string("impl\0", 5), std::string("\xc3\xa4"),
        std::string(64, 'a')}) {
    EXPECT_EQ(Reason(name), "MANIFEST_BAD_NAME") << name;
    EXPECT_EQ(Reason("impl", {name}), "MANIFEST_BAD_NAME") << name;
  }
  EXPECT_EQ(Reason(std::string(63, 'a')), "MANIFEST_AGENT_NOT_FOUND");
}

TEST_F(LoadManifestTest, DirectoriesMustBeAbsolute) {
  const auto reason = [&](const std::string& home, const std::string& cwd) {
    return GetErrorDetail(LoadManifest({"a", {}, home, cwd}, memo_).status())
        .reason;
  };
  EXPECT_EQ(reason("", ""), "MANIFEST_BAD_DIRECTORY");
  EXPECT_EQ(reason("home", ""), "MANIFEST_BAD_DIRECTORY");
  EXPECT_EQ(reason("/h", "x"), "MANIFEST_BAD_DIRECTORY");
  EXPECT_EQ(reason(std::string("/h\0x", 4), ""), "MANIFEST_BAD_DIRECTORY");
  EXPECT_FALSE(ListAgents("x", "").ok());
}

TEST_F(LoadManifestTest, UnknownNamesGetASuggestionAndThePlaces) {
  Agent("implementer", "bottle: devv");
  Bottle("dev", "extends: bse");
  Bottle("base", "");
  EXPECT_EQ(Reason("implementor"), "MANIFEST_AGENT_NOT_FOUND");
  EXPECT_THAT(Message("implementor"),
              AllOf(HasSubstr("did you mean \"implementer\"?"),
                    HasSubstr((home() / ".bot-bottle/agents").native()),
                    HasSubstr((cwd() / ".bot-bottle/agents").native())));
  EXPECT_THAT(GetErrorDetail(Load("zzz").status()).remedy,
              HasSubstr("implementer"));
  EXPECT_EQ(Reason("implementer"), "MANIFEST_BOTTLE_NOT_FOUND");
  EXPECT_THAT(Message("implementer"),
              AllOf(StartsWith(Own("agents/implementer").native() + ":2:9: "),
                    HasSubstr("did you mean \"dev\"?")));
  EXPECT_EQ(Reason("implementer", {"dev"}), "MANIFEST_EXTENDS_MISSING");
  EXPECT_THAT(
      std::string(Load("implementer", {"dev"}).status().message()),
      AllOf(HasSubstr("dev.md:2:10: "), HasSubstr("did you mean \"base\"?")));
}

TEST_F(LoadManifestTest, ExtendsMustEnd) {
  Agent("impl", "bottle: a");
  Bottle("a", "extends: a");
  EXPECT_EQ(Reason("impl"), "MANIFEST_EXTENDS_CYCLE");
  Bottle("a", "extends: b");
  Bottle("b", "extends: c");
  Bottle("c", "extends: b");
  EXPECT_EQ(Reason("impl"), "MANIFEST_EXTENDS_CYCLE");
  EXPECT_THAT(Message("impl"), HasSubstr("a -> b -> c -> b"));
  for (size_t i = 0; i < kMaxExtends; ++i) {
    Bottle("n" + std::to_string(i), "extends: n" + std::to_string(i + 1));
  }
  Bottle("n" + std::to_string(kMaxExtends), "");
  EXPECT_EQ(Reason("impl", {"n0"}), "MANIFEST_EXTENDS_TOO_DEEP");
  EXPECT_EQ(Reason("impl", {"n1"}), "OK");
}

TEST_F(LoadManifestTest, TheNumberOfBottlesIsBounded) {
  Bottle("a", "");
  Agent("impl", "bottle: a");
  EXPECT_EQ(Reason("impl", std::vector<std::string>(kMaxBottles, "a")), "OK");
  EXPECT_EQ(Reason("impl", std::vector<std::string>(kMaxBottles + 1, "a")),
            "MANIFEST_TOO_MANY_BOTTLES");
}

TEST_F(LoadManifestTest, WarningsOfFilesAreCollectedOnce) {
  Agent("impl", "bottle: [a, b]");
  Bottle("base", "env: {T: ghp_0123456789abcdef}");
  Bottle("a", "extends: base");
  Bottle("b", "extends: base\ngit: []");
  EXPECT_THAT(Reasons(*Load("impl")),
              ElementsAre("SECRET_LIKE_ENV", "LEGACY_GIT"));
}

TEST_F(LoadManifestTest, TheDigestIsThePolicysAlone) {
  Agent("impl", "bottle: dev");
  Bottle("dev", "env: {A: b}");
  const std::string digest = Load("impl")->digest;
  Bottle("dev", "# why\nextends: base\nenv:\n  A:   'b'");
  Bottle("base", "supervise: false");
  EXPECT_EQ(Load("impl")->digest, digest);
  Bottle("base", "supervise: true");
  EXPECT_NE(Load("impl")->digest, digest);
}

}  // namespace
}  // namespace bottled
