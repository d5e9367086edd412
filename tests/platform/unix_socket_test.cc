#include "platform/unix_socket.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "platform/file.h"
#include "platform/in_child.h"
#include "platform/mode_of.h"
#include "platform/temp_dir.h"

namespace bottled {
namespace {

class UnixSocketTest : public testing::Test {
 protected:
  UnixSocketTest()
      : lock_(*InstanceLock::Acquire(dir_ / "LOCK", "test")),
        path_(dir_ / "run/v1.sock") {}

  absl::StatusOr<Fd> Listen() { return ListenUnix(path_, lock_); }

  // The server's end of the next connection.
  static Fd Accept(const Fd& listener) {
    pollfd p = {listener.get(), POLLIN, 0};
    EXPECT_EQ(::poll(&p, 1, -1), 1);
    return Fd(::accept(listener.get(), nullptr, nullptr));
  }

  const TempDir dir_;
  const InstanceLock lock_;
  const std::filesystem::path path_;
};

TEST_F(UnixSocketTest, CarriesBytesAndIsPrivate) {
  const mode_t old = ::umask(0);
  const auto listener = Listen();
  ::umask(old);
  ASSERT_TRUE(listener.ok()) << listener.status();
  EXPECT_EQ(ModeOf(path_), 0600U);
  EXPECT_EQ(ModeOf(path_.parent_path()), 0700U);
  EXPECT_NE(::fcntl(listener->get(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_NE(::fcntl(listener->get(), F_GETFD) & FD_CLOEXEC, 0);
  // Nobody waits: non-blocking.
  EXPECT_EQ(::accept(listener->get(), nullptr, nullptr), -1);

  const auto client = ConnectUnix(path_);
  ASSERT_TRUE(client.ok()) << client.status();
  EXPECT_NE(::fcntl(client->get(), F_GETFD) & FD_CLOEXEC, 0);
  const Fd server = Accept(*listener);
  ASSERT_TRUE(server.valid());
  ASSERT_TRUE(WriteAll(client->get(), "ping").ok());
  char buffer[4] = {};
  ASSERT_EQ(::recv(server.get(), buffer, 4, MSG_WAITALL), 4);
  EXPECT_EQ(std::string(buffer, 4), "ping");
}

TEST_F(UnixSocketTest, TellsWhoConnected) {
  const auto listener = Listen();
  ASSERT_TRUE(listener.ok()) << listener.status();
  const auto client = ConnectUnix(path_);
  ASSERT_TRUE(client.ok()) << client.status();
  const Fd server = Accept(*listener);
  for (const int fd : {server.get(), client->get()}) {
    const auto peer = GetPeerCredentials(fd);
    ASSERT_TRUE(peer.ok()) << peer.status();
    EXPECT_EQ(peer->uid, ::geteuid());
    EXPECT_EQ(peer->pid, ::getpid());
  }
}

TEST_F(UnixSocketTest, TellsThatAnotherUserConnected) {
  if (::geteuid() != 0) {
    GTEST_SKIP() << "only root can become another user";
  }
  const auto listener = Listen();
  ASSERT_TRUE(listener.ok()) << listener.status();
  // Every lock but the last one is opened.
  ASSERT_EQ(::chmod(dir_.path().c_str(), 0755), 0);
  ASSERT_EQ(::chmod(path_.parent_path().c_str(), 0755), 0);
  const auto connect_as = [this](uid_t uid) {
    return RunInChild([&]() -> std::string {
      if (::setresuid(uid, uid, uid) != 0) {
        return "setresuid failed";
      }
      const auto client = ConnectUnix(path_);
      return client.ok() ? "" : GetErrorDetail(client.status()).reason;
    });
  };
  EXPECT_EQ(connect_as(54321), "PERMISSION_DENIED") << "the socket's mode";
  ASSERT_EQ(::chmod(path_.c_str(), 0666), 0);
  ASSERT_EQ(connect_as(54321), "");
  const Fd server = Accept(*listener);
  const auto peer = GetPeerCredentials(server.get());
  ASSERT_TRUE(peer.ok()) << peer.status();
  EXPECT_EQ(peer->uid, 54321U);
}

TEST_F(UnixSocketTest, NoPeerNoCredentials) {
  const Fd lonely(::socket(AF_UNIX, SOCK_STREAM, 0));
  EXPECT_FALSE(GetPeerCredentials(lonely.get()).ok());
  EXPECT_FALSE(GetPeerCredentials(-1).ok());
}

TEST_F(UnixSocketTest, ReplacesAStaleSocketOnly) {
  ASSERT_TRUE(Listen().ok());  // Closed at once; the name stays.
  EXPECT_EQ(ConnectUnix(path_).status().code(), absl::StatusCode::kUnavailable);
  const auto listener = Listen();
  ASSERT_TRUE(listener.ok()) << listener.status();
  EXPECT_TRUE(ConnectUnix(path_).ok());

  ASSERT_EQ(::unlink(path_.c_str()), 0);
  ASSERT_TRUE(WriteFileAtomic(path_, "precious", 0600).ok());
  EXPECT_TRUE(HasReason(Listen().status(), "BAD_PATH"));
  EXPECT_EQ(*ReadSmallFile(path_, 100), "precious");
}

TEST_F(UnixSocketTest, RefusesADirectoryThatOthersWrite) {
  std::filesystem::create_directory(path_.parent_path());
  ASSERT_EQ(::chmod(path_.parent_path().c_str(), 01777), 0);
  EXPECT_TRUE(HasReason(Listen().status(), "UNSAFE_DIRECTORY"));
}

TEST_F(UnixSocketTest, LeavesTheModeOfAnExistingDirectory) {
  std::filesystem::create_directory(path_.parent_path());
  ASSERT_EQ(::chmod(path_.parent_path().c_str(), 0755), 0);
  ASSERT_TRUE(Listen().ok());
  EXPECT_EQ(ModeOf(path_.parent_path()), 0755U);
  EXPECT_EQ(ModeOf(path_), 0600U);
}

TEST_F(UnixSocketTest, NobodyListens) {
  EXPECT_TRUE(HasReason(ConnectUnix(path_).status(), "DAEMON_NOT_RUNNING"));
  ASSERT_TRUE(Listen().ok());
  const auto refused = ConnectUnix(path_);
  EXPECT_TRUE(HasReason(refused.status(), "DAEMON_NOT_RUNNING"));
  EXPECT_NE(GetErrorDetail(refused.status()).remedy, "");
}

TEST_F(UnixSocketTest, PathTooLong) {
  const std::filesystem::path path = "/" + std::string(200, 's');
  EXPECT_TRUE(HasReason(ListenUnix(path, lock_).status(), "BAD_PATH"));
  EXPECT_TRUE(HasReason(ConnectUnix(path).status(), "BAD_PATH"));
}

}  // namespace
}  // namespace bottled
