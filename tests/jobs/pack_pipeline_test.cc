#include "jobs/pack_pipeline.h"

#include <atomic>
#include <filesystem>
#include <optional>
#include <thread>

#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "image/platform.h"
#include "jobs/errors.h"
#include "jobs/store_fixture.h"

namespace bottled {
namespace {

using testing::BlockingSource;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::MakeArchive;
using testing::MakeLayer;
using testing::MakeSmallArchive;
using testing::MemorySource;
using testing::WaitForEnd;

class PackPipelineTest : public testing::StoreFixture {
 protected:
  PipelineInput Input() {
    PipelineInput input;
    input.archive.platform = HostPlatform();
    input.reference = "demo:1";
    return input;
  }
  // Opens give these archives, one after the other, the last one again.
  PipelineInput Input(std::vector<std::string> archives) {
    PipelineInput input = Input();
    input.open =
        [this, archives = std::move(archives)](
            const CancelToken&) -> absl::StatusOr<std::unique_ptr<ByteSource>> {
      const size_t turn = std::min<size_t>(opens_++, archives.size() - 1);
      return std::make_unique<MemorySource>(archives[turn]);
    };
    input.size_estimate = 12345;
    return input;
  }

  std::shared_ptr<Job> Start(PipelineInput input,
                             const std::string& flight_key = "k") {
    const PipelineDeps deps{.index = *index_,
                            .objects = *objects_,
                            .clock = Clock::System(),
                            .packer_threads = 1};
    auto submission = scheduler_->Submit(
        {.flight_key = flight_key,
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
  JobSnapshot Run(PipelineInput input) {
    last_ = Start(std::move(input));
    return WaitForEnd(*last_);
  }
  void ExpectFailure(const JobSnapshot& end, const std::string& reason) {
    EXPECT_EQ(end.state, JobState::kFailed);
    EXPECT_TRUE(HasReason(end.status, reason)) << end.status;
    EXPECT_EQ(RowState(*last_), JobRowState::kFailed);
    EXPECT_EQ(ArtifactCount(), 0);
    ExpectNoStage();
  }

  std::atomic<size_t> opens_ = 0;
  std::shared_ptr<Job> last_;
};

TEST_F(PackPipelineTest, PublishesAnArtifact) {
  const std::string archive = MakeSmallArchive("hello");
  const JobSnapshot end = Run(Input({archive}));
  ASSERT_EQ(end.state, JobState::kSucceeded) << end.status;
  EXPECT_THAT(testing::StagesOf(*last_),
              ElementsAre(Stage::kRead, Stage::kMerge, Stage::kAssemble,
                          Stage::kPublish));
  const ArtifactRecord& artifact = end.artifact;
  EXPECT_EQ(artifact.platform, HostPlatform().WithoutVariant());
  EXPECT_EQ(artifact.packer, "native/2");
  EXPECT_EQ(artifact.entry_count, 2);
  EXPECT_THAT(artifact.references, ElementsAre("demo:1"));
  EXPECT_EQ(artifact.content_key, Sha256Of(artifact.key_inputs));
  EXPECT_EQ(end.content_key, artifact.content_key);
  EXPECT_EQ(std::filesystem::file_size(objects_->Path(artifact)),
            static_cast<uintmax_t>(artifact.size_bytes));
  const auto found = objects_->Lookup(artifact.content_key);
  ASSERT_TRUE(found.ok() && found->has_value());
  EXPECT_EQ((*found)->digest, artifact.digest);
  EXPECT_EQ(RowState(*last_), JobRowState::kSucceeded);
  ExpectNoStage();
  // The end of the read is reported, whatever the pace of the reports.
  int64_t read = 0;
  for (const JobEvent& event : last_->events().Read(0, 1000).events) {
    if (const auto* progress = std::get_if<Progress>(&event.what);
        progress != nullptr && progress->stage == Stage::kRead) {
      read = progress->current;
      EXPECT_EQ(progress->total, 12345);
      EXPECT_TRUE(progress->total_is_estimate);
    }
  }
  EXPECT_EQ(read, static_cast<int64_t>(archive.size()));
}

TEST_F(PackPipelineTest, TheSameImageGivesTheSameBytes) {
  const JobSnapshot first = Run(Input({MakeSmallArchive("hello")}));
  PipelineInput again = Input({MakeSmallArchive("hello")});
  again.force = true;
  const JobSnapshot second = Run(std::move(again));
  ASSERT_EQ(second.state, JobState::kSucceeded) << second.status;
  EXPECT_EQ(second.artifact.digest, first.artifact.digest);
  EXPECT_EQ(opens_, 2u);
  EXPECT_EQ(ArtifactCount(), 1);
}

TEST_F(PackPipelineTest, AnIncompleteAnswerIsReadOnceMore) {
  testing::TestImage broken{
      .layers = {MakeLayer({{"a", "1"}}), MakeLayer({{"b", "2"}})}};
  const std::string good = MakeArchive(broken);
  broken.omit_last_layer = true;
  const JobSnapshot end = Run(Input({MakeArchive(broken), good}));
  ASSERT_EQ(end.state, JobState::kSucceeded) << end.status;
  EXPECT_EQ(opens_, 2u);
  EXPECT_THAT(testing::WarningsOf(*last_),
              ElementsAre(HasSubstr("Reading it once more")));
  EXPECT_EQ(end.artifact.entry_count, 2);
}

TEST_F(PackPipelineTest, ASecondIncompleteAnswerIsTheEnd) {
  const testing::TestImage broken{
      .layers = {MakeLayer({{"a", "1"}}), MakeLayer({{"b", "2"}})},
      .architecture = "",
      .omit_last_layer = true};
  ExpectFailure(Run(Input({MakeArchive(broken)})), "ARCHIVE_INCOMPLETE");
  EXPECT_EQ(opens_, 2u);
}

TEST_F(PackPipelineTest, AnUploadIsNotReadTwice) {
  const std::string archive = MakeSmallArchive("hello");
  PipelineInput input = Input({archive.substr(0, archive.size() / 2)});
  input.one_shot = true;
  ExpectFailure(Run(std::move(input)), "ARCHIVE_TRUNCATED");
  EXPECT_EQ(opens_, 1u);
}

TEST_F(PackPipelineTest, ADigestErrorLeavesNothingBehind) {
  std::string archive = MakeSmallArchive("hello");
  archive.replace(archive.find("hello"), 5, "jello");
  const JobSnapshot end = Run(Input({archive}));
  ExpectFailure(end, "DIGEST_MISMATCH");
  EXPECT_EQ(GetErrorDetail(end.status).stage, "read");
  EXPECT_THAT(GetErrorDetail(end.status).log_tail,
              ElementsAre(HasSubstr("packer native"),
                          HasSubstr("Reading it once more")));
}

TEST_F(PackPipelineTest, ErrorsOfTheImageAreNotRetried) {
  ExpectFailure(Run(Input({MakeArchive({.layers = {MakeLayer({{"a", "1"}})},
                                        .architecture = "riscv64"})})),
                "ARCHITECTURE_MISMATCH");
  EXPECT_EQ(opens_, 1u);
}

TEST_F(PackPipelineTest, WhatTheEngineDescribedIsWhatMustCome) {
  PipelineInput input = Input({MakeSmallArchive("hello")});
  input.expected_key = Sha256Of("something else");
  ExpectFailure(Run(std::move(input)), "IMAGE_CHANGED");
}

TEST_F(PackPipelineTest, AnErrorOfTheOpenerIsTheJobs) {
  PipelineInput input = Input();
  input.open = [](const CancelToken&) {
    return absl::StatusOr<std::unique_ptr<ByteSource>>(
        ArchiveNotFound("/none"));
  };
  ExpectFailure(Run(std::move(input)), "ARCHIVE_NOT_FOUND");
}

TEST_F(PackPipelineTest, WhatWasPublishedMeanwhileIsNotMadeAgain) {
  const JobSnapshot first = Run(Input({MakeSmallArchive("hello")}));
  ASSERT_EQ(first.state, JobState::kSucceeded) << first.status;
  PipelineInput known = Input({MakeSmallArchive("hello")});
  known.expected_key = first.artifact.content_key;
  known.reference = "other:2";
  const JobSnapshot second = Run(std::move(known));
  ASSERT_EQ(second.state, JobState::kSucceeded) << second.status;
  EXPECT_EQ(second.artifact.digest, first.artifact.digest);
  EXPECT_EQ(opens_, 1u);
  EXPECT_EQ(RowState(*last_), JobRowState::kSucceeded);
  const auto record = index_->FindByDigest(first.artifact.digest);
  ASSERT_TRUE(record.ok() && record->has_value());
  EXPECT_THAT((*record)->references,
              ::testing::UnorderedElementsAre("demo:1", "other:2"));

  // An archive shows its key only when it was read; packing is saved.
  const JobSnapshot third = Run(Input({MakeSmallArchive("hello")}));
  EXPECT_EQ(third.artifact.digest, first.artifact.digest);
  EXPECT_EQ(third.content_key, first.artifact.content_key);
  EXPECT_EQ(opens_, 2u);
  EXPECT_THAT(testing::StagesOf(*last_), ElementsAre(Stage::kRead));
  ExpectNoStage();
}

TEST_F(PackPipelineTest, TwoJobsOfOneUnknownContentBothSucceed) {
  const auto first = Start(Input({MakeSmallArchive("hello")}), "one");
  const auto second = Start(Input({MakeSmallArchive("hello")}), "two");
  const JobSnapshot a = WaitForEnd(*first);
  const JobSnapshot b = WaitForEnd(*second);
  ASSERT_EQ(a.state, JobState::kSucceeded) << a.status;
  ASSERT_EQ(b.state, JobState::kSucceeded) << b.status;
  EXPECT_EQ(a.artifact.digest, b.artifact.digest);
  EXPECT_EQ(ArtifactCount(), 1);
  ExpectNoStage();
}

TEST_F(PackPipelineTest, NotesBecomeWarnings) {
  const std::string archive =
      MakeArchive({.layers = {MakeLayer({{"d/", ""}, {"d/x", "1"}}),
                              testing::MakeFifoLayer("d/pipe")}});
  const JobSnapshot end = Run(Input({archive}));
  ASSERT_EQ(end.state, JobState::kSucceeded) << end.status;
  EXPECT_THAT(testing::WarningsOf(*last_), ElementsAre(HasSubstr("d/pipe")));
  ASSERT_EQ(end.artifact.notes.size(), 1u);
  EXPECT_EQ(end.artifact.notes[0].kind, "FIFO");
}

TEST_F(PackPipelineTest, TheArchiveIsRememberedAfterItsArtifact) {
  const ArchiveIdentity identity{.path = "/a.tar",
                                 .reference = "",
                                 .device = 1,
                                 .inode = 2,
                                 .size = 3,
                                 .mtime_ns = 4,
                                 .ctime_ns = 5};
  PipelineInput input = Input({MakeSmallArchive("hello")});
  input.identify_archive = [&] { return std::optional(identity); };
  const JobSnapshot end = Run(std::move(input));
  const auto key =
      index_->FindArchive(identity, ArchiveOptionsJson({}, NativeChoice()));
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_EQ(*key, end.artifact.content_key);
  EXPECT_EQ(*index_->FindArchive(
                identity, ArchiveOptionsJson({.cpus = 2, .memory_mib = 512},
                                             NativeChoice())),
            std::nullopt);
}

// --- the cancel matrix ------------------------------------------------------

class CancelTest : public PackPipelineTest {
 protected:
  void ExpectCancelled() {
    const JobSnapshot end = WaitForEnd(*last_);
    EXPECT_EQ(end.state, JobState::kCancelled);
    EXPECT_TRUE(HasReason(end.status, "CANCELLED")) << end.status;
    EXPECT_EQ(RowState(*last_), JobRowState::kCancelled);
    EXPECT_EQ(ArtifactCount(), 0);
    ExpectNoStage();
  }
};

TEST_F(CancelTest, WhileOpening) {
  std::atomic<bool> opening = false;
  PipelineInput input = Input();
  input.open = [&](const CancelToken& token)
      -> absl::StatusOr<std::unique_ptr<ByteSource>> {
    opening = true;
    return testing::BlockUntilCancelled(token);
  };
  last_ = Start(std::move(input));
  ASSERT_TRUE(testing::WaitUntil([&] { return opening.load(); }));
  last_->ForceCancel(JobCancelledByForce());
  ExpectCancelled();
}

TEST_F(CancelTest, WhileReadingAtAnyPlace) {
  const std::string archive =
      MakeArchive({.layers = {MakeLayer({{"a", std::string(3000, 'x')}}),
                              MakeLayer({{"b", "2"}})}});
  for (size_t at = 0; at < archive.size(); at += 700) {
    PipelineInput input = Input();
    input.open = [&](const CancelToken& token)
        -> absl::StatusOr<std::unique_ptr<ByteSource>> {
      return std::make_unique<BlockingSource>(archive.substr(0, at), token);
    };
    last_ = Start(std::move(input));
    ASSERT_TRUE(testing::WaitUntil(
        [&] { return last_->events().stage() == Stage::kRead; }));
    last_->ForceCancel(JobCancelledByForce());
    ExpectCancelled();
  }
}

// The log wakes its readers within the worker's thread, so that these cancel at
// the first moment of the stage.
TEST_F(CancelTest, AtTheStartOfMergeAndAssembly) {
  for (const Stage stage : {Stage::kMerge, Stage::kAssemble}) {
    std::atomic<Job*> job = nullptr;
    PipelineInput input = Input();
    input.open =
        [&](const CancelToken&) -> absl::StatusOr<std::unique_ptr<ByteSource>> {
      testing::WaitUntil([&] { return job != nullptr; });
      return std::make_unique<MemorySource>(MakeSmallArchive("hello"));
    };
    last_ = Start(std::move(input));
    const int64_t id = last_->events().Subscribe([&job, stage] {
      Job* const mine = job;
      if (mine != nullptr && mine->events().stage() == stage) {
        mine->ForceCancel(JobCancelledByForce());
      }
    });
    job = last_.get();
    ExpectCancelled();
    last_->events().Unsubscribe(id);
  }
}

TEST_F(CancelTest, APublicationThatHasBegunIsFinished) {
  std::atomic<Job*> job = nullptr;
  objects_->set_step_hook([&](std::string_view step) {
    if (step == "publishing") {
      job.load()->ForceCancel(JobCancelledByForce());
    }
  });
  PipelineInput input = Input();
  input.open =
      [&](const CancelToken&) -> absl::StatusOr<std::unique_ptr<ByteSource>> {
    testing::WaitUntil([&] { return job != nullptr; });
    return std::make_unique<MemorySource>(MakeSmallArchive("hello"));
  };
  last_ = Start(std::move(input));
  job = last_.get();
  const JobSnapshot end = WaitForEnd(*last_);
  EXPECT_EQ(end.state, JobState::kSucceeded) << end.status;
  EXPECT_EQ(RowState(*last_), JobRowState::kSucceeded);
  EXPECT_EQ(ArtifactCount(), 1);
  ExpectNoStage();
}

}  // namespace
}  // namespace bottled
