// A cache on a disk whose size the test decides, with what looks after it.

#ifndef BOTTLED_TESTS_JOBS_COLLECTION_FIXTURE_H_
#define BOTTLED_TESTS_JOBS_COLLECTION_FIXTURE_H_

#include <atomic>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "gtest/gtest.h"
#include "image/digest.h"
#include "jobs/admission.h"
#include "jobs/collector.h"
#include "jobs/tools.h"
#include "store/objects.h"

namespace bottled::testing {

class CollectionFixture : public ::testing::Test {
 protected:
  static constexpr int64_t kBytes = 1000;

  CollectionFixture() {
    auto objects = Objects::Open(index_.places(), *index_, clock_);
    EXPECT_TRUE(objects.ok()) << objects.status();
    objects_ = *std::move(objects);
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

  // A file of kBytes, made now, with a key of its own.
  ArtifactRecord Publish(const std::string& name) {
    const std::string id = "job-" + name;
    JobRecord job;
    job.id = id;
    job.source = "test";
    job.content_key = Sha256Of("key of " + name);
    job.created_ms = clock_.NowMs();
    EXPECT_TRUE(index_->InsertJob(job).ok());
    EXPECT_TRUE(index_->MarkRunning(id, clock_.NowMs()).ok());
    std::string content = name + std::string(kBytes - 64 - name.size(), '.');
    content += "SMOLPACK" + std::string(56, '\x01');
    const auto stage = objects_->MakeStage(id);
    EXPECT_TRUE(stage.ok()) << stage.status();
    std::ofstream(*stage / "out", std::ios::binary) << content;
    ArtifactRecord record;
    record.digest = Sha256Of(content);
    record.content_key = job.content_key;
    record.key_inputs = "{}";
    record.size_bytes = kBytes;
    record.platform = "linux/amd64";
    record.config_digest = Sha256Of("config");
    record.layer_digest = Sha256Of("layer");
    record.packer = "native/1";
    const auto published = objects_->Publish(id, *stage / "out", record);
    EXPECT_TRUE(published.ok()) << published.status();
    objects_->RemoveStage(id);
    names_[record.digest] = name;
    return published.ok() ? *published : ArtifactRecord();
  }
  // One a day, the first the oldest.
  std::vector<ArtifactRecord> PublishDaily(
      const std::vector<std::string>& names) {
    std::vector<ArtifactRecord> records;
    for (const std::string& name : names) {
      records.push_back(Publish(name));
      clock_.Advance(std::chrono::hours(24));
    }
    return records;
  }
  // The names of what is there, the last used first.
  std::vector<std::string> Left() {
    std::vector<std::string> names;
    const auto records = index_->ListArtifacts(0);
    EXPECT_TRUE(records.ok()) << records.status();
    for (const ArtifactRecord& record : *records) {
      names.push_back(names_[record.digest]);
    }
    return names;
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

  TestClock clock_;
  TestIndex index_;
  std::unique_ptr<Objects> objects_;
  Leases leases_{*index_, clock_};
  // Of the whole disk, for artifacts and all else.
  std::atomic<int64_t> room_ = 100'000;
  std::atomic<int64_t> free_files_ = 5000;
  std::map<Digest, std::string> names_;
  std::vector<std::pair<std::string, absl::Status>> stopped_;
  std::unique_ptr<DiskState> disk_;
  std::unique_ptr<Collector> collector_;
  std::unique_ptr<Admission> admission_;
};

}  // namespace bottled::testing

#endif  // BOTTLED_TESTS_JOBS_COLLECTION_FIXTURE_H_
