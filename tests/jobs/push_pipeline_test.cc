// The packer push, with a fake engine, a fake registry and a fake smolvm. Real
// ones are in tests/e2e.

#include "jobs/push_pipeline.h"

#include <sys/stat.h>

#include <atomic>
#include <fstream>

#include "base/error.h"
#include "fakes/fake_engine.h"
#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "image/platform.h"
#include "jobs/service_fixture.h"

namespace bottled {
namespace {

using testing::FakeEngine;
using testing::FakeReply;
using testing::FakeRequest;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::MakeLayer;
using testing::MakeSmallArchive;
using testing::StagesOf;
using testing::WaitForEnd;

class PushPipelineTest : public testing::ServiceFixture {
 protected:
  PushPipelineTest() {
    registry_.Route("/v2/", FakeReply::Json("{}"));
    registry_.Otherwise([this](const FakeRequest&) {
      return FakeReply::Json(Manifest(manifest_of_another_ ? "x" : "demo"));
    });
    registry_port_ = [this] {
      const std::string address = registry_.address();
      return std::stoi(address.substr(address.find(':') + 1));
    };
    engine_.AddImage("demo:1", Id("demo"), Inspect(), "");
    engine_.Route("/containers/create", FakeReply::Json(R"({"Id":"c1"})", 201));
    engine_.Route("/containers/c1/start", FakeReply::Json("", 204));
    engine_.Otherwise(
        [this](const FakeRequest& request) { return Answer(request); });
  }
  // Jobs first, then the threads that use the members.
  ~PushPipelineTest() override {
    scheduler_->Stop(std::chrono::milliseconds(0));
    engine_.Stop();
    registry_.Stop();
  }

  // What has a random name in its path.
  FakeReply Answer(const FakeRequest& request) {
    if (request.path.starts_with("/distribution/")) {
      return FakeReply::Error(404, "manifest unknown: manifest unknown");
    }
    if (request.path.ends_with("/tag")) {
      return FakeReply::Json("", 201);
    }
    if (request.path.ends_with("/push")) {
      ++pushes_;
      return FakeReply::Json(failures_-- > 0 ? failure_
                                             : R"({"status":"Pushed"})");
    }
    return request.method == "DELETE" ? FakeReply::Json("", 200)
                                      : FakeReply::Error(404, "no such thing");
  }
  static std::string Id(const std::string& of) {
    return Sha256Of(of).ToString();
  }
  static std::string Manifest(const std::string& of) {
    return fmt::format(R"({{"config":{{"digest":"{}"}},"layers":[]}})", Id(of));
  }
  static std::string Inspect(const std::string& tags = R"("demo:1")") {
    return fmt::format(
        R"({{"Id":"{}","Architecture":"{}","Os":"linux","Config":{{}},)"
        R"("RepoTags":[{}],)"
        R"("RootFS":{{"Type":"layers","Layers":["{}","{}"]}}}})",
        Id("demo"), HostPlatform().architecture, tags, Id("l1"), Id("l2"));
  }
  // A smolvm, of the release that our own sidecars name, that notes what it was
  // told to pull, and gives a good sidecar.
  void Install() {
    const ArtifactRecord good =
        Make(Archive(WriteFile("a.tar", MakeSmallArchive("hello"))));
    const std::string program = WriteFile(
        "smolvm",
        fmt::format("#!/bin/sh\ncase \"$1 $3\" in\n"
                    "--version*) echo smolvm 1.32.2+bottled.2; exit;;\n"
                    "*--help) echo '  -o, --output docker save'; exit;;\n"
                    "esac\n"
                    "echo \"$4\" >> {0}/pulled\ncp {1} \"$6.smolmachine\"\n"
                    "chmod 600 \"$6.smolmachine\"\n",
                    files_.path().string(), objects_->Path(good).string()));
    ::chmod(program.c_str(), 0755);
  }
  PackSpec Push() {
    PackSpec spec;
    spec.packer = PackerKind::kPush;
    spec.search_path = files_.path().string() + ":/usr/bin:/bin";
    ImageSource source;
    source.reference = "demo:1";
    source.engine.host = engine_.host();
    spec.source = source;
    return spec;
  }
  JobSnapshot Run() {
    Install();
    job_ = Pack(Push()).job;
    return job_ == nullptr ? JobSnapshot() : WaitForEnd(*job_);
  }
  std::string Pulled() {
    std::ifstream file(files_.path() / "pulled");
    std::string line;
    std::getline(file, line);
    return line;
  }

  std::atomic<int> pushes_ = 0;
  std::atomic<int> failures_ = 0;
  std::string failure_;
  std::atomic<bool> manifest_of_another_ = false;
  FakeEngine registry_{FakeEngine::Listen::kTcp};
  FakeEngine engine_;
  std::shared_ptr<Job> job_;
};

TEST_F(PushPipelineTest, SmolvmPullsWhatTheRegistryHas) {
  const JobSnapshot end = Run();
  ASSERT_EQ(end.state, JobState::kSucceeded) << end.status;
  EXPECT_THAT(StagesOf(*job_),
              ::testing::ElementsAre(Stage::kPush, Stage::kPack, Stage::kVerify,
                                     Stage::kPublish));
  EXPECT_EQ(end.artifact.packer, "push/1 1.32.2+bottled.2");
  EXPECT_EQ(end.artifact.config_digest.ToString(), Id("demo"));
  ASSERT_EQ(end.artifact.notes.size(), 1U);
  EXPECT_EQ(end.artifact.notes[0].kind, "MERGED_BY_SMOLVM");
  const std::string pulled = Pulled();
  EXPECT_TRUE(pulled.starts_with(registry_.address() + "/bottled/")) << pulled;
  EXPECT_TRUE(pulled.ends_with("@" + Sha256Of(Manifest("demo")).ToString()))
      << pulled;
  ExpectNoStage();
  EXPECT_TRUE(Pack(Push()).artifact.has_value());
}

TEST_F(PushPipelineTest, ABrokenConnectionIsTriedAgainWithANewRegistry) {
  failure_ = R"({"errorDetail":{"message":"connect: connection refused"}})";
  failures_ = 1;
  const JobSnapshot end = Run();
  ASSERT_EQ(end.state, JobState::kSucceeded) << end.status;
  EXPECT_EQ(pushes_, 2);
  EXPECT_EQ(engine_.CountRequests("/containers/create"), 2);
  EXPECT_THAT(testing::WarningsOf(*job_),
              ::testing::Contains(HasSubstr("with a new registry")));
}

// Our tag would be its last, and removing that deletes the image.
TEST_F(PushPipelineTest, AnImageWithoutANameIsNotTouched) {
  engine_.AddImage("demo:1", Id("demo"), Inspect(""), "");
  const JobSnapshot end = Run();
  EXPECT_TRUE(HasReason(end.status, "IMAGE_HAS_NO_NAME")) << end.status;
  EXPECT_EQ(pushes_, 0);
  for (const FakeRequest& request : engine_.requests()) {
    EXPECT_FALSE(request.method == "DELETE" &&
                 request.path.starts_with("/images/"));
  }
}

TEST_F(PushPipelineTest, NotForEver) {
  failure_ = R"({"errorDetail":{"message":"connect: connection refused"}})";
  failures_ = 100;
  const JobSnapshot end = Run();
  EXPECT_TRUE(HasReason(end.status, "PUSH_FAILED")) << end.status;
  EXPECT_EQ(pushes_, 3);
  ExpectNoStage();
}

TEST_F(PushPipelineTest, ARefusalIsFinal) {
  failure_ = R"({"errorDetail":{"message":"denied: no"}})";
  failures_ = 100;
  const JobSnapshot end = Run();
  EXPECT_TRUE(HasReason(end.status, "PUSH_FAILED")) << end.status;
  EXPECT_THAT(std::string(end.status.message()), HasSubstr("denied: no"));
  EXPECT_EQ(pushes_, 1);
}

TEST_F(PushPipelineTest, AnotherImageInTheRegistryIsNotPacked) {
  manifest_of_another_ = true;
  const JobSnapshot end = Run();
  EXPECT_TRUE(HasReason(end.status, "PUSH_DIFFERS")) << end.status;
  EXPECT_THAT(Pulled(), IsEmpty());
  ExpectNoStage();
}

}  // namespace
}  // namespace bottled
