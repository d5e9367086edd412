#include "engine/ssh_dial.h"

#include <cstdlib>

#include "engine/child.h"
#include "engine/tools.h"

namespace bottled {
namespace {

using testing::Amd64;
using testing::Drain;
using ::testing::ElementsAre;
using testing::FailsWith;
using testing::FakeEngine;
using testing::FakeReply;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::MessageOf;
using ::testing::Not;
using testing::TempDir;

TEST(SshDial, CommandLine) {
  EngineAddress address;
  address.kind = EngineAddress::Kind::kSsh;
  address.host = "example.org";
  EXPECT_THAT(
      SshArgv(address, std::chrono::seconds(20)),
      ElementsAre("ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=20", "-T",
                  "--", "example.org", "docker", "system", "dial-stdio"));
  address.user = "me";
  address.port = 2222;
  EXPECT_THAT(
      SshArgv(address, std::chrono::seconds(20)),
      ElementsAre("ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=20", "-T",
                  "-l", "me", "-p", "2222", "--", "example.org", "docker",
                  "system", "dial-stdio"));
}

TEST(SshErrorText, IsOneTextWithoutTheFrame) {
  EXPECT_EQ(SshErrorText("Host key verification failed.\r\n"),
            "Host key verification failed.");
  EXPECT_EQ(
      SshErrorText("@@@@@@@@@@@@\r\n@    WARNING: IT HAS CHANGED!     @\r\n"
                   "@@@@@@@@@@@@\r\nSomebody could be\r\n\r\nlistening.\r\n"),
      "WARNING: IT HAS CHANGED!; Somebody could be; listening.");
  EXPECT_EQ(SshErrorText("me@example.org: Permission denied (publickey).\n"),
            "me@example.org: Permission denied (publickey).");
  EXPECT_EQ(SshErrorText(""), "");
  EXPECT_EQ(SshErrorText("@@@\n"), "");
  const std::string text =
      SshErrorText(std::string(2000, 'x') + "\nthe reason\n");
  EXPECT_LT(text.size(), 1000U);
  EXPECT_TRUE(text.ends_with("; the reason"));
}

// Carries standard input and output to a Unix socket, as `docker system
// dial-stdio` does at the far end; its arguments and environment go to a file.
constexpr char kFakeSsh[] = R"(#!/usr/bin/env python3
import os, select, socket, sys
here = os.path.dirname(os.path.abspath(__file__))
with open(here + "/seen", "w") as seen:
    seen.write("\n".join(sys.argv[1:]) + "\n--env--\n" + "\n".join(os.environ))
if os.path.exists(here + "/refuse"):
    sys.stderr.write("me@example.org: Permission denied (publickey).\n")
    sys.exit(255)
s = socket.socket(socket.AF_UNIX)
s.connect(here + "/far.sock")
while True:
    ready, _, _ = select.select([0, s], [], [])
    if 0 in ready:
        data = os.read(0, 65536)
        if not data:
            break
        s.sendall(data)
    if s in ready:
        data = s.recv(65536)
        if not data:
            break
        while data:
            data = data[os.write(1, data):]
)";

class SshTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!testing::HaveProgram("python3")) {
      BOTTLED_MISSING("python3");
    }
    dir_.Write("ssh", kFakeSsh);
    std::filesystem::create_symlink(fake_.socket_path(),
                                    dir_.path() / "far.sock");
    old_path_ = std::getenv("PATH");
    ::setenv("PATH", (dir_.path().string() + ":" + old_path_).c_str(), 1);
    ::setenv("BOTTLED_TEST_SECRET", "x", 1);
    endpoint_.host = "ssh://me@example.org:2222";
  }
  void TearDown() override {
    if (!old_path_.empty()) {
      ::setenv("PATH", old_path_.c_str(), 1);
    }
    ::unsetenv("BOTTLED_TEST_SECRET");
  }

  std::string Seen() {
    std::ifstream file(dir_.path() / "seen");
    return {std::istreambuf_iterator<char>(file), {}};
  }

  TempDir dir_;
  FakeEngine fake_;
  std::string old_path_;
  EngineEndpoint endpoint_;
};

TEST_F(SshTest, CarriesCallsAndStreams) {
  const Digest id = Digest::FromHex(std::string(64, 'a'));
  FakeReply reply = FakeReply::Tar(std::string(3'000'000, 'x'));
  fake_.Route("/images/" + id.ToString() + "/get", reply);
  EngineClient client(endpoint_, testing::PatientOptions());
  const auto info = client.Negotiate({});
  ASSERT_THAT(info, IsOk());
  EXPECT_EQ(info->api, (ApiVersion{1, 41}));
  auto source = client.SaveImage(id, Amd64(), {});
  ASSERT_THAT(source, IsOk());
  std::string got;
  ASSERT_THAT(Drain(**source, &got), IsOk());
  EXPECT_TRUE(got == reply.body);
  EXPECT_THAT(Seen(), HasSubstr("-l\nme\n-p\n2222\n--\nexample.org\ndocker\n"));
  EXPECT_THAT(Seen(), Not(HasSubstr("BOTTLED_TEST_SECRET")));
}

TEST_F(SshTest, DestructionEndsSshAndTheConnection) {
  const Digest id = Digest::FromHex(std::string(64, 'a'));
  FakeReply reply = FakeReply::Tar("abc");
  reply.stall_at = 3;
  fake_.Route("/images/" + id.ToString() + "/get", reply);
  EngineClient client(endpoint_, testing::PatientOptions());
  auto source = client.SaveImage(id, Amd64(), {});
  ASSERT_THAT(source, IsOk());
  ASSERT_THAT((*source)->Next(), IsOk());
  source->reset();
  EXPECT_TRUE(fake_.WaitForAborted(1, std::chrono::seconds(30)));
}

TEST_F(SshTest, WhatSshSaysIsShown) {
  dir_.Write("refuse", "");
  const auto info =
      EngineClient(endpoint_, testing::PatientOptions()).Negotiate({});
  ASSERT_THAT(info, FailsWith("ENGINE_UNREACHABLE"));
  EXPECT_THAT(MessageOf(info.status()), HasSubstr("Permission denied"));
}

TEST_F(SshTest, NoSshIsUnreachable) {
  ::setenv("PATH", "/nonexistent", 1);
  EXPECT_THAT(EngineClient(endpoint_).Negotiate({}),
              FailsWith("ENGINE_UNREACHABLE"));
}

}  // namespace
}  // namespace bottled
