#include <string>
#include <vector>

#include "client/options.h"
#include "client/parse_options.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bottled::client {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(LeaseOptionsTest, TakesAProgramBehindTheDashes) {
  const Options options =
      Good({"cache", "hold", "abc123", "--holder", "me", "--", "smolvm",
            "machine", "create", "--from", "{}", "--json"});
  EXPECT_EQ(options.command, Command::kCacheHold);
  EXPECT_THAT(options.digests, ElementsAre("abc123"));
  EXPECT_EQ(options.holder, "me");
  // Nothing behind them is ours.
  EXPECT_THAT(options.words, ElementsAre("smolvm", "machine", "create",
                                         "--from", "{}", "--json"));
  EXPECT_FALSE(options.json);
}

TEST(LeaseOptionsTest, AProgramMayBeCalledLikeACommand) {
  EXPECT_THAT(
      Good({"cache", "hold", "abc123", "--", "help", "cache", "ls"}).words,
      ElementsAre("help", "cache", "ls"));
}

TEST(LeaseOptionsTest, ReadsTimes) {
  const auto seconds = [](const char* text) {
    return Good({"cache", "hold", "abc123", "--for", text}).hold_seconds;
  };
  EXPECT_EQ(seconds("5"), 5);
  EXPECT_EQ(seconds("90s"), 90);
  EXPECT_EQ(seconds("30m"), 1800);
  EXPECT_EQ(seconds("24h"), 86'400);
  for (const char* text : {"25h", "0", "-1s", "1d", "", "1.5h"}) {
    EXPECT_FALSE(Parse({"cache", "hold", "abc123", "--for", text}).ok())
        << text;
  }
}

TEST(LeaseOptionsTest, OneOfTheKinds) {
  EXPECT_EQ(Good({"cache", "hold", "abc123", "--pid", "7"}).hold_pid, 7);
  EXPECT_THAT(Good({"cache", "hold", "abc123"}).words, IsEmpty());
  for (const std::vector<const char*>& words :
       std::vector<std::vector<const char*>>{
           {"cache", "hold"},
           {"cache", "hold", "abc123", "--pid", "0"},
           {"cache", "hold", "abc123", "--pid", "7", "--for", "1h"},
           {"cache", "hold", "abc123", "--pid", "7", "--", "true"},
           {"cache", "hold", "abc123", "--for", "1h", "--", "true"},
           {"cache", "release"}}) {
    EXPECT_FALSE(Parse(words).ok()) << words.size();
  }
}

TEST(LeaseOptionsTest, ReadsTheOthers) {
  EXPECT_EQ(Good({"cache", "leases"}).command, Command::kCacheLeases);
  const Options options = Good({"cache", "release", "a", "b"});
  EXPECT_EQ(options.command, Command::kCacheRelease);
  EXPECT_THAT(options.lease_ids, ElementsAre("a", "b"));
}

}  // namespace
}  // namespace bottled::client
