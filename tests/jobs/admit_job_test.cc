#include "jobs/admit_job.h"

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "image/platform.h"
#include "jobs/store_fixture.h"

namespace bottled {
namespace {

using testing::BlockingSource;
using ::testing::ElementsAre;
using testing::MakeSmallArchive;
using testing::MemorySource;
using testing::WaitForEnd;
using testing::WaitUntil;

constexpr int64_t kDisk = int64_t{1} << 40;
constexpr int64_t kGB = 1'000'000'000;

class AdmitJobTest : public testing::StoreFixture {
 protected:
  AdmitJobTest() {
    std::vector<std::unique_ptr<Reserve>> reserves;
    reserves.push_back(
        std::make_unique<Reserve>(index_.places().cache_reserve()));
    disk_ = std::make_unique<DiskState>(std::move(reserves), 1);
    const CachePolicy policy{.min_free_bytes = 10 * kGB};
    collector_ = std::make_unique<Collector>(
        Collector::Deps{.index = *index_,
                        .objects = *objects_,
                        .leases = leases_,
                        .clock = Clock::System()},
        policy,
        Collector::Disk{
            .free_bytes =
                [this] { return absl::StatusOr<int64_t>(free_bytes_); },
            .total_bytes = [] { return absl::StatusOr<int64_t>(kDisk); }});
    admission_ = std::make_unique<Admission>(
        Admission::Deps{
            .collector = *collector_, .disk = *disk_, .clock = Clock::System()},
        Admission::Options{.policy = policy, .look = [this] {
                             return absl::StatusOr<DiskSpace>(
                                 DiskSpace{.total_bytes = kDisk,
                                           .free_bytes = free_bytes_});
                           }});
  }
  ~AdmitJobTest() override { scheduler_->Stop(std::chrono::milliseconds(0)); }

  PipelineInput Input(OpenSource open) {
    PipelineInput input;
    input.archive.platform = HostPlatform();
    input.reference = "demo:1";
    input.open = [this, open = std::move(open)](const CancelToken& token) {
      reserved_.push_back(admission_->reserved_bytes());
      return open(token);
    };
    return input;
  }
  PipelineInput Whole(const std::string& archive) {
    return Input([archive](const CancelToken&)
                     -> absl::StatusOr<std::unique_ptr<ByteSource>> {
      return std::make_unique<MemorySource>(archive);
    });
  }
  PipelineInput Blocking() {
    return Input([this](const CancelToken& token)
                     -> absl::StatusOr<std::unique_ptr<ByteSource>> {
      blocked_ = true;
      return std::make_unique<BlockingSource>("x", token);
    });
  }
  std::shared_ptr<Job> Start(PipelineInput input) {
    const PipelineDeps deps{.index = *index_,
                            .objects = *objects_,
                            .clock = Clock::System(),
                            .packer_threads = 1,
                            .admission = admission_.get()};
    auto submission = scheduler_->Submit(
        {.flight_key = fmt::format("k{}", flights_++),
         .key = input.expected_key,
         .source = "demo:1"},
        [&] {
          return [deps, taken = std::move(input)](Job& job) mutable {
            return RunPackPipeline(deps, std::move(taken), job);
          };
        });
    EXPECT_TRUE(submission.ok()) << submission.status();
    return submission->job;
  }
  void ExpectGivenBack() {
    EXPECT_EQ(admission_->count(), 0);
    ExpectNoStage();
  }

  Leases leases_{*index_, Clock::System()};
  std::atomic<int64_t> free_bytes_ = 500 * kGB;
  std::unique_ptr<DiskState> disk_;
  std::unique_ptr<Collector> collector_;
  std::unique_ptr<Admission> admission_;
  // When a source was opened.
  std::vector<int64_t> reserved_;
  std::atomic<bool> blocked_ = false;
  int flights_ = 0;
};

TEST_F(AdmitJobTest, ReservesForAsLongAsItRuns) {
  PipelineInput input = Whole(MakeSmallArchive("hello"));
  input.size_estimate = 2 * kGB;
  const JobSnapshot end = WaitForEnd(*Start(std::move(input)));
  ASSERT_EQ(end.state, JobState::kSucceeded) << end.status;
  EXPECT_THAT(reserved_, ElementsAre(2'200'000'000));
  ExpectGivenBack();
  EXPECT_TRUE(admission_->TakePublished());
  EXPECT_FALSE(admission_->TakePublished());
}

TEST_F(AdmitJobTest, AnArchiveMayBeCompressed) {
  PipelineInput input = Whole(MakeSmallArchive("hello"));
  input.size_estimate = 2 * kGB;
  input.size_is_exact = true;
  EXPECT_EQ(WaitForEnd(*Start(std::move(input))).state, JobState::kSucceeded);
  EXPECT_THAT(reserved_, ElementsAre(4'400'000'000));
}

TEST_F(AdmitJobTest, LearnsFromWhatTheReferenceWas) {
  const JobSnapshot first =
      WaitForEnd(*Start(Whole(MakeSmallArchive(std::string(3 << 20, 'x')))));
  ASSERT_EQ(first.state, JobState::kSucceeded) << first.status;
  const auto there = index_->KnownSizes(Digest(), "demo:1");
  ASSERT_TRUE(there.ok()) << there.status();
  EXPECT_EQ(there->similar_unpacked, first.artifact.unpacked_bytes);
  EXPECT_GT(there->similar_unpacked, 3 << 20);
  // Collected or not.
  ASSERT_TRUE(objects_->Remove(first.artifact).ok());
  const auto known = index_->KnownSizes(first.artifact.content_key, "demo:1");
  ASSERT_TRUE(known.ok()) << known.status();
  EXPECT_EQ(known->same, first.artifact.size_bytes);
  EXPECT_EQ(known->similar, first.artifact.size_bytes);
  EXPECT_EQ(known->similar_unpacked, 0);
  const auto none = index_->KnownSizes(Digest(), "other:1");
  ASSERT_TRUE(none.ok()) << none.status();
  EXPECT_EQ(none->same, 0);
  EXPECT_EQ(none->similar, 0);
}

TEST_F(AdmitJobTest, GivesItBackHoweverItEnds) {
  const JobSnapshot failed = WaitForEnd(*Start(Whole("no archive")));
  EXPECT_EQ(failed.state, JobState::kFailed);
  ExpectGivenBack();

  const std::shared_ptr<Job> job = Start(Blocking());
  ASSERT_TRUE(WaitUntil([this] { return blocked_.load(); }));
  EXPECT_EQ(admission_->count(), 1);
  ASSERT_TRUE(scheduler_->Cancel(job->id(), "", /*force=*/true).ok());
  EXPECT_EQ(WaitForEnd(*job).state, JobState::kCancelled);
  ExpectGivenBack();
}

TEST_F(AdmitJobTest, WithoutRoomItDoesNotBegin) {
  free_bytes_ = 10 * kGB;
  const JobSnapshot end = WaitForEnd(*Start(Whole(MakeSmallArchive("hello"))));
  EXPECT_EQ(end.state, JobState::kFailed);
  EXPECT_TRUE(HasReason(end.status, "DISK_FULL")) << end.status;
  EXPECT_THAT(reserved_, ElementsAre());
  ExpectGivenBack();
  // Later there is.
  free_bytes_ = 500 * kGB;
  PipelineInput input = Whole(MakeSmallArchive("hello again"));
  const std::shared_ptr<Job> job = Start(std::move(input));
  EXPECT_EQ(WaitForEnd(*job).state, JobState::kSucceeded);
}

TEST_F(AdmitJobTest, IsStoppedWhenTheDiskRunsFull) {
  const std::shared_ptr<Job> job = Start(Blocking());
  ASSERT_TRUE(WaitUntil([this] { return blocked_.load(); }));
  free_bytes_ = 1;
  admission_->Watch();
  const JobSnapshot end = WaitForEnd(*job);
  EXPECT_EQ(end.state, JobState::kFailed);
  EXPECT_TRUE(HasReason(end.status, "DISK_FULL")) << end.status;
  ExpectGivenBack();
}

}  // namespace
}  // namespace bottled
