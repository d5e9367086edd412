#include "jobs/estimate.h"

#include "gtest/gtest.h"

namespace bottled {
namespace {

constexpr int64_t kGB = 1'000'000'000;

TEST(EstimateTest, TheBestKnowledgeCounts) {
  EXPECT_EQ(EstimateBytes(PackerKind::kNative, {.same_bytes = kGB,
                                                .similar_bytes = 5 * kGB,
                                                .source_bytes = 9 * kGB}),
            2'200'000'000);
  EXPECT_EQ(EstimateBytes(PackerKind::kNative,
                          {.similar_bytes = kGB, .source_bytes = 9 * kGB}),
            2'750'000'000);
  EXPECT_EQ(EstimateBytes(PackerKind::kNative, {.source_bytes = 2 * kGB}),
            2'200'000'000);
}

TEST(EstimateTest, HasBounds) {
  EXPECT_EQ(EstimateBytes(PackerKind::kNative, {}), 0);
  EXPECT_EQ(EstimateBytes(PackerKind::kNative, {.same_bytes = 1}),
            int64_t{1} << 20);
  EXPECT_EQ(EstimateBytes(PackerKind::kSmolvm, {.source_bytes = INT64_MAX}),
            1'000'000'000'000'000);
}

TEST(EstimateTest, UnpackingNeedsMore) {
  const JobSize size{.source_bytes = 2 * kGB};
  const int64_t native = EstimateBytes(PackerKind::kNative, size);
  const int64_t push = EstimateBytes(PackerKind::kPush, size);
  EXPECT_EQ(push, 8 * kGB);
  EXPECT_EQ(EstimateBytes(PackerKind::kSmolvm, size), 11 * kGB);
  EXPECT_LT(native, push);
}

}  // namespace
}  // namespace bottled
