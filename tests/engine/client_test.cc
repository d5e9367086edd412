#include "engine/client.h"

#include <sys/fsuid.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <thread>
#include <vector>

#include "engine/client_fixture.h"
#include "engine/tools.h"
#include "nlohmann/json.hpp"

namespace bottled {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::Amd64;
using testing::Arm64;
using testing::ClientTest;
using testing::EndpointOf;
using testing::EngineFixture;
using testing::FailsWith;
using testing::FakeEngine;
using testing::FakeReply;
using testing::FakeRequest;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsOk;
using testing::kInspectPath;
using testing::MessageOf;
using ::testing::Not;
using testing::PatientOptions;

TEST_F(ClientTest, NegotiatesOnce) {
  const auto info = client_.Negotiate({});
  ASSERT_THAT(info, IsOk());
  EXPECT_EQ(info->api, (ApiVersion{1, 41}));
  EXPECT_EQ(info->server, "dockerd");
  EXPECT_EQ(info->version, "20.10.24");
  EXPECT_FALSE(info->podman);
  ASSERT_THAT(client_.Negotiate({}), IsOk());
  EXPECT_EQ(fake_.CountRequests("/_ping"), 1);
  EXPECT_EQ(fake_.requests()[0].target, "/_ping");
  EXPECT_EQ(fake_.requests()[0].fields.at("connection"), "close");
}

TEST_F(ClientTest, ReadsRecordedPings) {
  const struct {
    const char* engine;
    ApiVersion api;
    const char* server;
    const char* version;
    bool podman;
  } cases[] = {
      {"docker-20.10.24-overlay2", {1, 41}, "dockerd", "20.10.24+dfsg1", false},
      {"docker-29.7.2-overlay2", {1, 49}, "dockerd", "29.7.2", false},
      {"docker-29.7.2-containerd", {1, 49}, "dockerd", "29.7.2", false},
      {"podman-4.3.1", {1, 41}, "podman", "4.3.1", true}};
  for (const auto& expected : cases) {
    SCOPED_TRACE(expected.engine);
    FakeReply reply;
    for (const char c :
         EngineFixture(std::string(expected.engine) + "/ping.GET.txt")) {
      reply.raw += c == '\n' ? std::string("\r\n") : std::string(1, c);
    }
    fake_.SetVersions("1.55", "1.12");
    fake_.Route("/_ping", reply);
    EngineClient client(EndpointOf(fake_), PatientOptions());
    const auto info = client.Negotiate({});
    ASSERT_THAT(info, IsOk());
    EXPECT_EQ(info->api, expected.api);
    EXPECT_EQ(info->server, expected.server);
    EXPECT_EQ(info->version, expected.version);
    EXPECT_EQ(info->podman, expected.podman);
  }
}

TEST_F(ClientTest, MeetsAnEngineThatDroppedOurVersion) {
  fake_.SetVersions("1.58", "1.52");
  ServeTiny();
  ASSERT_THAT(client_.InspectImage("fx/tiny:1", Amd64(), {}), IsOk());
  EXPECT_EQ(Last(kInspectPath).version, "1.52");
  EXPECT_EQ(client_.Negotiate({})->api, (ApiVersion{1, 52}));
}

TEST_F(ClientTest, RefusesVersionsThatNobodyKnows) {
  fake_.SetVersions("1.99", "1.70");
  EXPECT_THAT(client_.Negotiate({}), FailsWith("ENGINE_API_UNSUPPORTED"));
  fake_.SetVersions("1.23", "1.12");
  EXPECT_THAT(client_.Negotiate({}), FailsWith("ENGINE_API_UNSUPPORTED"));
}

TEST_F(ClientTest, RefusesWhatIsNoEngine) {
  fake_.Route("/_ping", FakeReply::Json("hello"));
  EXPECT_THAT(client_.Negotiate({}), FailsWith("ENGINE_API_UNSUPPORTED"));
  FakeReply ssh;
  ssh.raw = "SSH-2.0-OpenSSH_9.2\r\n";
  fake_.Route("/_ping", ssh);
  EXPECT_THAT(client_.Negotiate({}), FailsWith("ENGINE_ERROR"));
  fake_.Route("/_ping", FakeReply::Error(500, "no"));
  EXPECT_THAT(client_.Negotiate({}), FailsWith("ENGINE_ERROR"));
  FakeReply redirect = FakeReply::Json("", 301);
  redirect.fields = {{"Location", "/elsewhere"}};
  fake_.Route("/_ping", redirect);
  EXPECT_THAT(client_.Negotiate({}), FailsWith("ENGINE_ERROR"));
  EXPECT_EQ(fake_.CountRequests("/elsewhere"), 0);
}

TEST_F(ClientTest, InspectsAndNamesTheImagesFacts) {
  ServeTiny();
  const auto image = client_.InspectImage("fx/tiny:1", Amd64(), {});
  ASSERT_THAT(image, IsOk());
  EXPECT_EQ(image->id.hex().substr(0, 8), "70d321ec");
  EXPECT_EQ(image->config.platform, Amd64());
  EXPECT_EQ(Last(kInspectPath).target, "/v1.41/images/fx/tiny:1/json");
}

TEST_F(ClientTest, SendsThePlatformOnlyWhereItIsUnderstood) {
  ServeTiny();
  const struct {
    const char* newest;
    bool podman;
    bool asks;
  } cases[] = {{"1.48", false, false},
               {"1.49", false, true},
               {"1.55", false, true},
               {"1.55", true, false}};
  for (const auto& expected : cases) {
    fake_.SetVersions(expected.newest, "1.24");
    fake_.SetPodman(expected.podman);
    EngineClient client(EndpointOf(fake_), PatientOptions());
    ASSERT_THAT(client.InspectImage("fx/tiny:1", Amd64(), {}), IsOk());
    EXPECT_EQ(!Last(kInspectPath).query.empty(), expected.asks)
        << expected.newest << expected.podman;
  }
  EXPECT_THAT(fake_.requests().front().query, IsEmpty());
}

TEST_F(ClientTest, AnOtherArchitectureIsNamedWithARemedy) {
  ServeTiny();
  const auto image = client_.InspectImage("fx/tiny:1", Arm64(), {});
  ASSERT_THAT(image, FailsWith("ARCHITECTURE_MISMATCH"));
  EXPECT_THAT(MessageOf(image.status()), HasSubstr("linux/amd64"));
  EXPECT_THAT(MessageOf(image.status()), HasSubstr("linux/arm64"));
  EXPECT_THAT(GetErrorDetail(image.status()).remedy,
              HasSubstr("docker pull --platform linux/arm64 fx/tiny:1"));
}

TEST_F(ClientTest, APlatformThatTheEngineRefusesIsAMismatch) {
  fake_.SetVersions("1.55", "1.40");
  const std::string plain =
      EngineFixture("docker-29.7.2-containerd/inspect-tiny.json");
  for (const char* text :
       {"image with reference fx/tiny:1 was found but does not provide the "
        "specified platform (linux/arm64)",
        "image with reference fx/tiny:1 was found but its platform "
        "(linux/amd64) does not match the specified platform (linux/arm64)"}) {
    fake_.Route(kInspectPath, [=](const FakeRequest& request) {
      return request.query.empty() ? FakeReply::Json(plain)
                                   : FakeReply::Error(404, text);
    });
    const auto image = client_.InspectImage("fx/tiny:1", Arm64(), {});
    ASSERT_THAT(image, FailsWith("ARCHITECTURE_MISMATCH"));
    EXPECT_THAT(MessageOf(image.status()), HasSubstr("linux/amd64"));
    EXPECT_THAT(MessageOf(image.status()), HasSubstr("linux/arm64"));
  }
  // The containerd store says the same of an image that lost its content.
  const auto damaged = client_.InspectImage("fx/tiny:1", Amd64(), {});
  ASSERT_THAT(damaged, IsOk());
  EXPECT_TRUE(damaged->incomplete);
}

TEST_F(ClientTest, AnImageCalledPlatformIsJustMissing) {
  fake_.SetVersions("1.55", "1.40");
  fake_.Route("/images/platform/json",
              FakeReply::Error(404, "No such image: platform:latest"));
  EXPECT_THAT(client_.InspectImage("platform", Amd64(), {}),
              FailsWith("IMAGE_NOT_FOUND"));
}

TEST_F(ClientTest, MissingImagesHaveARemedy) {
  const auto image = client_.InspectImage("nope:1", Amd64(), {});
  ASSERT_THAT(image, FailsWith("IMAGE_NOT_FOUND"));
  EXPECT_THAT(MessageOf(image.status()), HasSubstr("nope:1"));
  EXPECT_THAT(MessageOf(image.status()), HasSubstr(fake_.host()));
  EXPECT_THAT(GetErrorDetail(image.status()).remedy,
              HasSubstr("docker pull nope:1"));
  EXPECT_THAT(GetErrorDetail(image.status()).remedy,
              HasSubstr("docker images"));
}

TEST_F(ClientTest, RecordedRefusalsOfInspectAreTyped) {
  int seen = 0;
  for (const char* engine : testing::kRecordedEngines) {
    const bool podman = std::string(engine).starts_with("podman");
    const auto entries = nlohmann::json::parse(
        EngineFixture(std::string(engine) + "/http-errors.json"));
    for (const auto& entry : entries) {
      const std::string request = entry["request"];
      const int status = entry["status"];
      constexpr std::string_view kPrefix = "GET /images/";
      if (status < 400 || !request.starts_with(kPrefix) ||
          !request.ends_with("/json")) {
        continue;
      }
      SCOPED_TRACE(std::string(engine) + " " + request);
      const std::string reference =
          request.substr(kPrefix.size(), request.size() - kPrefix.size() - 5);
      FakeReply reply = FakeReply::Json(entry["body"], status);
      FakeEngine fake;
      fake.SetPodman(podman);
      // Whatever the path: bare IDs are sent in another form.
      for (const std::string& path : {reference, "sha256:" + reference}) {
        fake.Route("/images/" + path + "/json", reply);
      }
      EngineClient client(EndpointOf(fake), PatientOptions());
      const auto image = client.InspectImage(reference, Amd64(), {});
      if (status == 404) {
        EXPECT_THAT(image, FailsWith("IMAGE_NOT_FOUND"));
      } else {
        EXPECT_THAT(image, FailsWith("BAD_REFERENCE"));
      }
      ++seen;
    }
  }
  EXPECT_GT(seen, 25);
}

TEST_F(ClientTest, EngineFailuresCarryTheEnginesWords) {
  fake_.Route(kInspectPath,
              FakeReply::Error(500, "open /var/lib/docker/x/y: no space"));
  const auto image = client_.InspectImage("fx/tiny:1", Amd64(), {});
  ASSERT_THAT(image, FailsWith("ENGINE_ERROR"));
  EXPECT_THAT(MessageOf(image.status()), HasSubstr("open y: no space"));
  EXPECT_THAT(MessageOf(image.status()), Not(HasSubstr("/var/lib")));
}

TEST_F(ClientTest, HostileAnswersAreBounded) {
  FakeReply huge = FakeReply::Json(std::string(1 << 20, ' '));
  huge.repeat = 9;
  fake_.Route(kInspectPath, huge);
  EXPECT_THAT(client_.InspectImage("fx/tiny:1", Amd64(), {}),
              FailsWith("ENGINE_ERROR"));
  fake_.Route(kInspectPath, FakeReply::Json("{\"Id\":"));
  EXPECT_THAT(client_.InspectImage("fx/tiny:1", Amd64(), {}),
              FailsWith("ENGINE_ANSWER_INVALID"));
  FakeReply cut = FakeReply::Json("{\"Id\":\"sha256:\"}");
  cut.cut_at = 5;
  fake_.Route(kInspectPath, cut);
  EXPECT_THAT(client_.InspectImage("fx/tiny:1", Amd64(), {}),
              FailsWith("ENGINE_UNREACHABLE"));
}

TEST_F(ClientTest, SilenceIsATimeout) {
  EngineClient::Options options = PatientOptions();
  options.unary_timeout = milliseconds(200);
  FakeReply mute;
  mute.delay = seconds(60);
  fake_.Route("/_ping", mute);
  EngineClient client(EndpointOf(fake_), options);
  EXPECT_THAT(client.Negotiate({}), FailsWith("ENGINE_TIMEOUT"));
  // Neither does a body that trickles go on for ever.
  FakeReply trickle = FakeReply::Json(std::string(100'000, 'x'));
  trickle.write_bytes = 1;
  trickle.write_delay = milliseconds(20);
  fake_.Route("/_ping", trickle);
  fake_.Route("/images/x/json", trickle);
  FakeReply ping = FakeReply::Json("OK");
  ping.fields = {{"Api-Version", "1.41"}};
  fake_.Route("/_ping", ping);
  EXPECT_THAT(client.InspectImage("x", Amd64(), {}),
              FailsWith("ENGINE_TIMEOUT"));
}

}  // namespace
}  // namespace bottled
