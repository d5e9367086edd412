#include "bottle/suggest.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace bottled {
namespace {

TEST(EditDistance, CountsEachKindOfChange) {
  struct Case {
    const char* a;
    const char* b;
    size_t distance;
  };
  for (const Case& c : std::vector<Case>{{"", "", 0},
                                         {"", "abc", 3},
                                         {"abc", "", 3},
                                         {"abc", "abc", 0},
                                         {"abc", "abd", 1},
                                         {"abc", "ac", 1},
                                         {"ac", "abc", 1},
                                         {"abc", "acb", 1},
                                         {"abcd", "badc", 2},
                                         {"kitten", "sitting", 3}}) {
    EXPECT_EQ(EditDistance(c.a, c.b), c.distance) << c.a << " " << c.b;
    EXPECT_EQ(EditDistance(c.b, c.a), c.distance) << c.b << " " << c.a;
  }
}

TEST(Suggest, FindsWhatWasMeantAndNothingElse) {
  const std::vector<std::string> keys = {"extends",  "env",    "agent_provider",
                                         "git-gate", "egress", "supervise"};
  EXPECT_EQ(Suggest("extend", keys), "extends");
  EXPECT_EQ(Suggest("git_gate", keys), "git-gate");
  EXPECT_EQ(Suggest("egresss", keys), "egress");
  EXPECT_EQ(Suggest("superivse", keys), "supervise");
  EXPECT_EQ(Suggest("envs", keys), "env");
  EXPECT_EQ(Suggest("volumes", keys), "");
  EXPECT_EQ(Suggest("", keys), "");
  EXPECT_EQ(Suggest("x", keys), "");
  EXPECT_EQ(Suggest("abc", keys), "") << "all of it would change";
  EXPECT_EQ(Suggest(std::string(100000, 'e'), keys), "");
  EXPECT_EQ(Suggest("env", std::vector<std::string>()), "");
}

TEST(Suggest, TakesTheNearestThenTheFirst) {
  EXPECT_EQ(Suggest("routse", std::vector<std::string>{"roots", "routes"}),
            "routes");
  EXPECT_EQ(Suggest("bat", std::vector<std::string>{"cat", "hat"}), "cat");
}

}  // namespace
}  // namespace bottled
