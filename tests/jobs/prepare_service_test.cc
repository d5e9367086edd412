#include "jobs/prepare_service.h"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <variant>

#include "base/error.h"
#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "image/platform.h"
#include "jobs/bottle_fixture.h"
#include "jobs/build_fingerprint.h"

namespace bottled {
namespace {

using ::testing::ElementsAre;
using testing::FakeReply;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::MakeSmallArchive;
using testing::ReasonsIn;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;
using testing::WaitForEnd;

constexpr int64_t kMuchSpace = int64_t{100} << 30;

class PrepareServiceTest : public testing::BottleServiceFixture {
 protected:
  PrepareServiceTest() {
    Preflight::Machine machine;
    machine.temporary_dir = files_.path();
    machine.free_bytes = [this](const std::filesystem::path&) {
      return absl::StatusOr<int64_t>(free_bytes_);
    };
    machine.kvm = [this] { return kvm_; };
    preflight_ = std::make_unique<Preflight>(
        Preflight::Deps{
            .engines = engines_, .smolvm = smolvm_, .places = index_.places()},
        machine);
    prepares_ = std::make_unique<PrepareService>(
        PrepareService::Deps{.bottles = *bottles_,
                             .packs = *service_,
                             .preflight = *preflight_,
                             .index = *index_});
  }

  // --- what is asked -------------------------------------------------------
  PrepareSpec Spec(const BottleQuery& query, SourceVariant source = {}) const {
    PrepareSpec spec;
    spec.bottle = query;
    spec.source = std::move(source);
    spec.engine = Engine();
    return spec;
  }
  SourceVariant ArchiveOf(const std::string& content) {
    return ArchiveFileSource{
        .path = WriteFile(content + ".tar", MakeSmallArchive(content)),
        .reference = ""};
  }
  absl::StatusOr<Prepared> TryPrepare(const PrepareSpec& spec) {
    return prepares_->Prepare(spec, CancelToken());
  }
  Prepared Prepare(const PrepareSpec& spec) {
    absl::StatusOr<Prepared> prepared = TryPrepare(spec);
    EXPECT_TRUE(prepared.ok()) << prepared.status();
    return std::move(prepared).value();
  }
  std::string WhyNot(const PrepareSpec& spec) {
    return GetErrorDetail(TryPrepare(spec).status()).reason;
  }
  // The slug, once its artifact is there.
  std::string PrepareWhole(const PrepareSpec& spec) {
    const Prepared prepared = Prepare(spec);
    EXPECT_TRUE(prepared.job.has_value());
    const JobSnapshot end = WaitForEnd(*prepared.job.value().job);
    EXPECT_EQ(end.state, JobState::kSucceeded) << end.status;
    return prepared.plan.identity.slug;
  }
  std::string DigestOf(const Prepared& prepared) {
    EXPECT_FALSE(prepared.job.has_value());
    EXPECT_TRUE(prepared.plan.artifact.has_value());
    return prepared.plan.artifact.value().digest.ToString();
  }
  std::string SourceOf(const std::string& slug) {
    return Row(slug).record.source;
  }

  // --- what the engine has -------------------------------------------------
  static testing::TestImage Image(const std::string& content) {
    return {.layers = {testing::MakeLayer({{"motd", content}})}};
  }
  // Returns its ID.
  Digest Serve(const std::string& reference, const std::string& content) {
    const testing::TestImage image = Image(content);
    const Digest id = Sha256Of(testing::MakeConfig(image));
    const std::string inspect = fmt::format(
        R"({{"Id":"{}","Architecture":"{}","Os":"linux","Size":4711,)"
        R"("Config":{{"Env":["A=b"],"Cmd":["/bin/sh"],"User":"agent",)"
        R"("Entrypoint":null}},)"
        R"("RootFS":{{"Type":"layers","Layers":["{}"]}}}})",
        id.ToString(), HostPlatform().architecture,
        Sha256Of(image.layers[0]).ToString());
    engine_.AddImage(reference, id.ToString(), inspect,
                     testing::MakeArchive(image));
    return id;
  }
  // A context, and the build of it that a request or the manifest asks for.
  BuildSpec Context() {
    const std::filesystem::path dir = files_.path() / "context";
    std::filesystem::create_directories(dir);
    std::ofstream(dir / "Dockerfile") << "FROM scratch\n";
    BuildSpec build;
    build.context = dir.string();
    build.dockerfile = (dir / "Dockerfile").string();
    return build;
  }
  // As if the build had been run before, and had made `image`.
  void RememberBuild(const BuildSpec& build, const Digest& image) {
    const std::string fingerprint =
        BuildFingerprint(build, index_->instance_id(), CancelToken()).value();
    EXPECT_TRUE(
        index_->RecordBuild(engine_.host(), fingerprint, image, 1).ok());
  }

  SmolvmPrograms smolvm_{SmolvmPrograms::Options()};
  int64_t free_bytes_ = kMuchSpace;
  KvmStatus kvm_{KvmStatus::State::kOk, "/dev/kvm can be used"};
  std::unique_ptr<Preflight> preflight_;
  std::unique_ptr<PrepareService> prepares_;
};

// --- from a source to a whole plan -------------------------------------------

TEST_F(PrepareServiceTest, AnArchiveIsPackedOnceAndThenInThePlan) {
  const SourceVariant source = ArchiveOf("hello");
  const Prepared first = Prepare(Spec(New(), source));
  const std::string slug = first.plan.identity.slug;
  EXPECT_FALSE(first.plan.artifact.has_value());
  EXPECT_EQ(first.plan.revision, 1);
  ExpectFiles(first.plan);
  ASSERT_TRUE(first.job.has_value());
  EXPECT_FALSE(first.job->artifact.has_value());
  EXPECT_EQ(first.job->miss_reason, "UNSEEN_ARCHIVE");
  EXPECT_FALSE(first.job->interest_id.empty());
  const JobSnapshot end = WaitForEnd(*first.job->job);
  ASSERT_EQ(end.state, JobState::kSucceeded) << end.status;

  // The source is remembered.
  EXPECT_EQ(SourceOf(slug), EncodeSource(source));
  const Prepared whole = Prepare(Spec(Resume(slug)));
  EXPECT_EQ(DigestOf(whole), end.artifact.digest.ToString());
  EXPECT_EQ(whole.plan.identity.slug, slug);
  EXPECT_EQ(whole.plan.addresses, first.plan.addresses);
  EXPECT_EQ(whole.plan.revision, 1) << "to get an artifact changes no plan";
  ExpectFiles(whole.plan);
  EXPECT_EQ(Row(slug).record.artifact, end.artifact.digest);
  // A new bottle of the same source needs no job.
  const Prepared other = Prepare(Spec(New(), source));
  EXPECT_EQ(DigestOf(other), end.artifact.digest.ToString());
  EXPECT_NE(other.plan.identity.slug, slug);
}

TEST_F(PrepareServiceTest, ImagesNeedTheEngineArchivesDoNot) {
  const absl::Status no_engine =
      MakeError(absl::StatusCode::kInvalidArgument, "ENGINE_CONTEXT_NOT_FOUND",
                "no such context", "");
  Serve("demo:1", "hello");
  PrepareSpec image = Spec(New(), std::string("demo:1"));
  image.engine = no_engine;
  EXPECT_EQ(WhyNot(image), "ENGINE_CONTEXT_NOT_FOUND");
  PrepareSpec build = Spec(New(), Context());
  build.engine = no_engine;
  EXPECT_EQ(WhyNot(build), "ENGINE_CONTEXT_NOT_FOUND");
  ExpectNoBottle();
  PrepareSpec archive = Spec(New(), ArchiveOf("hello"));
  archive.engine = no_engine;
  PrepareWhole(archive);
}

TEST_F(PrepareServiceTest, AnImageIsRememberedByItsName) {
  Serve("demo:1", "hello");
  const std::string slug = PrepareWhole(Spec(New(), std::string("demo:1")));
  EXPECT_EQ(SourceOf(slug), R"({"image":"demo:1"})");
  // Neither a default nor what the engine has otherwise gets in between.
  Serve("other:1", "other");
  PrepareSpec spec = Spec(Resume(slug));
  spec.default_image = "other:1";
  const std::string digest = DigestOf(Prepare(spec));
  EXPECT_EQ(digest, index_->ListArtifacts(0).value()[0].digest.ToString());
  EXPECT_EQ(index_->ListArtifacts(0).value().size(), 1U);
  // Another image under the name is another plan.
  Serve("demo:1", "moved");
  const Prepared moved = Prepare(Spec(Resume(slug)));
  EXPECT_EQ(moved.job.value().miss_reason, "INPUT_CHANGED");
  WaitForEnd(*moved.job->job);
}

TEST_F(PrepareServiceTest, AResumedBottleMayChangeItsSource) {
  const std::string slug = PrepareWhole(Spec(New(), ArchiveOf("hello")));
  const std::string first = DigestOf(Prepare(Spec(Resume(slug))));
  const SourceVariant source = ArchiveOf("other");
  const Prepared pending = Prepare(Spec(Resume(slug), source));
  EXPECT_FALSE(pending.plan.artifact.has_value()) << "it had another source's";
  ExpectFiles(pending.plan);
  WaitForEnd(*pending.job.value().job);
  EXPECT_EQ(SourceOf(slug), EncodeSource(source));
  const Prepared second = Prepare(Spec(Resume(slug)));
  EXPECT_NE(DigestOf(second), first);
  EXPECT_EQ(second.plan.revision, 2) << "another artifact is another plan";
}

TEST_F(PrepareServiceTest, TheDefaultIsUsedLastAndNotRemembered) {
  EXPECT_EQ(WhyNot(Spec(New())), "BAD_REQUEST");
  ExpectNoBottle();
  Serve("default:1", "hello");
  PrepareSpec spec = Spec(New());
  spec.default_image = "default:1";
  const std::string slug = PrepareWhole(spec);
  EXPECT_EQ(SourceOf(slug), "");
  spec.bottle = Resume(slug);
  EXPECT_FALSE(DigestOf(Prepare(spec)).empty());
  EXPECT_EQ(WhyNot(Spec(Resume(slug))), "BAD_REQUEST");
}

TEST_F(PrepareServiceTest, OptionsMakeAnotherArtifact) {
  const SourceVariant source = ArchiveOf("hello");
  const std::string slug = PrepareWhole(Spec(New(), source));
  PrepareSpec spec = Spec(Resume(slug));
  spec.options.memory_mib = 512;
  EXPECT_EQ(PrepareWhole(spec), slug);
  EXPECT_EQ(ArtifactCount(), 2);
  EXPECT_NE(DigestOf(Prepare(spec)), DigestOf(Prepare(Spec(Resume(slug)))));
}

// --- builds ------------------------------------------------------------------

TEST_F(PrepareServiceTest, AnUnchangedBuildOfTheManifestIsItsImage) {
  const BuildSpec build = Context();
  Bottle("dev", "agent_provider: {dockerfile: " + build.dockerfile + "}");
  RememberBuild(build, Serve("built:1", "hello"));
  Serve("default:1", "other");
  PrepareSpec spec = Spec(New());
  spec.default_image = "default:1";
  const Prepared first = Prepare(spec);
  const std::string slug = first.plan.identity.slug;
  ASSERT_TRUE(first.job.has_value());
  // The name that such images have.
  EXPECT_THAT(first.job->job->source(), StartsWith("bottled.local/prepare:"));
  ASSERT_EQ(WaitForEnd(*first.job->job).state, JobState::kSucceeded);
  EXPECT_EQ(SourceOf(slug), "") << "the manifest says it";
  EXPECT_FALSE(DigestOf(Prepare(Spec(Resume(slug)))).empty());
}

TEST_F(PrepareServiceTest, ABuildOfTheRequestIsRememberedByItsTag) {
  BuildSpec build = Context();
  build.tag = "mine:1";
  build.args = {{.name = "TOKEN", .value = "secret"}};
  RememberBuild(build, Serve("mine:1", "hello"));
  const std::string slug = PrepareWhole(Spec(New(), build));
  EXPECT_EQ(SourceOf(slug), R"({"image":"mine:1"})");
  EXPECT_FALSE(DigestOf(Prepare(Spec(Resume(slug)))).empty());
}

TEST_F(PrepareServiceTest, AnImageThatWasPrunedOrDistrustedIsBuiltAgain) {
  BuildSpec build = Context();
  // Where there is no docker: that it is called is all that counts here.
  build.environment = {{"PATH", files_.path().string()}};
  RememberBuild(build, Sha256Of("pruned"));
  const Prepared pruned = Prepare(Spec(New(), build));
  EXPECT_EQ(pruned.job.value().miss_reason, "BUILD");
  EXPECT_EQ(WaitForEnd(*pruned.job->job).state, JobState::kFailed);

  RememberBuild(build, Serve("built:1", "hello"));
  PrepareSpec spec = Spec(New(), build);
  spec.always_build = true;
  const Prepared distrusted = Prepare(spec);
  EXPECT_EQ(distrusted.job.value().miss_reason, "BUILD");
  WaitForEnd(*distrusted.job->job);
  EXPECT_EQ(bottles_->List().value().size(), 2U);
}

TEST_F(PrepareServiceTest, ABuildThatNoBuilderTakesLeavesNothing) {
  BuildSpec build = Context();
  build.context = "relative";
  EXPECT_EQ(WhyNot(Spec(New(), build)), "BAD_BUILD");
  build.context = (files_.path() / "gone").string();
  build.dockerfile = "";
  EXPECT_FALSE(TryPrepare(Spec(New(), build)).ok());
  ExpectNoBottle();
}

// --- what is in the way ------------------------------------------------------

TEST_F(PrepareServiceTest, FindingsOfTheMachineAreWarnings) {
  const SourceVariant source = ArchiveOf("hello");
  PrepareWhole(Spec(New(), source));
  PrepareSpec spec = Spec(New(), source);
  kvm_ = {KvmStatus::State::kDenied, "may not be opened"};
  free_bytes_ = int64_t{1} << 30;
  EXPECT_THAT(Prepare(spec).plan.warnings, IsEmpty())
      << "without a PATH nobody is to launch it";
  // An smolvm is not there.
  spec.build_environment = {{"PATH", files_.path().string()}};
  const Plan plan = Prepare(spec).plan;
  EXPECT_THAT(
      ReasonsIn(plan.warnings),
      UnorderedElementsAre("SMOLVM_NOT_FOUND", "KVM_DENIED", "DISK_LOW"));
  for (const Warning& warning : plan.warnings) {
    if (warning.reason == "KVM_DENIED") {
      EXPECT_THAT(warning.message,
                  StartsWith("may not be opened; machines cannot be launched. "
                             "Join the group"));
    }
  }
  ExpectFiles(plan);
  // What is well is not said.
  kvm_ = {KvmStatus::State::kOk, "/dev/kvm can be used"};
  free_bytes_ = kMuchSpace;
  EXPECT_THAT(ReasonsIn(Prepare(spec).plan.warnings),
              ElementsAre("SMOLVM_NOT_FOUND"));
}

TEST_F(PrepareServiceTest, ASourceThatIsNoGoodLeavesNothing) {
  const SourceVariant gone = ArchiveFileSource{
      .path = (files_.path() / "gone.tar").string(), .reference = ""};
  EXPECT_EQ(WhyNot(Spec(New(), gone)), "ARCHIVE_NOT_FOUND");
  const SourceVariant relative =
      ArchiveFileSource{.path = "a.tar", .reference = ""};
  EXPECT_EQ(WhyNot(Spec(New(), relative)), "BAD_ARCHIVE_PATH");
  EXPECT_EQ(WhyNot(Spec(New(), std::string("none:1"))), "IMAGE_NOT_FOUND");
  EXPECT_EQ(WhyNot(Spec(New(), std::string("BAD NAME"))), "BAD_REFERENCE");
  PrepareSpec options = Spec(New(), ArchiveOf("hello"));
  options.options.cpus = -1;
  EXPECT_EQ(WhyNot(options), "BAD_PACK_OPTIONS");
  EXPECT_EQ(WhyNot(Spec(New("nobody"), gone)), "MANIFEST_AGENT_NOT_FOUND");
  EXPECT_EQ(WhyNot(Spec(Resume("demo-abcde"), gone)), "BOTTLE_NOT_FOUND");
  ExpectNoBottle();
  EXPECT_EQ(scheduler_->active_count(), 0);
}

TEST_F(PrepareServiceTest, AFailedResumeChangesNothing) {
  const SourceVariant source = ArchiveOf("hello");
  const std::string slug = PrepareWhole(Spec(New(), source));
  const Plan plan = Prepare(Spec(Resume(slug))).plan;
  const StoredBottle row = Row(slug);
  Changes();
  clock_.Advance(std::chrono::hours(1));
  EXPECT_EQ(WhyNot(Spec(Resume(slug), std::string("none:1"))),
            "IMAGE_NOT_FOUND");
  std::filesystem::remove(std::get<ArchiveFileSource>(source).path);
  EXPECT_EQ(WhyNot(Spec(Resume(slug))), "ARCHIVE_NOT_FOUND");
  EXPECT_EQ(Row(slug).record, row.record);
  EXPECT_EQ(Row(slug).lease, row.lease);
  EXPECT_THAT(Changes(), IsEmpty());
  ExpectFiles(plan);
}

TEST_F(PrepareServiceTest, AJobThatFailsLeavesABottleToResume) {
  const SourceVariant broken = ArchiveFileSource{
      .path = WriteFile("broken.tar", "no archive"), .reference = ""};
  const Prepared prepared = Prepare(Spec(New(), broken));
  const std::string slug = prepared.plan.identity.slug;
  EXPECT_EQ(WaitForEnd(*prepared.job.value().job).state, JobState::kFailed);
  EXPECT_TRUE(bottles_->Find(slug).ok());
  EXPECT_TRUE(Prepare(Spec(Resume(slug))).job.has_value()) << "tried again";
  EXPECT_EQ(PrepareWhole(Spec(Resume(slug), ArchiveOf("hello"))), slug);
}

TEST_F(PrepareServiceTest, ACancelledCallReservesNothingButItsJobGoesOn) {
  CancelSource source;
  source.Cancel();
  const SourceVariant archive = ArchiveOf("hello");
  const auto prepared =
      prepares_->Prepare(Spec(New(), archive), source.token());
  EXPECT_TRUE(HasReason(prepared.status(), "CANCELLED"));
  ExpectNoBottle();
  EXPECT_TRUE(testing::WaitUntil([&] { return ArtifactCount() == 1; }));
}

}  // namespace
}  // namespace bottled
