#include "jobs/warm_service.h"

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "base/error.h"
#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "image/platform.h"
#include "jobs/bottle_fixture.h"
#include "jobs/warm_spec.h"
#include "store/failure_json.h"

namespace bottled {
namespace {

using testing::FakeReply;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using testing::WaitForEnd;
using testing::WaitUntil;

class WarmServiceTest : public testing::BottleServiceFixture {
 protected:
  WarmServiceTest() {
    FakeReply silent = FakeReply::Tar("");
    silent.stall_at = 0;
    engine_.Route("/events", silent);
    Preflight::Machine machine;
    machine.temporary_dir = files_.path();
    machine.free_bytes = [](const std::filesystem::path&) {
      return absl::StatusOr<int64_t>(int64_t{100} << 30);
    };
    machine.kvm = [] { return KvmStatus(); };
    preflight_ = std::make_unique<Preflight>(
        Preflight::Deps{
            .engines = engines_, .smolvm = smolvm_, .places = index_.places()},
        machine);
    prepares_ = std::make_unique<PrepareService>(
        PrepareService::Deps{.bottles = *bottles_,
                             .packs = *service_,
                             .preflight = *preflight_,
                             .index = *index_});
    options_.times.settle = std::chrono::milliseconds(1);
    options_.times.wait = std::chrono::milliseconds(5);
    options_.times.first_retry = std::chrono::hours(1);
    options_.triggers.first_retry = std::chrono::milliseconds(1);
    options_.triggers.last_retry = std::chrono::milliseconds(5);
    Begin();
  }
  ~WarmServiceTest() override { warming_.reset(); }

  void Begin() {
    warming_.reset();
    warming_ = std::make_unique<WarmService>(
        WarmService::Deps{.prepares = *prepares_,
                          .engines = engines_,
                          .scheduler = *scheduler_,
                          .index = *index_,
                          .changes = feed_,
                          .guard = guard_,
                          .clock = Clock::System()},
        options_);
    const absl::Status started = warming_->Start();
    EXPECT_TRUE(started.ok()) << started;
  }

  PrepareSpec ImageSpec(const std::string& reference) const {
    PrepareSpec spec;
    spec.source = reference;
    spec.engine = Engine();
    return spec;
  }
  WarmResult Warm(const PrepareSpec& spec, bool keep) {
    auto result = warming_->Warm(spec, keep, CancelToken());
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? *std::move(result) : WarmResult();
  }
  WarmView Only() {
    const std::vector<WarmView> views = warming_->List();
    EXPECT_THAT(views, SizeIs(1));
    return views.empty() ? WarmView() : views.front();
  }
  bool Reaches(WarmStatus status) {
    return WaitUntil([&] { return Only().status == status; });
  }
  // Another artifact than `last`, and nothing left to do.
  bool IsWarmedAnew(const Digest& last) {
    return WaitUntil([&] {
      const WarmView view = Only();
      return view.status == WarmStatus::kReady && view.row.artifact != last;
    });
  }

  // The image that `reference` means from now on.
  void Serve(const std::string& reference, const std::string& content) {
    const testing::TestImage image = {
        .layers = {testing::MakeLayer({{"motd", content}})}};
    const Digest id = Sha256Of(testing::MakeConfig(image));
    engine_.AddImage(
        reference, id.ToString(),
        fmt::format(
            R"({{"Id":"{}","Architecture":"{}","Os":"linux",)"
            R"("Config":{{"Env":["A=b"],"Cmd":["/bin/sh"],"User":"agent",)"
            R"("Entrypoint":null}},)"
            R"("RootFS":{{"Type":"layers","Layers":["{}"]}}}})",
            id.ToString(), HostPlatform().architecture,
            Sha256Of(image.layers[0]).ToString()),
        testing::MakeArchive(image));
  }
  // Events are lost, and what happened meanwhile is not.
  void CutEvents() {
    engine_.Stop();
    engine_.Start();
  }
  PackAnswer Ask(const std::string& reference) {
    return Pack(
        {.source = ImageSource{.reference = reference, .engine = Engine()}});
  }

  std::atomic<bool> on_battery_ = false;
  WarmGuard guard_{
      WarmGuard::Options(),
      WarmGuard::Machine{
          .load = [this] { return HostLoad{.on_battery = on_battery_}; },
          .free_bytes =
              [] { return absl::StatusOr<int64_t>(int64_t{100} << 30); },
          .min_free_bytes = [] { return absl::StatusOr<int64_t>(0); }}};
  std::unique_ptr<Preflight> preflight_;
  std::unique_ptr<PrepareService> prepares_;
  WarmService::Options options_;
  std::unique_ptr<WarmService> warming_;
};

TEST_F(WarmServiceTest, WhatIsNotKeptIsMadeOnce) {
  Serve("fx/a:1", "one");
  const WarmResult result = Warm(ImageSpec("fx/a:1"), false);
  ASSERT_NE(result.job, nullptr);
  EXPECT_EQ(result.job->job_class(), JobClass::kWarm);
  const JobSnapshot end = WaitForEnd(*result.job);
  EXPECT_EQ(end.state, JobState::kSucceeded) << end.status;
  EXPECT_TRUE(Warm(ImageSpec("fx/a:1"), false).artifact.has_value());
  EXPECT_THAT(warming_->List(), IsEmpty());
  EXPECT_TRUE(HasReason(Warm(ImageSpec("fx/none:1"), false).failure,
                        "IMAGE_NOT_FOUND"));
  on_battery_ = true;
  Serve("fx/a:1", "two");
  EXPECT_TRUE(
      HasReason(Warm(ImageSpec("fx/a:1"), false).failure, "WARM_REFUSED"));
}

TEST_F(WarmServiceTest, ATargetIsWarmBeforeAnybodyAsks) {
  Serve("fx/a:1", "one");
  EXPECT_TRUE(Warm(ImageSpec("fx/a:1"), true).target.has_value());
  ASSERT_TRUE(IsWarmedAnew(Digest()));
  const Digest first = Only().row.artifact;
  EXPECT_EQ(Ask("fx/a:1").artifact.value().digest, first);

  Serve("fx/a:1", "two");
  CutEvents();
  ASSERT_TRUE(IsWarmedAnew(first));
  const PackAnswer answer = Ask("fx/a:1");
  ASSERT_TRUE(answer.artifact.has_value());
  EXPECT_EQ(answer.artifact->digest, Only().row.artifact);
  EXPECT_EQ(Only().row.warmed_count, 2);
}

TEST_F(WarmServiceTest, LooksAreNoUses) {
  Serve("fx/a:1", "one");
  Warm(ImageSpec("fx/a:1"), true);
  ASSERT_TRUE(IsWarmedAnew(Digest()));
  const Digest made = Only().row.artifact;
  Warm(ImageSpec("fx/a:1"), true);
  Warm(ImageSpec("fx/a:1"), false);
  EXPECT_TRUE(index_->FindByDigest(made).value().value().warmed);
  Ask("fx/a:1");
  EXPECT_FALSE(index_->FindByDigest(made).value().value().warmed);
}

TEST_F(WarmServiceTest, ATargetThatNobodyAsksForIsPaused) {
  Serve("fx/a:1", "0");
  Warm(ImageSpec("fx/a:1"), true);
  ASSERT_TRUE(IsWarmedAnew(Digest()));
  for (int i = 1; i < kMaxUnusedWarms; ++i) {
    const Digest last = Only().row.artifact;
    Serve("fx/a:1", std::to_string(i));
    CutEvents();
    ASSERT_TRUE(IsWarmedAnew(last));
  }
  EXPECT_EQ(Only().row.unused_count, kMaxUnusedWarms);
  Serve("fx/a:1", "unwanted");
  CutEvents();
  ASSERT_TRUE(Reaches(WarmStatus::kPaused));
  EXPECT_THAT(Only().row.paused, HasSubstr("nobody asked"));
  EXPECT_EQ(Only().row.warmed_count, kMaxUnusedWarms);
  // The same after a restart, and until it is resumed.
  Begin();
  EXPECT_EQ(Only().status, WarmStatus::kPaused);
  const Digest last = Only().row.artifact;
  ASSERT_TRUE(warming_->Resume("fx/a:1").ok());
  EXPECT_TRUE(IsWarmedAnew(last));
  EXPECT_EQ(Only().row.unused_count, 1);
}

TEST_F(WarmServiceTest, AskingForOneKeepsItGoing) {
  Serve("fx/a:1", "0");
  Warm(ImageSpec("fx/a:1"), true);
  ASSERT_TRUE(IsWarmedAnew(Digest()));
  for (int i = 1; i < 2 * kMaxUnusedWarms; ++i) {
    EXPECT_TRUE(Ask("fx/a:1").artifact.has_value());
    const Digest last = Only().row.artifact;
    Serve("fx/a:1", std::to_string(i));
    CutEvents();
    ASSERT_TRUE(IsWarmedAnew(last)) << i;
    EXPECT_EQ(Only().row.unused_count, 1);
  }
}

TEST_F(WarmServiceTest, AFailureIsKeptUntilItIsMended) {
  const WarmResult result = Warm(ImageSpec("fx/a:1"), true);
  EXPECT_TRUE(HasReason(result.failure, "IMAGE_NOT_FOUND"));
  ASSERT_TRUE(result.target.has_value());
  // Due at once when the engine's events begin, and not again for a while.
  ASSERT_TRUE(WaitUntil([&] {
    const WarmView view = Only();
    return view.status == WarmStatus::kFailed && view.next_ms != 0;
  }));
  EXPECT_TRUE(
      HasReason(DecodeFailure(Only().row.failure_json), "IMAGE_NOT_FOUND"));
  Serve("fx/a:1", "one");
  CutEvents();
  EXPECT_TRUE(IsWarmedAnew(Digest()));
  EXPECT_EQ(Only().row.failure_json, "");
}

TEST_F(WarmServiceTest, WaitsForTheMachine) {
  on_battery_ = true;
  Serve("fx/a:1", "one");
  Warm(ImageSpec("fx/a:1"), true);
  ASSERT_TRUE(Reaches(WarmStatus::kWaiting));
  EXPECT_THAT(Only().waiting, HasSubstr("battery"));
  EXPECT_EQ(ArtifactCount(), 0);
  on_battery_ = false;
  EXPECT_TRUE(IsWarmedAnew(Digest()));
}

TEST_F(WarmServiceTest, TargetsOutliveTheDaemon) {
  Serve("fx/a:1", "one");
  Warm(ImageSpec("fx/a:1"), true);
  ASSERT_TRUE(IsWarmedAnew(Digest()));
  const Digest first = Only().row.artifact;
  warming_->Stop();
  Serve("fx/a:1", "two");
  Begin();
  EXPECT_TRUE(IsWarmedAnew(first));
}

TEST_F(WarmServiceTest, ARemovedTargetIsForgotten) {
  Serve("fx/a:1", "one");
  Warm(ImageSpec("fx/a:1"), true);
  ASSERT_TRUE(warming_->Remove("fx/a:1").ok());
  EXPECT_THAT(warming_->List(), IsEmpty());
  EXPECT_TRUE(
      HasReason(warming_->Remove("fx/a:1").status(), "WARM_TARGET_NOT_FOUND"));
  Begin();
  EXPECT_THAT(warming_->List(), IsEmpty());
}

TEST_F(WarmServiceTest, AnAgentsDefaultImageIsWarmed) {
  Serve("fx/default:1", "one");
  PrepareSpec spec;
  spec.bottle = New("demo");
  spec.engine = Engine();
  spec.default_image = "fx/default:1";
  const WarmResult result = Warm(spec, true);
  ASSERT_TRUE(result.target.has_value());
  EXPECT_EQ(result.target->row.kind, WarmKind::kAgent);
  ASSERT_TRUE(IsWarmedAnew(Digest()));
  EXPECT_TRUE(Ask("fx/default:1").artifact.has_value());
  EXPECT_TRUE(bottles_->List().value().empty()) << "no bottle is made";
}

TEST_F(WarmServiceTest, ABuildThatCannotBeIsKeptOrRefused) {
  PrepareSpec spec = ImageSpec("");
  spec.source = BuildSpec{.context = (files_.path() / "absent").native()};
  EXPECT_TRUE(HasReason(Warm(spec, true).failure, "NOT_FOUND"));
  spec.source = BuildSpec{.context = "git@host:x"};
  EXPECT_TRUE(HasReason(warming_->Warm(spec, true, CancelToken()).status(),
                        "BAD_WARM_TARGET"));
}

}  // namespace
}  // namespace bottled
