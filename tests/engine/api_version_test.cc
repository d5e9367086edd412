#include "engine/api_version.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bottled {
namespace {

TEST(ApiVersion, ComparesAsNumbers) {
  EXPECT_LT((ApiVersion{1, 9}), (ApiVersion{1, 41}));
  EXPECT_LT((ApiVersion{1, 60}), (ApiVersion{2, 0}));
  EXPECT_EQ((ApiVersion{1, 41}).ToString(), "1.41");
}

TEST(ApiVersion, ParsesOnlyTwoNumbers) {
  EXPECT_EQ(ParseApiVersion("1.41"), (ApiVersion{1, 41}));
  for (const char* bad : {"", "1", "1.", ".41", "1.41 ", " 1.41", "v1.41",
                          "1.41.2", "-1.41", "1.-4", "1.999999999999999999"}) {
    EXPECT_EQ(ParseApiVersion(bad), std::nullopt) << bad;
  }
}

TEST(ApiVersion, ReadsRefusals) {
  const auto old = ParseVersionRefusal(
      "client version 1.24 is too old. Minimum supported API version is 1.40, "
      "please upgrade your client to a newer version");
  ASSERT_TRUE(old.has_value());
  EXPECT_TRUE(old->too_old);
  EXPECT_EQ(old->limit, (ApiVersion{1, 40}));

  const auto young = ParseVersionRefusal(
      "client version 1.99 is too new. Maximum supported API version is 1.41");
  ASSERT_TRUE(young.has_value());
  EXPECT_FALSE(young->too_old);
  EXPECT_EQ(young->limit, (ApiVersion{1, 41}));

  const auto vague = ParseVersionRefusal("client version 1.1 is too old.");
  ASSERT_TRUE(vague.has_value());
  EXPECT_EQ(vague->limit, std::nullopt);
}

TEST(ApiVersion, OtherTextsAreNoRefusals) {
  EXPECT_EQ(ParseVersionRefusal(""), std::nullopt);
  EXPECT_EQ(ParseVersionRefusal("invalid reference format"), std::nullopt);
  EXPECT_EQ(ParseVersionRefusal("the disk is too old"), std::nullopt);
  EXPECT_EQ(ParseVersionRefusal("client version 1.1 is odd"), std::nullopt);
}

}  // namespace
}  // namespace bottled
