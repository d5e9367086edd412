#include "engine/containers.h"

#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>

#include "base/strings.h"
#include "engine/child.h"
#include "engine/client_fixture.h"
#include "engine/tools.h"
#include "nlohmann/json.hpp"

namespace bottled {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ClientTest;
using testing::Drain;
using testing::EndpointOf;
using testing::FailsWith;
using testing::FakeReply;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::MessageOf;
using ::testing::Not;
using testing::PatientOptions;

constexpr char kContainerId[] =
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

ContainerSpec FullSpec() {
  ContainerSpec spec;
  spec.name = "bottled-registry-1";
  spec.image = "registry:2";
  spec.command = {"serve", "/etc/config.yml"};
  spec.env = {"REGISTRY_LOG_LEVEL=warn"};
  spec.labels = {{"dev.bottled.role", "registry"}};
  spec.port = PublishedPort{.container_port = 5000, .host_port = 40123};
  spec.tmpfs = {{"/var/lib/registry", "size=1g"}, {"/data", ""}};
  spec.working_dir = "/";
  spec.network_mode = "none";
  spec.auto_remove = true;
  spec.memory_bytes = 512 << 20;
  spec.pids_limit = 128;
  return spec;
}

class ContainersTest : public ClientTest {
 protected:
  std::string PathOf(const std::string& rest) {
    return std::string("/containers/") + kContainerId + rest;
  }
};

TEST(ContainerJson, HasEveryPartOfTheSpec) {
  EXPECT_EQ(json::parse(ContainerJson(FullSpec())), json::parse(R"({
      "Image": "registry:2", "Cmd": ["serve", "/etc/config.yml"],
      "Env": ["REGISTRY_LOG_LEVEL=warn"], "WorkingDir": "/",
      "Labels": {"dev.bottled.role": "registry"},
      "ExposedPorts": {"5000/tcp": {}},
      "HostConfig": {
        "PortBindings": {"5000/tcp":
            [{"HostIp": "127.0.0.1", "HostPort": "40123"}]},
        "Tmpfs": {"/var/lib/registry": "size=1g", "/data": ""},
        "AutoRemove": true, "NetworkMode": "none",
        "Memory": 536870912, "PidsLimit": 128,
        "RestartPolicy": {"Name": "no"}}})"));
}

TEST(ContainerJson, LeavesTheImagesOwnWhereNothingIsGiven) {
  ContainerSpec spec;
  spec.image = "a:1";
  EXPECT_EQ(json::parse(ContainerJson(spec)), json::parse(R"({
      "Image": "a:1", "HostConfig":
      {"AutoRemove": false, "RestartPolicy": {"Name": "no"}}})"));
}

TEST(ContainerJson, BytesThatAreNoTextDoNotThrow) {
  ContainerSpec spec;
  spec.image = "a:1";
  spec.env = {"A=\xff"};
  EXPECT_TRUE(json::accept(ContainerJson(spec)));
}

TEST_F(ContainersTest, CreatesByName) {
  fake_.Route("/containers/create",
              FakeReply::Json(std::string(R"({"Id":")") + kContainerId +
                                  R"(","Warnings":[]})",
                              201));
  const auto id = CreateContainer(client_, FullSpec(), {});
  ASSERT_THAT(id, IsOk());
  EXPECT_EQ(*id, kContainerId);
  const auto seen = Last("/containers/create");
  EXPECT_EQ(seen.method, "POST");
  EXPECT_EQ(seen.query, "name=bottled-registry-1");
  EXPECT_EQ(seen.body, ContainerJson(FullSpec()));
}

TEST_F(ContainersTest, RefusalsToCreateAreTyped) {
  const struct {
    int status;
    const char* text;
    const char* reason;
  } cases[] = {
      {404, "No such image: registry:2", "IMAGE_NOT_FOUND"},
      {409, "Conflict. The container name is already in use by container",
       "CONTAINER_NAME_TAKEN"},
      {500,
       "container create: creating container storage: the container name "
       "bottled-registry-1 is already in use by 01: that name is already in "
       "use",
       "CONTAINER_NAME_TAKEN"},
      {500, "no space left on device", "ENGINE_ERROR"},
      {400, "invalid port", "ENGINE_ERROR"}};
  for (const auto& expected : cases) {
    fake_.Route("/containers/create",
                FakeReply::Error(expected.status, expected.text));
    const auto id = CreateContainer(client_, FullSpec(), {});
    ASSERT_THAT(id, FailsWith(expected.reason)) << expected.text;
    EXPECT_EQ(fake_.CountRequests("/containers/create"), 1 + &expected - cases);
  }
  fake_.Route("/containers/create", FakeReply::Error(409, "x"));
  const auto taken = CreateContainer(client_, FullSpec(), {});
  EXPECT_EQ(taken.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(MessageOf(taken.status()), HasSubstr("bottled-registry-1"));
}

TEST_F(ContainersTest, AnAnswerWithoutAnIdIsInvalid) {
  const std::string long_id = R"({"Id":")" + std::string(1000, 'a') + "\"}";
  for (const std::string& body :
       {std::string("{}"), std::string("[]"), std::string(R"({"Id":1})"),
        std::string(R"({"Id":""})"), std::string("<html>"), long_id}) {
    fake_.Route("/containers/create", FakeReply::Json(body, 201));
    EXPECT_THAT(CreateContainer(client_, FullSpec(), {}),
                FailsWith("ENGINE_ANSWER_INVALID"))
        << body.substr(0, 40);
  }
}

TEST_F(ContainersTest, Starts) {
  for (const int status : {204, 304}) {
    fake_.Route(PathOf("/start"), FakeReply::Json("", status));
    EXPECT_THAT(StartContainer(client_, kContainerId, {}), IsOk()) << status;
  }
  EXPECT_EQ(Last(PathOf("/start")).method, "POST");
  fake_.Route(PathOf("/start"), FakeReply::Error(404, "No such container"));
  EXPECT_THAT(StartContainer(client_, kContainerId, {}),
              FailsWith("ENGINE_ERROR"));
}

TEST_F(ContainersTest, APortOfOthersIsTyped) {
  for (const char* text :
       {"driver failed programming external connectivity on endpoint x: Bind "
        "for 127.0.0.1:5001 failed: port is already allocated",
        "driver failed: Error starting userland proxy: listen tcp4 "
        "127.0.0.1:5001: bind: address already in use",
        "Ports are not available: exposing port TCP 127.0.0.1:5001",
        "rootlessport listen tcp 127.0.0.1:5001: bind: address already in "
        "use"}) {
    fake_.Route(PathOf("/start"), FakeReply::Error(500, text));
    const absl::Status status = StartContainer(client_, kContainerId, {});
    ASSERT_THAT(status, FailsWith("PORT_TAKEN")) << text;
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
    EXPECT_THAT(MessageOf(status), HasSubstr("127.0.0.1:5001"));
  }
}

TEST_F(ContainersTest, InspectsByName) {
  fake_.Route("/containers/fx/json",
              FakeReply::Json(std::string(R"({"Id":")") + kContainerId +
                              R"(","State":{"Running":false,"ExitCode":137},
                   "Config":{"Labels":{"a":"b\n","c":null}},"Mounts":[]})"));
  const auto state = InspectContainer(client_, "fx", {});
  ASSERT_THAT(state, IsOk());
  ASSERT_TRUE(state->has_value());
  EXPECT_EQ((*state)->id, kContainerId);
  EXPECT_FALSE((*state)->running);
  EXPECT_EQ((*state)->exit_code, 137);
  EXPECT_EQ((*state)->labels.at("a"), "b\\x0a");
  EXPECT_EQ((*state)->labels.at("c"), "");

  const auto none = InspectContainer(client_, "gone", {});
  ASSERT_THAT(none, IsOk());
  EXPECT_FALSE(none->has_value());
}

TEST_F(ContainersTest, DescriptionsThatMakeNoSenseAreRefused) {
  for (const char* body :
       {"", "[]", R"({"Id":"a"})", R"({"State":{"Running":true}})",
        R"({"Id":"a","State":{"Running":1}})",
        R"({"Id":"a","State":{"Running":true},"Config":{"Labels":{"a":1}}})"}) {
    fake_.Route("/containers/fx/json", FakeReply::Json(body));
    EXPECT_THAT(InspectContainer(client_, "fx", {}),
                FailsWith("ENGINE_ANSWER_INVALID"))
        << body;
  }
  fake_.Route("/containers/fx/json", FakeReply::Error(500, "no"));
  EXPECT_THAT(InspectContainer(client_, "fx", {}), FailsWith("ENGINE_ERROR"));
}

TEST_F(ContainersTest, RemovesWithItsVolumes) {
  fake_.Route("/containers/fx", FakeReply::Json("", 204));
  const auto removed = RemoveContainer(client_, "fx", {});
  ASSERT_THAT(removed, IsOk());
  EXPECT_TRUE(*removed);
  EXPECT_EQ(Last("/containers/fx").method, "DELETE");
  EXPECT_EQ(Last("/containers/fx").query, "force=1&v=1");
}

TEST_F(ContainersTest, WhatIsGoneNeedsNoRemoval) {
  fake_.Route(
      "/containers/fx",
      FakeReply::Error(409, "removal of container fx is already in progress"));
  for (const char* name : {"fx", "gone"}) {
    const auto removed = RemoveContainer(client_, name, {});
    ASSERT_THAT(removed, IsOk()) << name;
    EXPECT_FALSE(*removed) << name;
  }
  fake_.Route("/containers/fx", FakeReply::Error(409, "it is paused"));
  EXPECT_THAT(RemoveContainer(client_, "fx", {}), FailsWith("ENGINE_ERROR"));
}

TEST_F(ContainersTest, NamesCannotLeaveTheirPath) {
  EXPECT_THAT(RemoveContainer(client_, "../images/a?x", {}), IsOk());
  EXPECT_EQ(fake_.requests().back().target,
            "/v1.41/containers/..%2Fimages%2Fa%3Fx?force=1&v=1");
}

TEST_F(ContainersTest, ExportsAsAStream) {
  FakeReply tar = FakeReply::Tar(std::string(3'000'000, 't'));
  fake_.Route(PathOf("/export"), tar);
  auto source = ExportContainer(client_, kContainerId, {});
  ASSERT_THAT(source, IsOk());
  std::string got;
  ASSERT_THAT(Drain(**source, &got), IsOk());
  EXPECT_TRUE(got == tar.body);
}

TEST_F(ContainersTest, FaultsOfAnExportAreTyped) {
  fake_.Route(PathOf("/export"), FakeReply::Error(404, "No such container"));
  EXPECT_THAT(ExportContainer(client_, kContainerId, {}),
              FailsWith("ENGINE_ERROR"));
  FakeReply tar = FakeReply::Tar(std::string(100'000, 't'));
  tar.framing = FakeReply::Framing::kNone;
  fake_.Route(PathOf("/export"), tar);
  EXPECT_THAT(ExportContainer(client_, kContainerId, {}),
              FailsWith("ENGINE_ERROR"));
  tar.framing = FakeReply::Framing::kChunked;
  tar.cut_at = 50'000;
  fake_.Route(PathOf("/export"), tar);
  auto cut = ExportContainer(client_, kContainerId, {});
  ASSERT_THAT(cut, IsOk());
  std::string got;
  EXPECT_THAT(Drain(**cut, &got), FailsWith("ENGINE_STREAM_BROKEN"));
  tar.cut_at.reset();
  tar.stall_at = 50'000;
  fake_.Route(PathOf("/export"), tar);
  EngineClient::Options options = PatientOptions();
  options.stall_timeout = milliseconds(100);
  EngineClient impatient(EndpointOf(fake_), options);
  auto stalled = ExportContainer(impatient, kContainerId, {});
  ASSERT_THAT(stalled, IsOk());
  EXPECT_THAT(Drain(**stalled, &got), FailsWith("ENGINE_STALLED"));
}

TEST_F(ContainersTest, CancellingEndsACall) {
  FakeReply mute;
  mute.delay = seconds(60);
  fake_.Route(PathOf("/start"), mute);
  CancelSource source;
  std::thread canceller([&] {
    EXPECT_TRUE(fake_.WaitForRequest(PathOf("/start"), seconds(30)));
    source.Cancel();
  });
  const absl::Status status =
      StartContainer(client_, kContainerId, source.token());
  canceller.join();
  EXPECT_THAT(status, FailsWith("CANCELLED"));
  EXPECT_TRUE(fake_.WaitForAborted(1, seconds(30)));
}

// On a real dockerd, as dockerd_test.cc.
TEST(RealContainers, AreMadeExportedAndRemoved) {
  const char* host = std::getenv("BOTTLED_TEST_DOCKER_HOST");
  if (host == nullptr) {
    BOTTLED_MISSING("$BOTTLED_TEST_DOCKER_HOST");
  }
  EngineEndpoint endpoint;
  endpoint.host = host;
  EngineClient client(endpoint);
  const char* image = std::getenv("BOTTLED_TEST_IMAGE");
  ContainerSpec spec;
  spec.name = "bottled-test-" + RandomHex(8);
  spec.image = image == nullptr ? "base:1" : image;
  spec.command = {"/bottled-test"};
  spec.labels = {{"dev.bottled.role", "test"}};
  spec.tmpfs = {{"/bottled-test-data", ""}};
  spec.working_dir = "/";
  spec.network_mode = "none";
  const auto id = CreateContainer(client, spec, {});
  ASSERT_THAT(id, IsOk());
  EXPECT_THAT(CreateContainer(client, spec, {}),
              FailsWith("CONTAINER_NAME_TAKEN"));
  const auto state = InspectContainer(client, spec.name, {});
  EXPECT_THAT(state, IsOk());
  if (state.ok() && state->has_value()) {
    EXPECT_EQ((*state)->id, *id);
    EXPECT_FALSE((*state)->running);
    EXPECT_EQ((*state)->labels.at("dev.bottled.role"), "test");
  }
  auto source = ExportContainer(client, *id, {});
  EXPECT_THAT(source, IsOk());
  if (source.ok()) {
    std::string tar;
    EXPECT_THAT(Drain(**source, &tar), IsOk());
    EXPECT_GE(tar.size(), 1024U);
    EXPECT_EQ(tar.size() % 512, 0U);
  }
  for (const bool there : {true, false}) {
    const auto removed = RemoveContainer(client, spec.name, {});
    ASSERT_THAT(removed, IsOk());
    EXPECT_EQ(*removed, there);
  }
  const auto gone = InspectContainer(client, spec.name, {});
  ASSERT_THAT(gone, IsOk());
  EXPECT_FALSE(gone->has_value());
  spec.image = "bottled-test-nothing:1";
  EXPECT_THAT(CreateContainer(client, spec, {}), FailsWith("IMAGE_NOT_FOUND"));
}

}  // namespace
}  // namespace bottled
