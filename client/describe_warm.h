// Warm targets as text for people. Pure.

#ifndef BOTTLED_CLIENT_DESCRIBE_WARM_H_
#define BOTTLED_CLIENT_DESCRIBE_WARM_H_

#include <cstdint>
#include <string>

#include "bottled/v1/bottled.pb.h"

namespace bottled::client {

// "pending", "warming", "ready", "failed", "waiting", "paused".
std::string WarmStateWord(v1::WarmState state);

// Tables; empty when there is nothing.
std::string DescribeWarmed(const v1::WarmRequest& request,
                           const v1::WarmResponse& response);
std::string DescribeWarmTargets(const v1::ListWarmTargetsResponse& response,
                                int64_t now_ms);

}  // namespace bottled::client

#endif  // BOTTLED_CLIENT_DESCRIBE_WARM_H_
