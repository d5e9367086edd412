#include "rpc/watch_hub.h"

#include <string>
#include <vector>

#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bottled {
namespace {

using ::testing::HasSubstr;

TEST(WatchHubTest, AConnectionHasItsOwnLimit) {
  WatchHub hub(WatchHub::kMaxPerConnection + 2);
  std::vector<int64_t> ids;
  for (int i = 0; i < WatchHub::kMaxPerConnection; ++i) {
    const auto id = hub.Add("fd:1", [] {});
    ASSERT_TRUE(id.ok()) << id.status();
    ids.push_back(*id);
  }
  const auto refused = hub.Add("fd:1", [] {});
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(HasReason(refused.status(), "TOO_MANY_WATCHERS"));
  EXPECT_THAT(std::string(refused.status().message()),
              HasSubstr("on this connection"));
  // The others have theirs, up to the limit of all.
  EXPECT_TRUE(hub.Add("fd:2", [] {}).ok());
  EXPECT_TRUE(hub.Add("fd:2", [] {}).ok());
  EXPECT_TRUE(HasReason(hub.Add("fd:2", [] {}).status(), "TOO_MANY_WATCHERS"));
  // A place that was given back can be taken; twice is once.
  hub.Remove(ids.front());
  hub.Remove(ids.front());
  EXPECT_TRUE(hub.Add("fd:1", [] {}).ok());
  EXPECT_FALSE(hub.Add("fd:1", [] {}).ok());
}

}  // namespace
}  // namespace bottled
