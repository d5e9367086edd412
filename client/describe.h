// Messages as text for people. Pure.

#ifndef BOTTLED_CLIENT_DESCRIBE_H_
#define BOTTLED_CLIENT_DESCRIBE_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "bottled/v1/bottled.pb.h"
#include "google/protobuf/timestamp.pb.h"

namespace bottled::client {

// "3 min ago", "2 h ago", "5 d ago", "just now"; "-" when unset.
std::string FormatAge(const google::protobuf::Timestamp& time, int64_t now_ms);

// UTC, or "" when unset.
std::string FormatTimestamp(const google::protobuf::Timestamp& time);

// The first twelve digits of "sha256:…".
std::string ShortDigest(std::string_view digest);

// Tables and lists; each ends with a newline, or is empty.
std::string DescribeJobs(const v1::ListJobsResponse& response, int64_t now_ms);
std::string DescribeArtifacts(const v1::ListArtifactsResponse& response,
                              int64_t now_ms);
std::string DescribeArtifact(const v1::GetArtifactResponse& response);
// `repaired`: also that nothing was to be done.
std::string DescribeVerifications(const v1::VerifyArtifactsResponse& response,
                                  bool repaired);
std::string DescribeLeases(const v1::ListLeasesResponse& response);
// What was removed or, of a dry run, would be; and why the rest stays.
std::string DescribeCollection(const v1::CollectGarbageResponse& response,
                               bool dry_run);
std::string DescribeInfo(const v1::GetInfoResponse& info);

}  // namespace bottled::client

#endif  // BOTTLED_CLIENT_DESCRIBE_H_
