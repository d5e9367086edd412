// PackService with an engine's images. The engine is a fake, so that it can be
// slow, wrong and counted; real ones are in tests/e2e.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "base/error.h"
#include "fakes/fake_engine.h"
#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "image/platform.h"
#include "jobs/repeat_spec.h"
#include "jobs/service_fixture.h"

namespace bottled {
namespace {

using ::testing::ElementsAre;
using testing::MakeArchive;
using testing::MakeLayer;
using testing::WaitForEnd;

constexpr std::chrono::seconds kPatience(60);

class PackImageTest : public testing::ServiceFixture {
 protected:
  explicit PackImageTest(EngineClient::Options engine = EngineClient::Options())
      : ServiceFixture(engine) {
    Serve("demo:1", Image("hello"));
  }

  static testing::TestImage Image(const std::string& content) {
    return {.layers = {MakeLayer({{"etc/", ""}, {"etc/motd", content}})}};
  }
  static std::string Id(const testing::TestImage& image) {
    return Sha256Of(testing::MakeConfig(image)).ToString();
  }
  static std::string SavePath(const testing::TestImage& image) {
    return "/images/" + Id(image) + "/get";
  }
  static std::string Inspect(const testing::TestImage& image) {
    return fmt::format(
        R"({{"Id":"{}","Architecture":"{}","Os":"linux","Size":4711,)"
        R"("Config":{{"Env":["A=b"],"Cmd":["/bin/sh"],"User":"agent",)"
        R"("Entrypoint":null}},)"
        R"("RootFS":{{"Type":"layers","Layers":["{}"]}}}})",
        Id(image), HostPlatform().architecture,
        Sha256Of(image.layers[0]).ToString());
  }
  void Serve(const std::string& reference, const testing::TestImage& image) {
    engine_.AddImage(reference, Id(image), Inspect(image), MakeArchive(image));
  }
  PackSpec Spec(const std::string& reference = "demo:1") {
    PackSpec spec;
    ImageSource source;
    source.reference = reference;
    source.engine.host = engine_.host();
    spec.source = source;
    return spec;
  }
  int Saves() { return engine_.CountRequests(SavePath(Image("hello"))); }

  testing::FakeEngine engine_;
};

TEST_F(PackImageTest, IsMadeOnceAndThenAHitByOneCall) {
  const PackAnswer first = Pack(Spec());
  ASSERT_NE(first.job, nullptr);
  EXPECT_EQ(first.miss_reason, "NEVER_BUILT");
  EXPECT_EQ(first.job->source(), "demo:1");
  const JobSnapshot end = WaitForEnd(*first.job);
  ASSERT_EQ(end.state, JobState::kSucceeded) << end.status;
  EXPECT_EQ(first.job->flight_key(), end.artifact.content_key.hex());
  EXPECT_THAT(end.artifact.references, ElementsAre("demo:1"));
  EXPECT_EQ(Saves(), 1);

  const size_t requests = engine_.requests().size();
  const PackAnswer second = Pack(Spec());
  ASSERT_TRUE(second.artifact.has_value());
  EXPECT_EQ(second.artifact->digest, end.artifact.digest);
  EXPECT_EQ(engine_.requests().size(), requests + 1);
  EXPECT_EQ(Saves(), 1);
}

TEST_F(PackImageTest, TagsOfOneContentShareTheArtifact) {
  Serve("other:2", Image("hello"));
  const ArtifactRecord first = Make(Spec());
  const PackAnswer second = Pack(Spec("other:2"));
  ASSERT_TRUE(second.artifact.has_value());
  EXPECT_EQ(second.artifact->digest, first.digest);
  // An archive of the same image, too.
  const ArtifactRecord third =
      Make(Archive(WriteFile("a.tar", MakeArchive(Image("hello")))));
  EXPECT_EQ(third.digest, first.digest);
}

TEST_F(PackImageTest, AReferenceThatMovedSaysSo) {
  const ArtifactRecord first = Make(Spec());
  Serve("demo:1", Image("other"));
  const PackAnswer moved = Pack(Spec());
  ASSERT_NE(moved.job, nullptr);
  EXPECT_EQ(moved.miss_reason, "INPUT_CHANGED");
  EXPECT_NE(WaitForEnd(*moved.job).artifact.digest, first.digest);
}

// After a restart, too: the job makes what was asked for.
TEST_F(PackImageTest, AResumedJobPacksTheImageThatTheTagMeantThen) {
  const ArtifactRecord first = Make(Spec());
  JobRecord row = index_->ListJobs(true, 1)->at(0);
  ASSERT_TRUE(service_->RemoveArtifact(first.digest.ToString()).ok());
  Serve("demo:1", Image("other"));
  JobRecord again;
  again.id = "again";
  again.flight = row.flight;
  again.spec = row.spec;
  again.wish = row.wish;
  ASSERT_TRUE(index_->InsertJob(again).ok());
  ASSERT_TRUE(service_->Resume().ok());
  const JobSnapshot end = WaitForEnd(*scheduler_->Find("again"));
  EXPECT_EQ(end.state, JobState::kSucceeded) << end.status;
  EXPECT_EQ(end.artifact.digest, first.digest);
  EXPECT_THAT(end.artifact.references, ElementsAre("demo:1"));
  EXPECT_EQ(end.content_key, first.content_key);
}

// Both start with the machine, in any order.
TEST_F(PackImageTest, AResumedJobWaitsForItsEngine) {
  const std::filesystem::path late = files_.path() / "late.sock";
  PackSpec spec = Spec();
  std::get<ImageSource>(spec.source).engine.host = "unix://" + late.string();
  AddRow("early", EncodeRepeat(spec));
  ASSERT_TRUE(service_->Resume().ok());
  const std::shared_ptr<Job> job = scheduler_->Find("early");
  while (!::testing::Matches(::testing::Contains(::testing::HasSubstr(
      "waiting for the engine")))(job->events().LogTail(9))) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  std::filesystem::create_symlink(engine_.host().substr(7), late);
  const JobSnapshot end = WaitForEnd(*job);
  EXPECT_EQ(end.state, JobState::kSucceeded) << end.status;
}

class PackSilentImageTest : public PackImageTest {
 protected:
  static EngineClient::Options Hasty() {
    EngineClient::Options options;
    options.unary_timeout = std::chrono::seconds(3);
    return options;
  }
  PackSilentImageTest() : PackImageTest(Hasty()) {}
};

// Its service manager listens for it before it runs, and it before it is ready.
TEST_F(PackSilentImageTest, AResumedJobWaitsForAnEngineThatIsNotReady) {
  testing::FakeReply silent;
  silent.delay = std::chrono::hours(1);
  testing::FakeReply cut_off;
  cut_off.hang_up = true;
  testing::FakeReply ready;
  ready.fields = {{"Api-Version", "1.41"}};
  const auto asked = std::make_shared<std::atomic<size_t>>(0);
  const std::vector<testing::FakeReply> replies = {
      silent, cut_off, testing::FakeReply::Error(503, "starting"), ready};
  engine_.Route("/_ping", [=](const testing::FakeRequest&) {
    return replies[std::min((*asked)++, replies.size() - 1)];
  });
  AddRow("early", EncodeRepeat(Spec()));
  ASSERT_TRUE(service_->Resume().ok());
  const JobSnapshot end = WaitForEnd(*scheduler_->Find("early"));
  EXPECT_EQ(end.state, JobState::kSucceeded) << end.status;
  EXPECT_GE(*asked, replies.size());
}

TEST_F(PackImageTest, AResumedJobWaitsForItsEngineNoLongerThanItMay) {
  PackService::Options options;
  options.engine_patience = std::chrono::milliseconds(300);
  Open(options);
  AddRow("early", EncodeRepeat(Spec()));
  engine_.Stop();
  ASSERT_TRUE(service_->Resume().ok());
  const JobSnapshot end = WaitForEnd(*scheduler_->Find("early"));
  EXPECT_EQ(end.state, JobState::kFailed);
  EXPECT_TRUE(HasReason(end.status, "ENGINE_UNREACHABLE")) << end.status;
}

TEST_F(PackImageTest, CallersOfASlowImageShareOneRead) {
  testing::FakeReply slow =
      testing::FakeReply::Tar(MakeArchive(Image("hello")));
  slow.stall_at = 1000;
  engine_.Route(SavePath(Image("hello")), slow);
  const PackAnswer first = Pack(Spec());
  ASSERT_NE(first.job, nullptr);
  PackSpec forced = Spec();
  forced.force = true;
  for (const PackSpec& spec : {Spec(), forced}) {
    const PackAnswer joined = Pack(spec);
    EXPECT_EQ(joined.job, first.job);
    EXPECT_NE(joined.interest_id, first.interest_id);
  }
  ASSERT_TRUE(engine_.WaitForRequest(SavePath(Image("hello")), kPatience));
  EXPECT_EQ(Saves(), 1);
  EXPECT_EQ(first.job->interest_count(), 3);
  // The last one leaving closes the connection to the engine.
  ASSERT_TRUE(scheduler_->Cancel(first.job->id(), "", true).ok());
  EXPECT_EQ(WaitForEnd(*first.job).state, JobState::kCancelled);
  EXPECT_TRUE(engine_.WaitForAborted(1, kPatience));
  ExpectNoStage();
}

TEST_F(PackImageTest, ACutStreamIsReadOnceMore) {
  testing::FakeReply cut = testing::FakeReply::Tar(MakeArchive(Image("hello")));
  cut.cut_at = 2000;
  std::atomic<int> turns = 0;
  engine_.Route(SavePath(Image("hello")), [&,
                                           cut](const testing::FakeRequest&) {
    return ++turns == 1 ? cut
                        : testing::FakeReply::Tar(MakeArchive(Image("hello")));
  });
  const PackAnswer answer = Pack(Spec());
  ASSERT_NE(answer.job, nullptr);
  const JobSnapshot end = WaitForEnd(*answer.job);
  EXPECT_EQ(end.state, JobState::kSucceeded) << end.status;
  EXPECT_EQ(turns, 2);
}

TEST_F(PackImageTest, AnotherImageUnderTheSameIdIsRefused) {
  engine_.Route(SavePath(Image("hello")),
                testing::FakeReply::Tar(MakeArchive(Image("evil!"))));
  const PackAnswer answer = Pack(Spec());
  ASSERT_NE(answer.job, nullptr);
  const JobSnapshot end = WaitForEnd(*answer.job);
  EXPECT_EQ(end.state, JobState::kFailed);
  EXPECT_TRUE(HasReason(end.status, "IMAGE_CHANGED")) << end.status;
  EXPECT_EQ(ArtifactCount(), 0);
}

TEST_F(PackImageTest, ErrorsOfIdentificationAreTheCalls) {
  EXPECT_TRUE(HasReason(TryPack(Spec("none:1")).status(), "IMAGE_NOT_FOUND"));
  EXPECT_TRUE(HasReason(TryPack(Spec("BAD NAME")).status(), "BAD_REFERENCE"));
  engine_.Stop();
  EXPECT_TRUE(HasReason(TryPack(Spec()).status(), "ENGINE_UNREACHABLE"));
  EXPECT_EQ(scheduler_->active_count(), 0);
}

TEST_F(PackImageTest, TheJobOutlivesTheCallAndTheEngineIsAskedById) {
  CancelSource caller;
  const auto answer = service_->Pack(Spec("demo"), caller.token());
  EXPECT_TRUE(HasReason(answer.status(), "IMAGE_NOT_FOUND"))
      << "\"demo\" means demo:latest";
  Serve("demo:latest", Image("hello"));
  const auto second = service_->Pack(Spec("demo"), caller.token());
  ASSERT_TRUE(second.ok()) << second.status();
  caller.Cancel();
  EXPECT_EQ(WaitForEnd(*second->job).state, JobState::kSucceeded);
  EXPECT_TRUE(Pack(Spec(Id(Image("hello")))).artifact.has_value());
}

}  // namespace
}  // namespace bottled
