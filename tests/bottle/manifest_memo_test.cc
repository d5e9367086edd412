#include "bottle/manifest_memo.h"

#include "base/error.h"
#include "gtest/gtest.h"

namespace bottled {
namespace {

ManifestText Text(const std::string& yaml,
                  const std::string& path = "/h/x.md") {
  return {.path = path, .content = "---\n" + yaml + "\n---\n", .legacy = false};
}

TEST(ManifestMemo, ParsesOnceWhatStaysTheSame) {
  ManifestMemo memo;
  const auto first = memo.Bottle(Text("env: {A: b}"), "/h");
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(memo.Bottle(Text("env: {A: b}"), "/h")->get(), first->get());
  const auto agent = memo.Agent(Text("bottle: dev"));
  ASSERT_TRUE(agent.ok()) << agent.status();
  EXPECT_EQ(memo.Agent(Text("bottle: dev"))->get(), agent->get());
}

TEST(ManifestMemo, SeesAChangeThatKeepsTheSize) {
  ManifestMemo memo;
  EXPECT_EQ((*memo.Bottle(Text("env: {A: b}"), "/h"))->env[0].value, "b");
  EXPECT_EQ((*memo.Bottle(Text("env: {A: c}"), "/h"))->env[0].value, "c");
  EXPECT_EQ((*memo.Bottle(Text("env: {A: b}"), "/h"))->env[0].value, "b");
}

TEST(ManifestMemo, FilesAndHomesAreNotMixedUp) {
  ManifestMemo memo;
  const ManifestText text =
      Text("git-gate: {repos: {a: {key: {provider: static, path: ~/k}}}}");
  EXPECT_EQ((*memo.Bottle(text, "/h"))->repos[0].key_path, "/h/k");
  EXPECT_EQ((*memo.Bottle(text, "/other"))->repos[0].key_path, "/other/k");
  ManifestText elsewhere = text;
  elsewhere.path = "/h/y.md";
  EXPECT_EQ((*memo.Bottle(elsewhere, "/h"))->file, "/h/y.md");
}

TEST(ManifestMemo, AnErrorIsFoundEachTime) {
  ManifestMemo memo;
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(HasReason(memo.Bottle(Text("nonsense: 1"), "/h").status(),
                          "MANIFEST_UNKNOWN_KEY"));
  }
  EXPECT_TRUE(memo.Bottle(Text("env: {A: b}"), "/h").ok());
}

TEST(ManifestMemo, ManyFilesAndLargeOnesAreParsedAllTheSame) {
  ManifestMemo memo;
  for (int i = 0; i < 1000; ++i) {
    const std::string path = "/h/" + std::to_string(i) + ".md";
    EXPECT_EQ((*memo.Bottle(Text("env: {A: b}", path), "/h"))->file, path);
  }
  const std::string value(size_t{20} << 10, 'v');
  EXPECT_EQ((*memo.Bottle(Text("env: {A: " + value + "}"), "/h"))->env[0].value,
            value);
}

}  // namespace
}  // namespace bottled
