#include "platform/activation.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "base/error.h"
#include "gtest/gtest.h"
#include "platform/in_child.h"
#include "platform/new_socket.h"
#include "platform/temp_dir.h"

namespace bottled {
namespace {

// A listening socket with exactly this number, without close-on-exec, as a
// service manager passes it. Only in a child.
void ListenAt(int number, const std::filesystem::path& path) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  const auto address = MakeUnixAddress(path.native());
  if (::bind(fd, address->get(), address->length) != 0 ||
      ::listen(fd, 5) != 0) {
    ::_exit(99);
  }
  if (fd != number) {
    ::dup2(fd, number);
    ::close(fd);
  }
}

void Announce(const std::string& pid, const std::string& count) {
  ::setenv("LISTEN_PID", pid.c_str(), 1);
  ::setenv("LISTEN_FDS", count.c_str(), 1);
  ::setenv("LISTEN_FDNAMES", "a:b", 1);
}

bool EnvironmentIsClean() {
  return std::getenv("LISTEN_PID") == nullptr &&
         std::getenv("LISTEN_FDS") == nullptr &&
         std::getenv("LISTEN_FDNAMES") == nullptr;
}

std::string Reason(const absl::StatusOr<std::vector<Fd>>& sockets) {
  return sockets.ok() ? "OK" : GetErrorDetail(sockets.status()).reason;
}

TEST(Activation, NothingWithoutAnnouncement) {
  EXPECT_EQ(RunInChild([]() -> std::string {
              const auto sockets = TakeActivatedSockets();
              return sockets.ok() && sockets->empty() ? "" : Reason(sockets);
            }),
            "");
}

TEST(Activation, TakesOverSockets) {
  const TempDir dir;
  EXPECT_EQ(RunInChild([&]() -> std::string {
              ListenAt(3, dir / "a");
              ListenAt(4, dir / "b");
              Announce(std::to_string(::getpid()), "2");
              const auto sockets = TakeActivatedSockets();
              if (!sockets.ok()) {
                return sockets.status().ToString();
              }
              if (sockets->size() != 2 || (*sockets)[0].get() != 3 ||
                  (*sockets)[1].get() != 4) {
                return "wrong sockets";
              }
              for (const int fd : {3, 4}) {
                if ((::fcntl(fd, F_GETFD) & FD_CLOEXEC) == 0 ||
                    (::fcntl(fd, F_GETFL) & O_NONBLOCK) == 0) {
                  return "flags are missing";
                }
              }
              return EnvironmentIsClean() ? "" : "LISTEN_* is still there";
            }),
            "");
}

TEST(Activation, IgnoresWhatIsMeantForAnotherProcess) {
  const TempDir dir;
  EXPECT_EQ(RunInChild([&]() -> std::string {
              ListenAt(3, dir / "a");
              Announce(std::to_string(::getppid()), "1");
              const auto sockets = TakeActivatedSockets();
              if (!sockets.ok() || !sockets->empty()) {
                return "took it: " + Reason(sockets);
              }
              return EnvironmentIsClean() ? "" : "LISTEN_* is still there";
            }),
            "");
}

TEST(Activation, RefusesMalformedNumbers) {
  for (const char* count :
       {"", "x", "-1", "1x", "999999999999999999999", "65", " 1", "1 "}) {
    EXPECT_EQ(RunInChild([count] {
                Announce(std::to_string(::getpid()), count);
                return Reason(TakeActivatedSockets());
              }),
              "BAD_ACTIVATION")
        << count;
  }
  EXPECT_EQ(RunInChild([] {
              Announce("me", "1");
              return Reason(TakeActivatedSockets());
            }),
            "BAD_ACTIVATION");
}

TEST(Activation, RefusesWhatIsNoListeningUnixStreamSocket) {
  const auto reason_for = [](int fd) {
    ::dup2(fd, 3);
    Announce(std::to_string(::getpid()), "1");
    return Reason(TakeActivatedSockets());
  };
  EXPECT_EQ(RunInChild([&] { return reason_for(::open("/dev/null", O_RDWR)); }),
            "BAD_ACTIVATION");
  EXPECT_EQ(
      RunInChild([&] { return reason_for(::socket(AF_UNIX, SOCK_DGRAM, 0)); }),
      "BAD_ACTIVATION");
  EXPECT_EQ(
      RunInChild([&] { return reason_for(::socket(AF_UNIX, SOCK_STREAM, 0)); }),
      "BAD_ACTIVATION")
      << "not listening";
  EXPECT_EQ(RunInChild([&] {
              const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
              ::listen(fd, 5);
              return reason_for(fd);
            }),
            "BAD_ACTIVATION")
      << "TCP";
  EXPECT_EQ(RunInChild([] {
              ::close(3);
              Announce(std::to_string(::getpid()), "1");
              return Reason(TakeActivatedSockets());
            }),
            "BAD_ACTIVATION")
      << "not open";
}

}  // namespace
}  // namespace bottled
