#include <string>

#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jobs/pack_service.h"
#include "jobs/repeat_spec.h"
#include "jobs/service_fixture.h"

namespace bottled {
namespace {

using testing::MakeSmallArchive;
using testing::WaitForEnd;

class PackResumeTest : public testing::ServiceFixture {
 protected:
  JobRecord RowOf(const std::string& id) { return **index_->FindJob(id); }
};

TEST_F(PackResumeTest, AnArchiveIsPackedUnderTheJobsOldId) {
  const std::string path = WriteFile("a.tar", MakeSmallArchive("hello"));
  AddRow("old", EncodeRepeat(Archive(path)));
  ASSERT_TRUE(service_->Resume().ok());
  const std::shared_ptr<Job> job = scheduler_->Find("old");
  ASSERT_NE(job, nullptr);
  const JobSnapshot end = WaitForEnd(*job);
  EXPECT_EQ(end.state, JobState::kSucceeded) << end.status;
  EXPECT_EQ(RowOf("old").artifact, end.artifact.digest);
  // And is known from now on.
  EXPECT_TRUE(Pack(Archive(path)).artifact.has_value());
}

TEST_F(PackResumeTest, AnArchiveThatIsGoneSaysSo) {
  AddRow("old", EncodeRepeat(Archive("/nowhere/a.tar")));
  ASSERT_TRUE(service_->Resume().ok());
  const JobSnapshot end = WaitForEnd(*scheduler_->Find("old"));
  EXPECT_EQ(end.state, JobState::kFailed);
  EXPECT_TRUE(HasReason(end.status, "ARCHIVE_NOT_FOUND")) << end.status;
}

TEST_F(PackResumeTest, NoJobStaysOpen) {
  AddRow("unreadable", R"({"from":"a later release"})");
  AddRow("unrepeatable", "");
  AddRow("warm", EncodeRepeat(Archive("/a.tar")), JobWish::kWarm);
  ASSERT_TRUE(service_->Resume().ok());
  EXPECT_TRUE(index_->OpenJobs()->empty());
  for (const char* id : {"unreadable", "unrepeatable", "warm"}) {
    EXPECT_EQ(RowOf(id).state, JobRowState::kInterrupted) << id;
    EXPECT_THAT(RowOf(id).failure_json, ::testing::HasSubstr("INTERRUPTED"));
    EXPECT_EQ(scheduler_->Find(id), nullptr);
  }
}

TEST_F(PackResumeTest, AJobsRowTellsHowToAskAgain) {
  const std::string path = WriteFile("a.tar", MakeSmallArchive("hello"));
  const PackAnswer answer = Pack(Archive(path));
  ASSERT_NE(answer.job, nullptr);
  WaitForEnd(*answer.job);
  const JobRecord row = RowOf(answer.job->id());
  EXPECT_EQ(row.flight, answer.job->flight_key());
  const auto spec = DecodeRepeat(row.spec);
  ASSERT_TRUE(spec.has_value()) << row.spec;
  EXPECT_EQ(std::get<ArchiveFileSource>(spec->source).path, path);

  PackSpec upload;
  upload.source = UploadedSource{.name = "standard input", .reference = ""};
  EXPECT_EQ(RowOf(Pack(upload).job->id()).spec, "");
}

}  // namespace
}  // namespace bottled
