#include "rpc/convert.h"

#include <string>
#include <variant>
#include <vector>

#include "base/error.h"
#include "gtest/gtest.h"

namespace bottled {
namespace {

const absl::StatusOr<EngineEndpoint>& NoDefault() {
  static const absl::StatusOr<EngineEndpoint> kNone = MakeError(
      absl::StatusCode::kFailedPrecondition, "NO_DEFAULT", "none", "");
  return kNone;
}

std::string ReasonOf(const v1::PackRequest& request) {
  const absl::StatusOr<PackSpec> spec = FromProto(request, NoDefault());
  return spec.ok() ? "OK" : GetErrorDetail(spec.status()).reason;
}

v1::PackRequest ImageRequest(const std::string& reference) {
  v1::PackRequest request;
  request.mutable_image()->set_reference(reference);
  request.mutable_engine()->set_host("unix:///run/docker.sock");
  return request;
}

TEST(ConvertTest, TakesAnImage) {
  v1::PackRequest request = ImageRequest("app:1");
  request.set_force(true);
  request.set_cancel_on_disconnect(true);
  request.mutable_options()->set_cpus(3);
  const absl::StatusOr<PackSpec> spec = FromProto(request, NoDefault());
  ASSERT_TRUE(spec.ok()) << spec.status();
  const auto& source = std::get<ImageSource>(spec->source);
  EXPECT_EQ(source.reference, "app:1");
  EXPECT_EQ(source.engine.host, "unix:///run/docker.sock");
  EXPECT_TRUE(spec->force && spec->tied);
  EXPECT_EQ(spec->options.cpus, 3);
  EXPECT_EQ(spec->options.memory_mib, PackOptions().memory_mib);
}

TEST(ConvertTest, ARequestIdIsOfOneRequest) {
  const auto key = [](const v1::PackRequest& request) {
    return FromProto(request, NoDefault())->request_key;
  };
  EXPECT_EQ(key(ImageRequest("app:1")), "");
  v1::PackRequest request = ImageRequest("app:1");
  request.set_request_id("r1");
  v1::PackRequest again = request;
  again.set_cancel_on_disconnect(true);
  again.mutable_lease()->set_holder("test");
  again.mutable_lease()->set_ttl_seconds(60);
  EXPECT_EQ(key(again), key(request));
  // As often as it takes to see maps in two orders.
  const auto build = [](int first) {
    v1::PackRequest made;
    made.set_request_id("r1");
    made.mutable_engine()->set_host("unix:///run/docker.sock");
    made.mutable_build()->set_context("/src");
    for (int i = 0; i < 16; ++i) {
      const char letter = static_cast<char>('A' + (first + i) % 16);
      (*made.mutable_build()->mutable_environment())[{letter}] = "x";
    }
    return made;
  };
  for (int first = 1; first < 16; ++first) {
    EXPECT_EQ(key(build(first)), key(build(0)));
  }
  for (const auto& change : std::vector<void (*)(v1::PackRequest&)>{
           [](v1::PackRequest& r) { r.set_request_id("r2"); },
           [](v1::PackRequest& r) { r.set_force(true); },
           [](v1::PackRequest& r) { r.set_packer("smolvm"); },
           [](v1::PackRequest& r) { r.set_search_path("/bin"); },
           [](v1::PackRequest& r) { r.mutable_options()->set_cpus(3); },
           [](v1::PackRequest& r) { r.mutable_image()->set_reference("b"); },
           [](v1::PackRequest& r) {
             r.mutable_engine()->set_host("unix:///other");
           }}) {
    v1::PackRequest other = request;
    change(other);
    EXPECT_NE(key(other), key(request)) << other.ShortDebugString();
  }
}

TEST(ConvertTest, TheDefaultEngineCountsOnlyWhenNoneIsNamed) {
  v1::PackRequest request = ImageRequest("app:1");
  EXPECT_EQ(ReasonOf(request), "OK");
  request.clear_engine();
  EXPECT_EQ(ReasonOf(request), "NO_DEFAULT");
  const absl::StatusOr<PackSpec> spec =
      FromProto(request, EngineEndpoint{.host = "unix:///d"});
  ASSERT_TRUE(spec.ok());
  EXPECT_EQ(std::get<ImageSource>(spec->source).engine.host, "unix:///d");
}

TEST(ConvertTest, RefusesWhatBreaksTheContract) {
  EXPECT_EQ(ReasonOf(v1::PackRequest()), "BAD_REQUEST");
  EXPECT_EQ(ReasonOf(ImageRequest("")), "BAD_REQUEST");
  EXPECT_EQ(ReasonOf(ImageRequest(std::string("a\0b", 3))), "BAD_REQUEST");
  EXPECT_EQ(ReasonOf(ImageRequest(std::string(5000, 'a'))), "BAD_REQUEST");

  for (const std::string id : {"a b", "\n", "ä", "a/b"}) {
    v1::PackRequest named = ImageRequest("a");
    named.set_request_id(id);
    EXPECT_EQ(ReasonOf(named), "BAD_REQUEST") << id;
  }
  v1::PackRequest named = ImageRequest("a");
  named.set_request_id(std::string(65, 'a'));
  EXPECT_EQ(ReasonOf(named), "BAD_REQUEST");
  named.set_request_id("0-aF_.");
  EXPECT_NE(FromProto(named, NoDefault())->request_key, "");
  named.mutable_upload();
  EXPECT_EQ(ReasonOf(named), "BAD_REQUEST");

  v1::PackRequest relative;
  relative.mutable_archive()->set_path("image.tar");
  EXPECT_EQ(ReasonOf(relative), "BAD_REQUEST");

  v1::PackRequest packer = ImageRequest("a");
  packer.set_packer("magic");
  EXPECT_EQ(ReasonOf(packer), "BAD_REQUEST");

  v1::PackRequest cpus = ImageRequest("a");
  cpus.mutable_options()->set_cpus(-1);
  EXPECT_EQ(ReasonOf(cpus), "BAD_PACK_OPTIONS");

  v1::PackRequest engine = ImageRequest("a");
  engine.mutable_engine()->set_host("ftp://x");
  EXPECT_EQ(ReasonOf(engine), "BAD_ENGINE_ADDRESS");
}

TEST(ConvertTest, EveryStageAndStateHasAMessageValue) {
  for (const Stage stage :
       {Stage::kIdentify, Stage::kRead, Stage::kMerge, Stage::kAssemble,
        Stage::kVerify, Stage::kPublish}) {
    EXPECT_NE(ToProto(stage), v1::STAGE_UNSPECIFIED);
    // The words of details and messages agree.
    EXPECT_EQ(ParseStage(StageName(stage)), stage);
  }
  for (const JobState state :
       {JobState::kQueued, JobState::kRunning, JobState::kCancelling,
        JobState::kSucceeded, JobState::kFailed, JobState::kCancelled,
        JobState::kInterrupted}) {
    EXPECT_NE(ToProto(state), v1::JOB_STATE_UNSPECIFIED);
  }
}

TEST(ConvertTest, ANameThatIsNoUtf8StillMakesAMessage) {
  ArtifactRecord record;
  record.notes.push_back(
      {.kind = "K", .count = 2, .example = "a\xff", .message = "m"});
  const v1::Artifact artifact = ToProto(record, "/p");
  v1::Artifact back;
  EXPECT_TRUE(back.ParseFromString(artifact.SerializeAsString()));
  EXPECT_EQ(back.notes(0).count(), 2);
}

}  // namespace
}  // namespace bottled
