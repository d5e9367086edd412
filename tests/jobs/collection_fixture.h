// A cache on a disk whose size the test decides, with what looks after it.

#ifndef BOTTLED_TESTS_JOBS_COLLECTION_FIXTURE_H_
#define BOTTLED_TESTS_JOBS_COLLECTION_FIXTURE_H_

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "jobs/admission.h"
#include "jobs/cache_fixture.h"
#include "jobs/collector.h"

namespace bottled::testing {

class CollectionFixture : public CacheFixture {
 protected:
  CollectionFixture() {
    std::vector<std::unique_ptr<Reserve>> reserves;
    reserves.push_back(
        std::make_unique<Reserve>(index_.places().cache_reserve()));
    disk_ = std::make_unique<DiskState>(std::move(reserves), 1);
    disk_->Start();
    Use({.max_bytes = 1'000'000, .min_free_bytes = kBytes});
  }

  void Use(const CachePolicy& policy) {
    collector_ = std::make_unique<Collector>(
        Collector::Deps{.index = *index_,
                        .objects = *objects_,
                        .leases = leases_,
                        .clock = clock_},
        policy,
        Collector::Disk{.free_bytes = [this]() -> absl::StatusOr<int64_t> {
                          return Space().free_bytes;
                        },
                        .total_bytes = [this]() -> absl::StatusOr<int64_t> {
                          return Space().total_bytes;
                        }});
    admission_ = std::make_unique<Admission>(
        Admission::Deps{
            .collector = *collector_, .disk = *disk_, .clock = clock_},
        Admission::Options{.policy = policy, .look = [this] {
                             return absl::StatusOr<DiskSpace>(Space());
                           }});
  }

  // What the artifacts leave of room_.
  DiskSpace Space() {
    const auto totals = index_->Totals();
    EXPECT_TRUE(totals.ok()) << totals.status();
    return {.total_bytes = 1'000'000,
            .free_bytes = room_ - totals->bytes,
            .total_files = 10'000,
            .free_files = free_files_};
  }

  absl::StatusOr<std::unique_ptr<Admission::Ticket>> Admit(
      const std::string& id, int64_t bytes, bool warm = false) {
    return admission_->Admit({.job_id = id,
                              .bytes = bytes,
                              .is_warm = [warm] { return warm; },
                              .stop =
                                  [this, id](const absl::Status& why) {
                                    stopped_.emplace_back(id, why);
                                  }},
                             CancelToken());
  }

  // Of the whole disk, for artifacts and all else.
  std::atomic<int64_t> room_ = 100'000;
  std::atomic<int64_t> free_files_ = 5000;
  std::vector<std::pair<std::string, absl::Status>> stopped_;
  std::unique_ptr<DiskState> disk_;
  std::unique_ptr<Collector> collector_;
  std::unique_ptr<Admission> admission_;
};

}  // namespace bottled::testing

#endif  // BOTTLED_TESTS_JOBS_COLLECTION_FIXTURE_H_
