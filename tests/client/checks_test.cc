#include "client/checks.h"

#include <string>

#include "client/errors.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bottled::client {
namespace {

using ::testing::HasSubstr;

v1::GetInfoResponse Info() {
  v1::GetInfoResponse info;
  info.set_version("1.2.3");
  info.set_pid(42);
  return info;
}

TEST(ChecksTest, Socket) {
  const absl::Status gone = ConnectionLost("x");
  const struct {
    SocketFile file;
    absl::StatusOr<v1::GetInfoResponse> info;
    PeerCredentials peer;
    v1::Finding::Level level;
    const char* reason;
    const char* message;
  } cases[] = {
      {{"/s", true, 0600},
       Info(),
       {1, 42},
       v1::Finding::LEVEL_OK,
       "",
       "/s (mode 0600): the daemon listens (pid 42)"},
      {{"/s", true, 0600},
       Info(),
       {1, 1},
       v1::Finding::LEVEL_OK,
       "",
       "a service manager made it (pid 1)"},
      {{"/s", true, 0600},
       Info(),
       {1, 0},
       v1::Finding::LEVEL_OK,
       "",
       "the daemon listens"},
      {{"/s", true, 0660},
       Info(),
       {1, 42},
       v1::Finding::LEVEL_WARN,
       "SOCKET_OPEN",
       "mode 0660"},
      {{"/s", true, 0600},
       gone,
       {},
       v1::Finding::LEVEL_OK,
       "",
       "nobody answers"},
      {{"/s", false, 0}, gone, {}, v1::Finding::LEVEL_OK, "", "not there"},
      {{"/s", true, 0600},
       DaemonUntrusted("it is root's"),
       {},
       v1::Finding::LEVEL_FAIL,
       "DAEMON_UNTRUSTED",
       "it is root's"},
  };
  for (const auto& each : cases) {
    const v1::Finding finding = CheckSocket(each.file, each.info, each.peer);
    EXPECT_EQ(finding.check(), "socket");
    EXPECT_EQ(finding.level(), each.level) << each.message;
    EXPECT_EQ(finding.reason(), each.reason);
    EXPECT_THAT(finding.message(), HasSubstr(each.message));
  }
}

TEST(ChecksTest, Daemon) {
  EXPECT_EQ(CheckDaemon(Info(), "1.2.3").level(), v1::Finding::LEVEL_OK);
  const v1::Finding other = CheckDaemon(Info(), "1.2.4");
  EXPECT_EQ(other.level(), v1::Finding::LEVEL_WARN);
  EXPECT_EQ(other.reason(), "VERSION_MISMATCH");
  EXPECT_THAT(other.message(), HasSubstr("1.2.3"));
  const v1::Finding none =
      CheckDaemon(DaemonStartFailed("no\x1b", "look", {}), "1.2.3");
  EXPECT_EQ(none.level(), v1::Finding::LEVEL_FAIL);
  EXPECT_EQ(none.reason(), "DAEMON_START_FAILED");
  EXPECT_THAT(none.message(), HasSubstr("no\\x1b"));
  EXPECT_EQ(none.remedy(), "look");
}

TEST(ChecksTest, WhatOnlyADaemonCanSee) {
  const v1::Finding finding = SkippedFinding("kvm");
  EXPECT_EQ(finding.check(), "kvm");
  EXPECT_EQ(finding.level(), v1::Finding::LEVEL_WARN);
  EXPECT_EQ(finding.reason(), "SKIPPED");
}

TEST(ChecksTest, LooksAtAFile) {
  EXPECT_FALSE(LookAtSocket("/no/such/socket").exists);
  EXPECT_TRUE(LookAtSocket("/dev/null").exists);
}

}  // namespace
}  // namespace bottled::client
