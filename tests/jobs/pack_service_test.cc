#include "jobs/pack_service.h"

#include <set>
#include <thread>
#include <vector>

#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jobs/service_fixture.h"

namespace bottled {
namespace {

using ::testing::Contains;
using testing::MakeArchive;
using testing::MakeLayer;
using testing::MakeSmallArchive;
using testing::WaitForEnd;

// --- archive files ----------------------------------------------------------

class PackArchiveTest : public testing::ServiceFixture {};

TEST_F(PackArchiveTest, AnUnchangedFileIsAHitWithoutReading) {
  const std::string path = WriteFile("a.tar", MakeSmallArchive("hello"));
  const PackAnswer first = Pack(Archive(path));
  ASSERT_NE(first.job, nullptr);
  EXPECT_EQ(first.miss_reason, "UNSEEN_ARCHIVE");
  EXPECT_FALSE(first.interest_id.empty());
  EXPECT_EQ(first.job->source(), path);
  const JobSnapshot end = WaitForEnd(*first.job);
  ASSERT_EQ(end.state, JobState::kSucceeded) << end.status;
  EXPECT_TRUE(end.progress.stage == Stage::kNone ||
              end.progress.stage == Stage::kPublish);

  // No job, so nobody read it.
  const PackAnswer second = Pack(Archive(path));
  ASSERT_TRUE(second.artifact.has_value());
  EXPECT_EQ(second.job, nullptr);
  EXPECT_EQ(second.artifact->digest, end.artifact.digest);
}

TEST_F(PackArchiveTest, AChangedFileIsReadAgain) {
  const std::string path = WriteFile("a.tar", MakeSmallArchive("hello"));
  const ArtifactRecord first = Make(Archive(path));
  // The same size, at once.
  WriteFile("a.tar", MakeSmallArchive("jello"));
  const PackAnswer again = Pack(Archive(path));
  ASSERT_NE(again.job, nullptr);
  EXPECT_EQ(again.miss_reason, "UNSEEN_ARCHIVE");
  const JobSnapshot end = WaitForEnd(*again.job);
  ASSERT_EQ(end.state, JobState::kSucceeded) << end.status;
  EXPECT_NE(end.artifact.digest, first.digest);
  EXPECT_EQ(ArtifactCount(), 2);
}

TEST_F(PackArchiveTest, ARewrittenFileOfTheSameContentIsReadButNotPacked) {
  const std::string path = WriteFile("a.tar", MakeSmallArchive("hello"));
  const ArtifactRecord first = Make(Archive(path));
  WriteFile("a.tar", MakeSmallArchive("hello"));
  const PackAnswer again = Pack(Archive(path));
  ASSERT_NE(again.job, nullptr);
  EXPECT_EQ(WaitForEnd(*again.job).artifact.digest, first.digest);
  EXPECT_THAT(testing::StagesOf(*again.job),
              ::testing::ElementsAre(Stage::kRead));
  EXPECT_TRUE(Pack(Archive(path)).artifact.has_value());
}

// What was read may be neither the old nor the new file: its name must not
// stand for it.
TEST_F(PackArchiveTest, AFileThatChangesMeanwhileIsNotRemembered) {
  const std::string path = WriteFile("a.tar", MakeSmallArchive("hello"));
  objects_->set_step_hook([&](std::string_view step) {
    if (step == "synced") {
      WriteFile("a.tar", MakeSmallArchive("jello"));
    }
  });
  const ArtifactRecord first = Make(Archive(path));
  objects_->set_step_hook(nullptr);
  const PackAnswer again = Pack(Archive(path));
  ASSERT_NE(again.job, nullptr);
  EXPECT_NE(WaitForEnd(*again.job).artifact.digest, first.digest);
}

TEST_F(PackArchiveTest, OptionsAndReferenceCount) {
  const std::string path = WriteFile("a.tar", MakeSmallArchive("hello"));
  const ArtifactRecord plain = Make(Archive(path));
  PackSpec small = Archive(path);
  small.options.memory_mib = 512;
  const PackAnswer other = Pack(small);
  ASSERT_NE(other.job, nullptr);
  EXPECT_NE(WaitForEnd(*other.job).artifact.digest, plain.digest);

  // The name selects an image, which has to be looked for.
  const PackAnswer named = Pack(Archive(path, "demo:1"));
  ASSERT_NE(named.job, nullptr);
  EXPECT_EQ(WaitForEnd(*named.job).artifact.digest, plain.digest);
  const PackAnswer wrong = Pack(Archive(path, "nobody:1"));
  ASSERT_NE(wrong.job, nullptr);
  EXPECT_EQ(WaitForEnd(*wrong.job).state, JobState::kFailed);
}

TEST_F(PackArchiveTest, ForceMakesItAgain) {
  const std::string path = WriteFile("a.tar", MakeSmallArchive("hello"));
  const ArtifactRecord first = Make(Archive(path));
  PackSpec spec = Archive(path);
  spec.force = true;
  const PackAnswer forced = Pack(spec);
  ASSERT_NE(forced.job, nullptr);
  EXPECT_EQ(forced.miss_reason, "FORCED");
  EXPECT_EQ(WaitForEnd(*forced.job).artifact.digest, first.digest);
  EXPECT_THAT(testing::StagesOf(*forced.job), Contains(Stage::kPublish));
}

TEST_F(PackArchiveTest, ARemovedArtifactSaysWhyItIsMadeAgain) {
  const std::string path = WriteFile("a.tar", MakeSmallArchive("hello"));
  const ArtifactRecord first = Make(Archive(path));
  ASSERT_TRUE(service_->RemoveArtifact(first.digest.ToString()).ok());
  const PackAnswer again = Pack(Archive(path));
  ASSERT_NE(again.job, nullptr);
  EXPECT_EQ(again.miss_reason, "REMOVED");
  EXPECT_EQ(WaitForEnd(*again.job).artifact.digest, first.digest);
}

TEST_F(PackArchiveTest, ManyCallersShareOneRun) {
  const std::string path = WriteFile("a.tar", MakeSmallArchive("hello"));
  std::atomic<bool> hold = true;
  objects_->set_step_hook([&](std::string_view step) {
    if (step == "synced") {
      EXPECT_TRUE(testing::WaitUntil([&] { return !hold; }));
    }
  });
  Mutex mu;
  std::set<std::shared_ptr<Job>> jobs;
  std::vector<std::thread> threads;
  for (int t = 0; t < 10; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 10; ++i) {
        const PackAnswer answer = Pack(Archive(path));
        MutexLock lock(mu);
        jobs.insert(answer.job);
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  hold = false;
  ASSERT_EQ(jobs.size(), 1u);
  EXPECT_EQ(WaitForEnd(**jobs.begin()).state, JobState::kSucceeded);
}

TEST_F(PackArchiveTest, BadRequestsAreTypedErrors) {
  const auto reason = [this](const PackSpec& spec) {
    const auto answer = TryPack(spec);
    return answer.ok() ? "OK" : GetErrorDetail(answer.status()).reason;
  };
  EXPECT_EQ(reason(Archive("relative.tar")), "BAD_ARCHIVE_PATH");
  EXPECT_EQ(reason(Archive("")), "BAD_ARCHIVE_PATH");
  EXPECT_EQ(reason(Archive(std::string("/a\0b", 4))), "BAD_ARCHIVE_PATH");
  EXPECT_EQ(reason(Archive("/does/not/exist")), "ARCHIVE_NOT_FOUND");
  EXPECT_EQ(reason(Archive(files_.path().string())), "ARCHIVE_NOT_A_FILE");
  const std::string path = WriteFile("a.tar", "");
  EXPECT_EQ(reason(Archive(path, "BAD REFERENCE")), "BAD_REFERENCE");
  PackSpec options = Archive(path);
  options.options.cpus = 0;
  EXPECT_EQ(reason(options), "BAD_PACK_OPTIONS");
  EXPECT_EQ(scheduler_->active_count(), 0);
}

// --- uploads ----------------------------------------------------------------

class PackUploadTest : public testing::ServiceFixture {
 protected:
  static PackSpec Upload() {
    PackSpec spec;
    spec.source = UploadedSource{.name = "stdin", .reference = ""};
    return spec;
  }
  std::unique_ptr<UploadWriter> Take(const PackAnswer& answer) {
    auto writer = uploads_.Take(answer.upload_id);
    EXPECT_TRUE(writer.ok()) << writer.status();
    return *std::move(writer);
  }
};

TEST_F(PackUploadTest, BecomesAnArtifact) {
  const PackAnswer answer = Pack(Upload());
  ASSERT_NE(answer.job, nullptr);
  EXPECT_EQ(answer.miss_reason, "UNSEEN_ARCHIVE");
  const auto writer = Take(answer);
  const std::string archive = MakeSmallArchive("hello");
  for (size_t at = 0; at < archive.size(); at += 1000) {
    const auto wanted =
        writer->Write(std::string_view(archive).substr(at, 1000), {});
    ASSERT_TRUE(wanted.ok()) << wanted.status();
    // The reader needs nothing behind the archive's end.
    if (!*wanted) {
      break;
    }
  }
  writer->Close();
  const JobSnapshot end = WaitForEnd(*answer.job);
  ASSERT_EQ(end.state, JobState::kSucceeded) << end.status;
  const ArtifactRecord same =
      Make(Archive(WriteFile("a.tar", MakeSmallArchive("hello"))));
  EXPECT_EQ(same.digest, end.artifact.digest);
}

TEST_F(PackUploadTest, UploadsAreNeverShared) {
  const PackAnswer first = Pack(Upload());
  const PackAnswer second = Pack(Upload());
  EXPECT_NE(first.job, second.job);
  EXPECT_NE(first.upload_id, second.upload_id);
  for (const PackAnswer& answer : {first, second}) {
    ASSERT_TRUE(
        scheduler_->Cancel(answer.job->id(), answer.interest_id, false).ok());
    EXPECT_EQ(WaitForEnd(*answer.job).state, JobState::kCancelled);
    EXPECT_TRUE(HasReason(uploads_.Take(answer.upload_id).status(),
                          "UPLOAD_NOT_FOUND"));
  }
}

TEST_F(PackUploadTest, AVanishedSenderFailsTheJob) {
  const std::string archive = MakeSmallArchive("hello");
  for (const size_t size : {size_t{0}, archive.size() / 2}) {
    const PackAnswer answer = Pack(Upload());
    auto writer = Take(answer);
    ASSERT_TRUE(writer->Write(archive.substr(0, size), {}).ok());
    writer.reset();
    const JobSnapshot end = WaitForEnd(*answer.job);
    EXPECT_EQ(end.state, JobState::kFailed);
    EXPECT_TRUE(HasReason(end.status, "UPLOAD_BROKEN")) << end.status;
    ExpectNoStage();
  }
}

TEST_F(PackUploadTest, ASenderThatNeverComesFailsTheJob) {
  PackService::Options options;
  options.upload_timeout = std::chrono::milliseconds(1);
  Open(options);
  const PackAnswer answer = Pack(Upload());
  const JobSnapshot end = WaitForEnd(*answer.job);
  EXPECT_TRUE(HasReason(end.status, "UPLOAD_BROKEN")) << end.status;
}

TEST_F(PackUploadTest, AFailedJobStopsTheSender) {
  const PackAnswer answer = Pack(Upload());
  const auto writer = Take(answer);
  const std::string garbage(1 << 20, 'x');
  absl::StatusOr<bool> wanted = true;
  while (wanted.ok() && *wanted) {
    wanted = writer->Write(garbage, {});
  }
  ASSERT_TRUE(wanted.ok()) << wanted.status();
  EXPECT_EQ(WaitForEnd(*answer.job).state, JobState::kFailed);
}

}  // namespace
}  // namespace bottled
