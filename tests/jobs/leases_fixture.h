// Leases of one artifact, with a clock that stands still.

#ifndef BOTTLED_TESTS_JOBS_LEASES_FIXTURE_H_
#define BOTTLED_TESTS_JOBS_LEASES_FIXTURE_H_

#include <string>
#include <vector>

#include "base/error.h"
#include "gtest/gtest.h"
#include "jobs/leases.h"
#include "jobs/tools.h"

namespace bottled::testing {

inline constexpr std::chrono::milliseconds kHour = std::chrono::hours(1);

inline std::string LeaseReason(const absl::Status& status) {
  return status.ok() ? "OK" : GetErrorDetail(status).reason;
}

inline LeaseSpec TtlLease(std::chrono::milliseconds ttl,
                          const std::string& holder = "smolvm box") {
  return {.kind = LeaseKind::kTtl, .holder = holder, .ttl = ttl};
}

inline LeaseSpec StreamLease() {
  return {.kind = LeaseKind::kStream, .holder = "smolvm box"};
}

inline LeaseSpec ProcessLease(int64_t pid) {
  return {.kind = LeaseKind::kPid, .holder = "smolvm box", .pid = pid};
}

class LeasesFixture : public ::testing::Test {
 protected:
  LeasesFixture() {
    ArtifactRecord record;
    record.digest = artifact_;
    record.content_key = Sha256Of("key");
    record.created_ms = clock_.NowMs();
    record.last_used_ms = clock_.NowMs();
    EXPECT_TRUE(index_->InsertArtifact(record, "", clock_.NowMs()).ok());
  }
  ArtifactLease MustAcquire(const LeaseSpec& spec) {
    auto lease = leases_.Acquire(artifact_, spec);
    EXPECT_TRUE(lease.ok()) << lease.status();
    return lease.ok() ? *std::move(lease) : ArtifactLease();
  }
  std::string AcquireReason(const LeaseSpec& spec) {
    return LeaseReason(leases_.Acquire(artifact_, spec).status());
  }
  std::vector<ArtifactLease> Listed() {
    auto leases = leases_.List();
    EXPECT_TRUE(leases.ok()) << leases.status();
    return leases.ok() ? *std::move(leases) : std::vector<ArtifactLease>();
  }
  std::vector<ArtifactLease> Rows() {
    auto leases = index_->ListLeases();
    EXPECT_TRUE(leases.ok()) << leases.status();
    return leases.ok() ? *std::move(leases) : std::vector<ArtifactLease>();
  }

  std::vector<std::string> RowIds() {
    std::vector<std::string> ids;
    for (const ArtifactLease& lease : Rows()) {
      ids.push_back(lease.id);
    }
    return ids;
  }
  void AddRow(const std::string& id, int64_t expires_ms) {
    const absl::Status added = index_->AddLease({.id = id,
                                                 .artifact = artifact_,
                                                 .kind = LeaseKind::kTtl,
                                                 .holder = "holder " + id,
                                                 .created_ms = 1,
                                                 .expires_ms = expires_ms});
    EXPECT_TRUE(added.ok()) << added;
  }
  void SetNow(int64_t now_ms) {
    clock_.Advance(std::chrono::milliseconds(now_ms - clock_.NowMs()));
  }

  const Digest artifact_ = Sha256Of("artifact");
  TestClock clock_;
  TestIndex index_;
  Leases leases_{*index_, clock_};
};

}  // namespace bottled::testing

#endif  // BOTTLED_TESTS_JOBS_LEASES_FIXTURE_H_
