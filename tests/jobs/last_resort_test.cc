// An image that its engine has, but cannot save.

#include <mutex>

#include "base/error.h"
#include "fakes/fake_engine.h"
#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "image/platform.h"
#include "jobs/service_fixture.h"

namespace bottled {
namespace {

using ::testing::ElementsAre;
using testing::FakeReply;
using testing::FakeRequest;
using ::testing::Field;
using ::testing::HasSubstr;
using testing::MakeArchive;
using testing::MakeLayer;
using testing::WaitForEnd;

class LastResortTest : public testing::ServiceFixture {
 protected:
  LastResortTest() {
    engine_.AddImage("demo:1", Id(), Inspect(), MakeArchive(image_));
    engine_.Route(SavePath(), FakeReply::Error(500, "a layer is gone"));
    engine_.Route("/containers/create", [this](const FakeRequest& request) {
      const std::lock_guard<std::mutex> lock(mu_);
      created_ = request.body;
      return FakeReply::Json(R"({"Id":"c1"})", 201);
    });
    engine_.Route("/containers/c1/export", FakeReply::Tar(image_.layers[0]));
    // Its name is random.
    engine_.Otherwise([](const FakeRequest& request) {
      return request.method == "DELETE" ? FakeReply::Json("", 204)
                                        : FakeReply::Error(404, "nothing");
    });
  }
  // The fake is joined before what its handlers use goes.
  ~LastResortTest() override { engine_.Stop(); }

  std::string Id() const {
    return Sha256Of(testing::MakeConfig(image_)).ToString();
  }
  std::string SavePath() const { return "/images/" + Id() + "/get"; }
  std::string Inspect() const {
    return fmt::format(
        R"({{"Id":"{}","Architecture":"{}","Os":"linux","Size":4711,)"
        R"("Config":{{"Env":["A=b"],"Cmd":["/bin/sh"],"User":"agent",)"
        R"("Volumes":{{"/data":{{}}}}}},)"
        R"("RootFS":{{"Type":"layers","Layers":["{}"]}}}})",
        Id(), HostPlatform().architecture,
        Sha256Of(image_.layers[0]).ToString());
  }
  PackSpec Spec() {
    PackSpec spec;
    ImageSource source;
    source.reference = "demo:1";
    source.engine.host = engine_.host();
    spec.source = source;
    return spec;
  }
  std::string Created() {
    const std::lock_guard<std::mutex> lock(mu_);
    return created_;
  }
  int Exports() { return engine_.CountRequests("/containers/c1/export"); }

  const testing::TestImage image_ = {
      .layers = {MakeLayer({{"etc/", ""}, {"etc/motd", "hello"}})}};
  std::mutex mu_;
  std::string created_;
  testing::FakeEngine engine_;
};

TEST_F(LastResortTest, IsTakenFromAContainerAndSaysSo) {
  const ArtifactRecord artifact = Make(Spec());
  EXPECT_EQ(artifact.packer, "native/2 export");
  EXPECT_EQ(artifact.entry_count, 2);
  EXPECT_THAT(artifact.notes, ElementsAre(Field(&Note::kind, "UNVERIFIED")));
  EXPECT_THAT(Created(), HasSubstr(R"("/data")"));
  EXPECT_THAT(Created(), HasSubstr(R"("none")"));
  const auto objects = index_->ListEngineObjects();
  ASSERT_TRUE(objects.ok());
  EXPECT_TRUE(objects->empty());
  ExpectNoStage();
}

TEST_F(LastResortTest, IsMadeOnceAndNeverTakenForTheRealOne) {
  const ArtifactRecord exported = Make(Spec());
  const PackAnswer again = Pack(Spec());
  ASSERT_NE(again.job, nullptr) << "saving must be tried anew";
  EXPECT_EQ(WaitForEnd(*again.job).artifact.digest, exported.digest);
  EXPECT_EQ(Exports(), 1);

  engine_.Route(SavePath(), FakeReply::Tar(MakeArchive(image_)));
  const ArtifactRecord saved = Make(Spec());
  EXPECT_EQ(saved.packer, "native/2");
  EXPECT_NE(saved.content_key, exported.content_key);
  EXPECT_TRUE(Pack(Spec()).artifact.has_value());
}

TEST_F(LastResortTest, ItsOwnFailureDoesNotHideTheFirst) {
  engine_.Route("/containers/c1/export", FakeReply::Error(500, "no mount"));
  const PackAnswer answer = Pack(Spec());
  ASSERT_NE(answer.job, nullptr);
  const JobSnapshot end = WaitForEnd(*answer.job);
  EXPECT_TRUE(HasReason(end.status, "IMAGE_UNSAVABLE")) << end.status;
  EXPECT_THAT(testing::WarningsOf(*answer.job),
              ::testing::Contains(HasSubstr("That failed as well")));
  ExpectNoStage();
}

TEST_F(LastResortTest, AnEmptyExportIsAFailure) {
  engine_.Route("/containers/c1/export", FakeReply::Tar(MakeLayer({})));
  const PackAnswer answer = Pack(Spec());
  ASSERT_NE(answer.job, nullptr);
  EXPECT_TRUE(HasReason(WaitForEnd(*answer.job).status, "IMAGE_UNSAVABLE"));
}

}  // namespace
}  // namespace bottled
