// Bottles, plans, policies, changes and findings as text for people. Pure.

#ifndef BOTTLED_CLIENT_DESCRIBE_BOTTLES_H_
#define BOTTLED_CLIENT_DESCRIBE_BOTTLES_H_

#include <cstdint>
#include <string>

#include "bottled/v1/bottled.pb.h"
#include "google/protobuf/repeated_ptr_field.h"

namespace bottled::client {

// Each ends with a newline, or is empty.
std::string DescribeBottles(const v1::ListBottlesResponse& response,
                            int64_t now_ms);
std::string DescribeBottle(const v1::GetBottleResponse& response);
std::string DescribePlan(const v1::Plan& plan);

// The effective policy, and the line that each part comes from.
std::string DescribePolicy(const v1::Plan& plan);

// "warning: MESSAGE [REASON]", a line each.
std::string DescribeWarnings(const v1::Plan& plan);

// "bottle SLUG changed"; empty for heartbeats.
std::string DescribeChange(const v1::ChangeEvent& event);

// A line each, and a remedy on a line of its own; `color` for a terminal.
std::string DescribeFindings(
    const google::protobuf::RepeatedPtrField<v1::Finding>& findings,
    bool color);

// How many have the level FAIL.
int CountFailures(
    const google::protobuf::RepeatedPtrField<v1::Finding>& findings);

}  // namespace bottled::client

#endif  // BOTTLED_CLIENT_DESCRIBE_BOTTLES_H_
