#include "rpc/listener.h"

#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "base/sanitized.h"
#include "fmt/format.h"
#include "gtest/gtest.h"
#include "platform/in_child.h"

namespace bottled {
namespace {

// A listening socket in a directory of its own, and what came in.
class Door {
 public:
  explicit Door(Listener::Options options) {
    char dir[] = "/tmp/listener_testXXXXXX";
    dir_ = ::mkdtemp(dir);
    path_ = dir_ + "/s";
    Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const sockaddr_un address = Address();
    EXPECT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address),
                     sizeof(address)),
              0);
    EXPECT_EQ(::listen(socket.get(), 512), 0);
    std::vector<Fd> sockets;
    sockets.push_back(std::move(socket));
    options.uid = ::geteuid();
    auto listener =
        Listener::Start(options, std::move(sockets), [this](Fd connection) {
          MutexLock lock(mu_);
          admitted_.push_back(std::move(connection));
        });
    EXPECT_TRUE(listener.ok()) << listener.status();
    listener_ = *std::move(listener);
  }
  ~Door() {
    listener_->Stop();
    ::unlink(path_.c_str());
    ::rmdir(dir_.c_str());
  }

  Fd Connect() {
    Fd client(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_un address = Address();
    if (client.valid() &&
        ::connect(client.get(), reinterpret_cast<const sockaddr*>(&address),
                  sizeof(address)) != 0) {
      client.Reset();
    }
    return client;
  }
  size_t admitted() {
    MutexLock lock(mu_);
    return admitted_.size();
  }
  void CloseAdmitted() {
    MutexLock lock(mu_);
    admitted_.clear();
  }

 private:
  sockaddr_un Address() const {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof(address.sun_path) - 1);
    return address;
  }

  std::string dir_;
  std::string path_;
  Mutex mu_;
  std::vector<Fd> admitted_ ABSL_GUARDED_BY(mu_);
  std::unique_ptr<Listener> listener_;
};

bool Happens(const std::function<bool()>& done) {
  for (int i = 0; i < 30'000 && !done(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return done();
}

// The other side closed it, without a byte.
bool ClosedUnread(const Fd& client) {
  pollfd polled = {.fd = client.get(), .events = POLLIN, .revents = 0};
  char byte = 0;
  return ::poll(&polled, 1, 30'000) == 1 && ::read(client.get(), &byte, 1) <= 0;
}

TEST(ListenerTest, AProcessHasItsOwnLimit) {
  Peers peers;
  Door door({.max_connections = 10,
             .max_connections_per_process = 3,
             .peers = &peers});
  std::vector<Fd> clients;
  for (size_t i = 1; i <= 3; ++i) {
    clients.push_back(door.Connect());
    ASSERT_TRUE(Happens([&] { return door.admitted() == i; }));
  }
  const Fd refused = door.Connect();
  EXPECT_TRUE(ClosedUnread(refused));
  EXPECT_EQ(door.admitted(), 3u);
  // A place that is given back can be taken.
  clients.pop_back();
  EXPECT_TRUE(Happens([&] {
    clients.push_back(door.Connect());
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return door.admitted() == 4;
  }));
}

TEST(ListenerTest, InAllThereIsALimitToo) {
  Door door({.max_connections = 2, .max_connections_per_process = 10});
  const Fd first = door.Connect();
  const Fd second = door.Connect();
  ASSERT_TRUE(Happens([&] { return door.admitted() == 2; }));
  EXPECT_TRUE(ClosedUnread(door.Connect()));
}

// Of all threads, in milliseconds.
int64_t CpuMs() {
  rusage used = {};
  ::getrusage(RUSAGE_SELF, &used);
  return (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000 +
         (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1000;
}

// Descriptors until there are none.
std::vector<Fd> Hoard() {
  std::vector<Fd> hoard;
  for (Fd fd(::dup(0)); fd.valid(); fd = Fd(::dup(0))) {
    hoard.push_back(std::move(fd));
  }
  return hoard;
}

std::string LiveWithoutDescriptors() {
  const rlimit limit = {.rlim_cur = 64, .rlim_max = 64};
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) {
    return "setrlimit failed";
  }
  Door door({.max_connections = 256, .max_connections_per_process = 256});
  // Clients and their admitted ends fill the table.
  std::vector<Fd> clients;
  for (Fd client = door.Connect(); client.valid(); client = door.Connect()) {
    clients.push_back(std::move(client));
  }
  std::vector<Fd> rest = Hoard();
  // Someone still waits whom nobody can take, for the client's descriptor is
  // the last one; the spare turns him away, or is gone as well.
  const int64_t before = CpuMs();
  std::this_thread::sleep_for(std::chrono::seconds(2));
  const int64_t used = CpuMs() - before;
  if (used > 100) {
    return fmt::format("spun: {} ms of processor in 2 s", used);
  }
  rest.clear();
  clients.clear();
  door.CloseAdmitted();
  const size_t admitted = door.admitted();
  std::vector<Fd> again;
  const bool recovered = Happens([&] {
    again.push_back(door.Connect());
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    return door.admitted() > admitted;
  });
  return recovered ? "" : "did not recover";
}

TEST(ListenerTest, AFullDescriptorTableDoesNotMakeItSpin) {
  if (kUbsan) {
    GTEST_SKIP() << "UBSan itself needs descriptors to look at a vptr";
  }
  EXPECT_EQ(RunInChild(LiveWithoutDescriptors), "");
}

}  // namespace
}  // namespace bottled
