#include "bottle/identity.h"

#include <map>
#include <set>
#include <string>

#include "gtest/gtest.h"

namespace bottled {
namespace {

TEST(Slugify, MakesOneWord) {
  const struct {
    std::string text;
    std::string slug;
  } cases[] = {{"researcher", "researcher"},
               {"My Agent", "my-agent"},
               {"--a--b--", "a-b"},
               {"a_b.c/d", "a-b-c-d"},
               {"../../etc/passwd", "etc-passwd"},
               {"", "agent"},
               {"---", "agent"},
               {"日本", "agent"},
               {"café 2", "caf-2"},
               {std::string("a\0b", 3), "a-b"},
               {"a\x1b[31m\nb", "a-31m-b"},
               {"$(rm -rf ~)", "rm-rf"}};
  for (const auto& one : cases) {
    EXPECT_EQ(Slugify(one.text), one.slug) << one.text;
    EXPECT_TRUE(IsSlug(Slugify(one.text))) << one.text;
  }
}

TEST(Slugify, IsBounded) {
  EXPECT_EQ(Slugify(std::string(1'000'000, 'a')),
            std::string(kMaxSlugBytes, 'a'));
  // The cut falls on a hyphen.
  const std::string text = std::string(kMaxSlugBytes - 1, 'a') + "-bcd";
  EXPECT_EQ(Slugify(text), std::string(kMaxSlugBytes - 1, 'a'));
}

TEST(Slugify, ChangesNoSlug) {
  for (const char* slug : {"a", "0", "a-b", "agent-12345", "x1-y2-z3"}) {
    EXPECT_EQ(Slugify(slug), slug);
  }
}

TEST(MakeSlug, AddsFiveRandomCharacters) {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const std::string slug = MakeSlug("My Agent");
    ASSERT_TRUE(IsSlug(slug)) << slug;
    ASSERT_EQ(slug.size(), std::string("my-agent-").size() + 5) << slug;
    ASSERT_EQ(slug.substr(0, 9), "my-agent-");
    seen.insert(slug);
  }
  // 36^5 is 60 million: a second pair in 1000 would be a miracle.
  EXPECT_GE(seen.size(), 999U);
}

TEST(MakeSlug, FitsForEveryName) {
  for (size_t length = 50; length < 80; ++length) {
    const std::string slug = MakeSlug(std::string(length, 'a') + "-b");
    EXPECT_TRUE(IsSlug(slug)) << slug;
    EXPECT_LE(slug.size(), kMaxSlugBytes);
  }
  // A hyphen where the name is cut does not become a double one.
  const std::string slug = MakeSlug(std::string(56, 'a') + "-bbbbbbbb");
  EXPECT_TRUE(IsSlug(slug)) << slug;
  EXPECT_TRUE(IsSlug(MakeSlug("")));
}

TEST(MakeSlug, PrefersNoCharacter) {
  std::map<char, int> counts;
  constexpr int kSlugs = 20'000;
  for (int i = 0; i < kSlugs; ++i) {
    for (const char c : MakeSlug("a").substr(2)) {
      ++counts[c];
    }
  }
  EXPECT_EQ(counts.size(), 36U);
  constexpr double kExpected = kSlugs * 5.0 / 36;
  double chi_squared = 0;
  for (const auto& [c, count] : counts) {
    chi_squared += (count - kExpected) * (count - kExpected) / kExpected;
  }
  // 35 degrees of freedom: more than 95 happens once in millions of runs. Bytes
  // taken modulo 36 without care would give about 230.
  EXPECT_LT(chi_squared, 95);
}

TEST(IsSlug, Table) {
  for (const char* good : {"a", "0", "a-b", "a-b-c", "agent-m3hxd", "0-0"}) {
    EXPECT_TRUE(IsSlug(good)) << good;
  }
  EXPECT_TRUE(IsSlug(std::string(kMaxSlugBytes, 'a')));
  for (const std::string& bad :
       {std::string(), std::string("-"), std::string("-a"), std::string("a-"),
        std::string("a--b"), std::string("A"), std::string("a_b"),
        std::string("a.b"), std::string("a/b"), std::string(".."),
        std::string("a\n"), std::string("a\0b", 3), std::string("é"),
        std::string(kMaxSlugBytes + 1, 'a')}) {
    EXPECT_FALSE(IsSlug(bad)) << bad;
  }
}

TEST(Identity, NamesFollowFromTheSlug) {
  const Identity identity("researcher-m3hxd");
  EXPECT_EQ(identity.slug, "researcher-m3hxd");
  EXPECT_EQ(identity.machine, "claude-bottle-researcher-m3hxd");
  EXPECT_EQ(identity.network, "claude-bottle-bundle-researcher-m3hxd");
  EXPECT_EQ(identity.container, "claude-bottle-sidecars-researcher-m3hxd");
  EXPECT_EQ(identity.compose_project, "claude-bottle-researcher-m3hxd");
}

}  // namespace
}  // namespace bottled
