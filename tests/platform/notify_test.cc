#include "platform/notify.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "gtest/gtest.h"
#include "platform/new_socket.h"
#include "platform/temp_dir.h"

namespace bottled {
namespace {

Fd Manager(const std::string& path) {
  Fd fd = NewUnixSocket(SOCK_DGRAM);
  const auto address = MakeUnixAddress(path);
  EXPECT_EQ(::bind(fd.get(), address->get(), address->length), 0);
  return fd;
}

std::string Receive(const Fd& fd) {
  char buffer[256];
  const ssize_t got = ::recv(fd.get(), buffer, sizeof(buffer), MSG_DONTWAIT);
  return got < 0 ? "nothing" : std::string(buffer, static_cast<size_t>(got));
}

class NotifyTest : public testing::Test {
 protected:
  ~NotifyTest() override { ::unsetenv("NOTIFY_SOCKET"); }
  const TempDir dir_;
};

TEST_F(NotifyTest, SendsToAPath) {
  const Fd manager = Manager(dir_ / "notify");
  ::setenv("NOTIFY_SOCKET", (dir_ / "notify").c_str(), 1);
  NotifyServiceManager("READY=1\nSTATUS=serving");
  EXPECT_EQ(Receive(manager), "READY=1\nSTATUS=serving");
  NotifyServiceManager("STOPPING=1");
  EXPECT_EQ(Receive(manager), "STOPPING=1");
}

TEST_F(NotifyTest, SendsToAnAbstractName) {
#ifdef __linux__
  const std::string name = "bottled-test-" + std::to_string(::getpid());
  const Fd manager = Manager(std::string(1, '\0') + name);
  ::setenv("NOTIFY_SOCKET", ("@" + name).c_str(), 1);
  NotifyServiceManager("READY=1");
  EXPECT_EQ(Receive(manager), "READY=1");
#else
  GTEST_SKIP() << "abstract names exist on Linux alone";
#endif
}

TEST_F(NotifyTest, SaysNothingWithoutAManager) {
  const Fd manager = Manager(dir_ / "notify");
  ::unsetenv("NOTIFY_SOCKET");
  NotifyServiceManager("READY=1");
  for (const std::string& value :
       {std::string(), std::string("relative"), std::string("vsock:1:2"),
        (dir_ / "absent").native(), "/" + std::string(300, 'x')}) {
    ::setenv("NOTIFY_SOCKET", value.c_str(), 1);
    NotifyServiceManager("READY=1");
  }
  EXPECT_EQ(Receive(manager), "nothing");
}

}  // namespace
}  // namespace bottled
