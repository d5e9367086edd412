#include "engine/registry.h"

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include "engine/client_fixture.h"
#include "engine/tools.h"

namespace bottled {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ClientTest;
using testing::FailsWith;
using testing::FakeEngine;
using testing::FakeReply;
using testing::FakeRequest;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsOk;
using testing::MessageOf;
using ::testing::Not;

constexpr char kProbePath[] = "/distribution/127.0.0.1:5001/r:probe/json";
// Where nothing listens.
constexpr char kNobody[] = "127.0.0.1:1";

std::string ImageManifest() {
  return R"({"schemaVersion":2,"mediaType":)"
         R"("application/vnd.docker.distribution.manifest.v2+json",)"
         R"("config":{"digest":"sha256:)" +
         std::string(64, 'b') + R"(","size":7},"layers":[]})";
}

class ProbeTest : public ClientTest {
 protected:
  absl::StatusOr<RegistryProbe> Probe(milliseconds limit = seconds(60)) {
    return ProbeRegistry(client_, "127.0.0.1:5001", "r", limit, {});
  }
};

TEST_F(ProbeTest, AMissingManifestProvesARegistry) {
  for (const char* text :
       {"manifest unknown: manifest unknown", "errors: MANIFEST_UNKNOWN",
        "name unknown: repository name not known to registry",
        "NAME_UNKNOWN: x"}) {
    fake_.Route(kProbePath, FakeReply::Error(404, text));
    const auto probe = Probe();
    ASSERT_THAT(probe, IsOk());
    EXPECT_TRUE(probe->reached) << text;
    EXPECT_FALSE(probe->unsupported);
    EXPECT_EQ(probe->address, "127.0.0.1:5001");
    EXPECT_EQ(probe->evidence, text);
  }
  fake_.Route(kProbePath, FakeReply::Json("{}"));
  EXPECT_TRUE(Probe()->reached);
  EXPECT_EQ(Last(kProbePath).method, "GET");
  EXPECT_EQ(Last(kProbePath).fields.at("x-registry-auth"), "e30=");
}

TEST_F(ProbeTest, AnythingElseIsAFinding) {
  for (const char* text :
       {"Get http://127.0.0.1:5001/v2/: dial tcp 127.0.0.1:5001: connect: "
        "connection refused",
        "http: server gave HTTP response to HTTPS client",
        "manifest unknown: but with a 500"}) {
    fake_.Route(kProbePath, FakeReply::Error(500, text));
    const auto probe = Probe();
    ASSERT_THAT(probe, IsOk());
    EXPECT_FALSE(probe->reached) << text;
    EXPECT_FALSE(probe->unsupported) << text;
    EXPECT_EQ(probe->evidence, text);
  }
  fake_.Route(kProbePath, FakeReply::Error(404, "no such thing"));
  EXPECT_FALSE(Probe()->reached);
}

TEST_F(ProbeTest, SilenceIsAFindingToo) {
  FakeReply mute;
  mute.delay = seconds(60);
  fake_.Route(kProbePath, mute);
  const auto probe = Probe(milliseconds(250));
  ASSERT_THAT(probe, IsOk());
  EXPECT_FALSE(probe->reached);
  EXPECT_EQ(probe->evidence, "no answer within 0.25 s");
}

TEST_F(ProbeTest, PodmanIsNotAsked) {
  fake_.SetPodman(true);
  const auto probe = Probe();
  ASSERT_THAT(probe, IsOk());
  EXPECT_TRUE(probe->unsupported);
  EXPECT_FALSE(probe->reached);
  EXPECT_THAT(probe->evidence, Not(IsEmpty()));
  EXPECT_EQ(fake_.CountRequests(kProbePath), 0);
}

TEST_F(ProbeTest, AMissingRouteTeachesNothing) {
  FakeReply reply;
  reply.status = 404;
  reply.content_type = "text/plain; charset=utf-8";
  reply.body = "Not Found\n";
  fake_.Route(kProbePath, reply);
  EXPECT_TRUE(Probe()->unsupported);
  EXPECT_FALSE(Probe()->reached);
}

TEST_F(ProbeTest, AnEngineThatIsDownIsNoFinding) {
  fake_.Stop();
  EXPECT_THAT(Probe(), FailsWith("ENGINE_UNREACHABLE"));
}

class RegistryTest : public ::testing::Test {
 protected:
  RegistryTest() : registry_(FakeEngine::Listen::kTcp) {}

  absl::StatusOr<RegistryManifest> Read(const std::string& reference) {
    return ReadRegistryManifest(registry_.address(), "a/fx", reference, {});
  }
  void Serve(const std::string& reference, const std::string& manifest,
             const std::string& digest) {
    FakeReply reply = FakeReply::Json(manifest);
    reply.content_type = "application/vnd.oci.image.manifest.v1+json; a=b";
    if (!digest.empty()) {
      reply.fields = {{"Docker-Content-Digest", digest}};
    }
    registry_.Route(PathOf(reference), reply);
  }
  static std::string PathOf(const std::string& reference) {
    return "/v2/a/fx/manifests/" + reference;
  }

  FakeEngine registry_;
};

TEST_F(RegistryTest, WaitsUntilItAnswers) {
  // A forwarder comes first, then a registry that is not ready.
  // The handler's own, as its thread may outlive this frame.
  registry_.Route("/v2/", [calls = std::make_shared<std::atomic<int>>(0)](
                              const FakeRequest&) {
    const int call = ++*calls;
    FakeReply reply = FakeReply::Json("{}", call == 2 ? 503 : 401);
    reply.hang_up = call == 1;
    return reply;
  });
  EXPECT_THAT(WaitForRegistry(registry_.address(), seconds(60), {}), IsOk());
  EXPECT_EQ(registry_.CountRequests("/v2/"), 3);
  EXPECT_EQ(registry_.requests()[0].target, "/v2/");
  registry_.Route("/v2/", FakeReply::Json("{}"));
  EXPECT_THAT(WaitForRegistry(registry_.address(), seconds(60), {}), IsOk());
}

TEST_F(RegistryTest, TheLastFailureIsTold) {
  registry_.Route("/v2/", FakeReply::Json("{}", 503));
  absl::Status status =
      WaitForRegistry(registry_.address(), milliseconds(60), {});
  ASSERT_THAT(status, FailsWith("REGISTRY_UNREACHABLE"));
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(MessageOf(status), HasSubstr(registry_.address()));
  EXPECT_THAT(MessageOf(status), HasSubstr("HTTP 503"));
  status = WaitForRegistry(kNobody, milliseconds(60), {});
  ASSERT_THAT(status, FailsWith("REGISTRY_UNREACHABLE"));
  EXPECT_EQ(MessageOf(status),
            "no registry answers this host at 127.0.0.1:1: Connection "
            "refused");
  // What is no address will never be one.
  EXPECT_THAT(WaitForRegistry("-x y", seconds(600), {}),
              FailsWith("REGISTRY_UNREACHABLE"));
}

TEST_F(RegistryTest, WaitingCanBeCancelled) {
  CancelSource source;
  std::thread canceller([&] {
    std::this_thread::sleep_for(milliseconds(50));
    source.Cancel();
  });
  EXPECT_THAT(WaitForRegistry(kNobody, seconds(600), source.token()),
              FailsWith("CANCELLED"));
  canceller.join();
}

TEST_F(RegistryTest, ReadsAManifest) {
  const Digest digest = Sha256Of(ImageManifest());
  Serve("1", ImageManifest(), digest.ToString());
  Serve(digest.ToString(), ImageManifest(), "");
  for (const std::string& reference : {std::string("1"), digest.ToString()}) {
    const auto manifest = Read(reference);
    ASSERT_THAT(manifest, IsOk());
    EXPECT_EQ(manifest->digest, digest);
    EXPECT_EQ(manifest->config.hex(), std::string(64, 'b'));
    EXPECT_EQ(manifest->media_type,
              "application/vnd.docker.distribution.manifest.v2+json");
    EXPECT_EQ(manifest->size, static_cast<int64_t>(ImageManifest().size()));
  }
  const std::string accept = registry_.requests()[0].fields.at("accept");
  for (const char* type :
       {"application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.distribution.manifest.list.v2+json"}) {
    EXPECT_THAT(accept, HasSubstr(type));
  }
}

TEST_F(RegistryTest, AnIndexHasNoConfig) {
  Serve("1", R"({"schemaVersion":2,"manifests":[]})", "");
  const auto manifest = Read("1");
  ASSERT_THAT(manifest, IsOk());
  EXPECT_TRUE(manifest->config.empty());
  EXPECT_EQ(manifest->media_type, "application/vnd.oci.image.manifest.v1+json");
}

TEST_F(RegistryTest, OtherBytesThanPromisedAreRefused) {
  const std::string other = "sha256:" + std::string(64, 'c');
  Serve("1", ImageManifest(), other);
  Serve(other, ImageManifest(), "");
  for (const std::string& reference : {std::string("1"), other}) {
    const auto manifest = Read(reference);
    ASSERT_THAT(manifest, FailsWith("DIGEST_MISMATCH"));
    EXPECT_THAT(MessageOf(manifest.status()), HasSubstr(other));
  }
  Serve("1", ImageManifest(), "md5:1");
  EXPECT_THAT(Read("1"), FailsWith("REGISTRY_ERROR"));
}

TEST_F(RegistryTest, RefusalsAreTyped) {
  const auto missing = Read("1");
  ASSERT_THAT(missing, FailsWith("MANIFEST_MISSING"));
  EXPECT_THAT(MessageOf(missing.status()), HasSubstr("a/fx:1"));
  registry_.Route(
      PathOf("1"),
      FakeReply::Json(
          R"({"errors":[{"code":"UNAVAILABLE","message":"disk\nfull"}]})",
          503));
  const auto failed = Read("1");
  ASSERT_THAT(failed, FailsWith("REGISTRY_ERROR"));
  EXPECT_THAT(MessageOf(failed.status()), HasSubstr("HTTP 503"));
  EXPECT_THAT(MessageOf(failed.status()), HasSubstr("disk\\x0afull"));
  registry_.Route(PathOf("1"), FakeReply::Json("<html>", 301));
  EXPECT_THAT(Read("1"), FailsWith("REGISTRY_ERROR"));
  const auto gone = ReadRegistryManifest(kNobody, "a/fx", "1", {});
  ASSERT_THAT(gone, FailsWith("REGISTRY_UNREACHABLE"));
  EXPECT_THAT(MessageOf(gone.status()), Not(HasSubstr("engine")));
}

TEST_F(RegistryTest, WhatIsNoRegistryIsAnError) {
  FakeReply ssh;
  ssh.raw = "SSH-2.0-OpenSSH_9.2\r\n";
  registry_.Route(PathOf("1"), ssh);
  const auto manifest = Read("1");
  ASSERT_THAT(manifest, FailsWith("REGISTRY_ERROR"));
  EXPECT_THAT(MessageOf(manifest.status()), HasSubstr("not HTTP"));
  EXPECT_THAT(MessageOf(manifest.status()), Not(HasSubstr("engine")));
}

TEST_F(RegistryTest, HostileManifestsAreBounded) {
  FakeReply huge = FakeReply::Json(std::string(1 << 20, ' '));
  huge.repeat = 5;
  registry_.Route(PathOf("1"), huge);
  EXPECT_THAT(Read("1"), FailsWith("REGISTRY_ERROR"));
  for (const std::string& body :
       {std::string(), std::string("[]"), std::string("{}"),
        std::string(R"({"config":{"digest":"x"}})"),
        std::string(R"({"config":[]})"), std::string(R"({"mediaType":1})"),
        std::string(R"({"schemaVersion":1,"fsLayers":[]})"),
        std::string(100'000, '[')}) {
    registry_.Route(PathOf("1"), FakeReply::Json(body));
    EXPECT_THAT(Read("1"), FailsWith("REGISTRY_ERROR")) << body.substr(0, 50);
  }
  FakeReply cut = FakeReply::Json(ImageManifest());
  cut.cut_at = 10;
  registry_.Route(PathOf("1"), cut);
  EXPECT_THAT(Read("1"), FailsWith("REGISTRY_UNREACHABLE"));
  EXPECT_THAT(ReadRegistryManifest(registry_.address(), "a//b", "1", {}),
              FailsWith("BAD_REFERENCE"));
}

}  // namespace
}  // namespace bottled
