#include <atomic>
#include <chrono>
#include <memory>
#include <string>

#include "engine/client.h"
#include "engine/client_fixture.h"
#include "engine/tools.h"

namespace bottled {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ClientTest;
using testing::EndpointOf;
using testing::FailsWith;
using testing::FakeEngine;
using testing::FakeReply;
using testing::FakeRequest;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsOk;
using testing::MessageOf;
using testing::PatientOptions;

class ClientCall : public ClientTest {
 protected:
  static EngineRequest Request(const char* method, const std::string& path) {
    EngineRequest request;
    request.method = method;
    request.path = path;
    return request;
  }
};

TEST_F(ClientCall, SendsBodyFieldsAndQueryInTheNegotiatedVersion) {
  fake_.Route("/things/create", FakeReply::Json(R"({"Id":"x"})", 201));
  EngineRequest request = Request("POST", "/things/create?name=a%20b");
  request.body = R"({"a":1})";
  request.fields = {"X-Registry-Auth: e30="};
  auto reply = client_.Call(request, {});
  ASSERT_THAT(reply, IsOk());
  EXPECT_TRUE(reply->ok());
  EXPECT_EQ(reply->head.status, 201);
  EXPECT_EQ(reply->info.api, (ApiVersion{1, 41}));
  EXPECT_THAT(reply->error_text, IsEmpty());
  const auto body = client_.ReadReply(*reply, {});
  ASSERT_THAT(body, IsOk());
  EXPECT_EQ(*body, R"({"Id":"x"})");
  const FakeRequest seen = Last("/things/create");
  EXPECT_EQ(seen.method, "POST");
  EXPECT_EQ(seen.target, "/v1.41/things/create?name=a%20b");
  EXPECT_EQ(seen.body, R"({"a":1})");
  EXPECT_EQ(seen.fields.at("content-type"), "application/json");
  EXPECT_EQ(seen.fields.at("content-length"), "7");
  EXPECT_EQ(seen.fields.at("x-registry-auth"), "e30=");
  EXPECT_EQ(seen.fields.at("connection"), "close");
}

TEST_F(ClientCall, LargeBodiesAreSentAtOnce) {
  fake_.Route("/things", FakeReply::Json("{}"));
  EngineRequest request = Request("PUT", "/things");
  // With every byte: a body is no C string.
  request.body = std::string(3 << 20, '\0');
  ASSERT_THAT(client_.Call(request, {}), IsOk());
  const FakeRequest seen = Last("/things");
  EXPECT_EQ(seen.method, "PUT");
  EXPECT_TRUE(seen.body == *request.body);
  EXPECT_FALSE(seen.fields.contains("expect"));
}

TEST_F(ClientCall, PostWithoutABodyHasALengthAndNoType) {
  fake_.Route("/things/start", FakeReply::Json("", 204));
  const auto reply = client_.Call(Request("POST", "/things/start"), {});
  ASSERT_THAT(reply, IsOk());
  EXPECT_TRUE(reply->ok());
  const FakeRequest seen = Last("/things/start");
  EXPECT_EQ(seen.fields.at("content-length"), "0");
  EXPECT_FALSE(seen.fields.contains("content-type"));
  ASSERT_THAT(client_.Call(Request("DELETE", "/things/start"), {}), IsOk());
  EXPECT_EQ(Last("/things/start").method, "DELETE");
  EXPECT_FALSE(Last("/things/start").fields.contains("content-length"));
}

TEST_F(ClientCall, HeadWaitsForNoBody) {
  FakeReply reply = FakeReply::Json(std::string(1000, 'x'));
  fake_.Route("/things", reply);
  auto answer = client_.Call(Request("HEAD", "/things"), {});
  ASSERT_THAT(answer, IsOk());
  EXPECT_EQ(answer->head.Field("content-length"), "1000");
  const auto body = client_.ReadReply(*answer, {});
  ASSERT_THAT(body, IsOk());
  EXPECT_THAT(*body, IsEmpty());
  EXPECT_EQ(Last("/things").method, "HEAD");
}

TEST_F(ClientCall, AnyStatusIsAReply) {
  fake_.Route("/things", FakeReply::Error(409, "open /var/lib/x: conflict"));
  auto reply = client_.Call(Request("GET", "/things"), {});
  ASSERT_THAT(reply, IsOk());
  EXPECT_FALSE(reply->ok());
  EXPECT_EQ(reply->head.status, 409);
  EXPECT_EQ(reply->exchange, nullptr);
  EXPECT_EQ(reply->error_text, "open x: conflict");
  const auto body = client_.ReadReply(*reply, {});
  ASSERT_THAT(body, FailsWith("ENGINE_ERROR"));
  EXPECT_THAT(MessageOf(body.status()), HasSubstr("HTTP 409"));
}

TEST_F(ClientCall, OnlyGetIsSentAgain) {
  for (const char* method : {"GET", "POST", "DELETE"}) {
    const std::string path = std::string("/things/") + method;
    // The handler's own, as its thread may outlive this frame.
    fake_.Route(path, [calls = std::make_shared<std::atomic<int>>(0)](
                          const FakeRequest&) {
      FakeReply reply = FakeReply::Json("{}");
      reply.hang_up = ++*calls == 1;
      return reply;
    });
    const auto reply = client_.Call(Request(method, path), {});
    if (std::string(method) == "GET") {
      EXPECT_THAT(reply, IsOk());
      EXPECT_EQ(fake_.CountRequests(path), 2);
    } else {
      EXPECT_THAT(reply, FailsWith("ENGINE_UNREACHABLE"));
      EXPECT_EQ(fake_.CountRequests(path), 1) << method;
    }
  }
}

TEST_F(ClientCall, AVersionThatIsRefusedIsForgotten) {
  fake_.Route("/things", FakeReply::Json("{}"));
  ASSERT_THAT(client_.Call(Request("POST", "/things"), {}), IsOk());
  // Upgraded past what was remembered.
  fake_.SetVersions("1.55", "1.44");
  EXPECT_THAT(client_.Call(Request("POST", "/things"), {}),
              FailsWith("ENGINE_API_UNSUPPORTED"));
  EXPECT_THAT(client_.Call(Request("POST", "/things"), {}), IsOk());
  EXPECT_EQ(Last("/things").version, "1.49");
}

TEST_F(ClientCall, TheHeadHasALimitOfItsOwn) {
  FakeReply mute;
  mute.delay = seconds(60);
  fake_.Route("/things", mute);
  EngineRequest request = Request("POST", "/things");
  request.head_timeout = milliseconds(100);
  EXPECT_THAT(client_.Call(request, {}), FailsWith("ENGINE_TIMEOUT"));
  EXPECT_TRUE(fake_.WaitForAborted(1, seconds(30)));
}

TEST_F(ClientCall, BodiesOfRepliesAreBounded) {
  FakeReply huge = FakeReply::Json(std::string(1 << 20, ' '));
  huge.repeat = 9;
  fake_.Route("/things", huge);
  auto reply = client_.Call(Request("GET", "/things"), {});
  ASSERT_THAT(reply, IsOk());
  EXPECT_THAT(client_.ReadReply(*reply, {}), FailsWith("ENGINE_ERROR"));
}

TEST_F(ClientCall, WorksOverTcp) {
  FakeEngine fake(FakeEngine::Listen::kTcp);
  fake.Route("/things", FakeReply::Json("{}"));
  EngineClient client(EndpointOf(fake), PatientOptions());
  EXPECT_THAT(client.Call(Request("POST", "/things"), {}), IsOk());
}

}  // namespace
}  // namespace bottled
