#include "app/pool_options.h"

#include "base/error.h"
#include "gtest/gtest.h"

namespace bottled {
namespace {

TEST(PoolOptionsTest, EmptyMeansTheBuiltIn) {
  const PoolOptions pool = MakePoolOptions(Options()).value();
  EXPECT_EQ(pool.pools, PoolOptions().pools);
  EXPECT_EQ(pool.prefix, 28);
}

TEST(PoolOptionsTest, ReadsLists) {
  Options options;
  options.address_pools = "10.9.0.0/16, 10.10.0.0/20";
  options.address_avoid = "10.9.1.0/24";
  options.address_prefix = 24;
  const PoolOptions pool = MakePoolOptions(options).value();
  ASSERT_EQ(pool.pools.size(), 2U);
  EXPECT_EQ(pool.pools[1].ToString(), "10.10.0.0/20");
  EXPECT_EQ(pool.avoid[0].ToString(), "10.9.1.0/24");
  EXPECT_EQ(pool.prefix, 24);
}

TEST(PoolOptionsTest, RefusesWhatIsNoNetwork) {
  for (const char* text : {"x", "10.0.0.0/33", "10.0.0.0/16,,", "fe80::/10"}) {
    Options options;
    options.address_pools = text;
    EXPECT_TRUE(HasReason(MakePoolOptions(options).status(), "BAD_CONFIG"))
        << text;
  }
  Options options;
  options.address_pools = "127.0.0.0/16";
  EXPECT_TRUE(HasReason(MakePoolOptions(options).status(), "BAD_ADDRESS_POOL"));
}

}  // namespace
}  // namespace bottled
