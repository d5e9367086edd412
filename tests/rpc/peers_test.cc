#include "rpc/peers.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "gtest/gtest.h"

namespace bottled {
namespace {

// A session of its own with two processes, since the leader of the one that
// runs the tests may be outside of their PID namespace and so have no number.
class Session {
 public:
  Session() {
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    leader_ = ::fork();
    if (leader_ == 0) {
      ::setsid();
      const pid_t member = ::fork();
      if (member == 0) {
        ::close(ends[1]);
        ::pause();
        ::_exit(0);
      }
      const bool told =
          ::write(ends[1], &member, sizeof(member)) == sizeof(member);
      if (told) {
        ::pause();
      }
      ::_exit(1);
    }
    ::close(ends[1]);
    EXPECT_EQ(::read(ends[0], &member_, sizeof(member_)),
              static_cast<ssize_t>(sizeof(member_)));
    ::close(ends[0]);
  }

  ~Session() {
    if (member_ > 0) {
      ::kill(member_, SIGKILL);
    }
    ::kill(leader_, SIGKILL);
    ::waitpid(leader_, nullptr, 0);
  }

  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  pid_t leader() const { return leader_; }
  pid_t member() const { return member_; }

 private:
  pid_t leader_ = 0;
  pid_t member_ = 0;
};

TEST(PeersTest, ProcessesOfOneSessionAreOneClient) {
  const Session session;
  Peers peers;
  peers.Add(10, session.leader());
  peers.Add(11, session.member());
  EXPECT_EQ(peers.ClientOf("fd:10"),
            "session " + std::to_string(session.leader()));
  EXPECT_EQ(peers.ClientOf("fd:11"), peers.ClientOf("fd:10"));
  const Session other;
  peers.Add(12, other.member());
  EXPECT_NE(peers.ClientOf("fd:12"), peers.ClientOf("fd:10"));
}

TEST(PeersTest, WhoHasNoSessionIsSomebodyToo) {
  Peers peers;
  // The system did not tell: then each connection is one.
  peers.Add(12, 0);
  peers.Add(13, 0);
  EXPECT_NE(peers.ClientOf("fd:12"), peers.ClientOf("fd:13"));
  // A process that has gone by now.
  peers.Add(14, 0x7ffffff0);
  EXPECT_EQ(peers.ClientOf("fd:14"), "process 2147483632");
}

TEST(PeersTest, ANumberThatIsUsedAgainIsNotForgotten) {
  Peers peers;
  const int64_t first = peers.Add(10, 0);
  const int64_t second = peers.Add(10, 0x7ffffff0);
  peers.Remove(first);
  EXPECT_EQ(peers.ClientOf("fd:10"), "process 2147483632");
  peers.Remove(second);
  EXPECT_EQ(peers.ClientOf("fd:10"), "fd:10");
}

}  // namespace
}  // namespace bottled
