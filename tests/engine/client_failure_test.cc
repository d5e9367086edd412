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

#include "engine/client.h"
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

TEST_F(ClientTest, ANewEngineBehindTheSameSocketIsNegotiatedAgain) {
  ServeTiny();
  ASSERT_THAT(client_.InspectImage("fx/tiny:1", Amd64(), {}), IsOk());
  // Upgraded past what was remembered.
  fake_.SetVersions("1.55", "1.44");
  ASSERT_THAT(client_.InspectImage("fx/tiny:1", Amd64(), {}), IsOk());
  EXPECT_EQ(Last(kInspectPath).version, "1.49");
  // And down again.
  fake_.SetVersions("1.43", "1.12");
  ASSERT_THAT(client_.InspectImage("fx/tiny:1", Amd64(), {}), IsOk());
  EXPECT_EQ(Last(kInspectPath).version, "1.43");
}

TEST_F(ClientTest, AConnectionThatBreaksIsTriedOnceMore) {
  ServeTiny();
  ASSERT_THAT(client_.Negotiate({}), IsOk());
  std::atomic<int> calls = 0;
  fake_.Route(kInspectPath, [&](const FakeRequest&) {
    FakeReply reply;
    reply.hang_up = true;
    if (++calls > 1) {
      reply = FakeReply::Json(
          EngineFixture("docker-20.10.24-overlay2/inspect-tiny.json"));
    }
    return reply;
  });
  EXPECT_THAT(client_.InspectImage("fx/tiny:1", Amd64(), {}), IsOk());
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(fake_.CountRequests("/_ping"), 2);
  // But not for ever.
  FakeReply gone;
  gone.hang_up = true;
  fake_.Route(kInspectPath, gone);
  EXPECT_THAT(client_.InspectImage("fx/tiny:1", Amd64(), {}),
              FailsWith("ENGINE_UNREACHABLE"));
  EXPECT_EQ(fake_.CountRequests(kInspectPath), 4);
}

TEST_F(ClientTest, AnEngineThatIsDownIsNamedWithARemedy) {
  ServeTiny();
  ASSERT_THAT(client_.InspectImage("fx/tiny:1", Amd64(), {}), IsOk());
  fake_.Stop();
  const auto image = client_.InspectImage("fx/tiny:1", Amd64(), {});
  ASSERT_THAT(image, FailsWith("ENGINE_UNREACHABLE"));
  EXPECT_THAT(MessageOf(image.status()), HasSubstr(fake_.host()));
  EXPECT_THAT(MessageOf(image.status()), HasSubstr("--engine"));
  EXPECT_THAT(MessageOf(image.status()), HasSubstr("No such file"));
  EXPECT_THAT(GetErrorDetail(image.status()).remedy, HasSubstr("DOCKER_HOST"));
  EXPECT_THAT(GetErrorDetail(image.status()).remedy,
              HasSubstr("docker context"));
  fake_.Start();
  EXPECT_THAT(client_.InspectImage("fx/tiny:1", Amd64(), {}), IsOk());
}

TEST_F(ClientTest, ASocketThatNobodyServesIsUnreachable) {
  // Bound and closed: what a killed engine leaves behind.
  const std::string path = (fake_.dir() / "dead.sock").string();
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  ASSERT_LT(path.size(), sizeof(address.sun_path));
  path.copy(address.sun_path, path.size());
  Fd socket(::socket(AF_UNIX, SOCK_STREAM, 0));
  ASSERT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address),
                   sizeof(address)),
            0);
  socket.Reset();
  EngineEndpoint endpoint;
  endpoint.host = "unix://" + path;
  const auto info = EngineClient(endpoint).Negotiate({});
  ASSERT_THAT(info, FailsWith("ENGINE_UNREACHABLE"));
  EXPECT_THAT(MessageOf(info.status()), HasSubstr("Connection refused"));
}

TEST_F(ClientTest, ASocketOfOthersIsForbidden) {
  ASSERT_EQ(::chmod(fake_.socket_path().c_str(), 0), 0);
  // Root may use every socket; this thread alone becomes nobody.
  const bool root = ::geteuid() == 0;
  if (root) {
    ::setfsuid(65'534);
  }
  const auto info = client_.Negotiate({});
  if (root) {
    ::setfsuid(0);
  }
  ASSERT_THAT(info, FailsWith("ENGINE_PERMISSION_DENIED"));
  EXPECT_THAT(GetErrorDetail(info.status()).remedy, HasSubstr("docker"));
}

TEST_F(ClientTest, CancellingEndsAWaitAndClosesTheConnection) {
  FakeReply mute;
  mute.delay = seconds(60);
  fake_.Route(kInspectPath, mute);
  CancelSource source;
  std::thread canceller([&] {
    EXPECT_TRUE(fake_.WaitForRequest(kInspectPath, seconds(30)));
    source.Cancel();
  });
  const auto image = client_.InspectImage("fx/tiny:1", Amd64(), source.token());
  canceller.join();
  EXPECT_THAT(image, FailsWith("CANCELLED"));
  EXPECT_TRUE(fake_.WaitForAborted(1, seconds(30)));
}

TEST_F(ClientTest, ACancelledTokenAsksNothing) {
  CancelSource source;
  source.Cancel();
  EXPECT_THAT(client_.Negotiate(source.token()), FailsWith("CANCELLED"));
  EXPECT_THAT(fake_.requests(), IsEmpty());
}

TEST_F(ClientTest, TheEnvironmentsProxyIsNotUsed) {
  ::setenv("http_proxy", "http://127.0.0.1:1", 1);
  ::setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
  EXPECT_THAT(client_.Negotiate({}), IsOk());
  ::unsetenv("http_proxy");
  ::unsetenv("ALL_PROXY");
}

TEST_F(ClientTest, ThreadsMayShareIt) {
  ServeTiny();
  std::vector<std::thread> threads;
  std::atomic<int> good = 0;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 5; ++j) {
        good += client_.InspectImage("fx/tiny:1", Amd64(), {}).ok() ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(good, 40);
}

TEST(Client, AddressesThatCannotBeDialledAreRefused) {
  EngineEndpoint endpoint;
  endpoint.host = "ssh://-oProxyCommand=touch";
  EXPECT_THAT(EngineClient(endpoint).Negotiate({}),
              FailsWith("BAD_ENGINE_ADDRESS"));
}

TEST(Client, APortThatNobodyServesIsUnreachable) {
  EngineEndpoint endpoint;
  endpoint.host = "tcp://127.0.0.1:1";
  EXPECT_THAT(EngineClient(endpoint).Negotiate({}),
              FailsWith("ENGINE_UNREACHABLE"));
}

}  // namespace
}  // namespace bottled
