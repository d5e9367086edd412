#include "rpc/peers.h"

#include <unistd.h>

#include <string>

#include "gtest/gtest.h"

namespace bottled {
namespace {

TEST(PeersTest, ProcessesOfOneSessionAreOneClient) {
  Peers peers;
  peers.Add(10, ::getpid());
  peers.Add(11, ::getpid());
  const std::string mine = peers.ClientOf("fd:10");
  EXPECT_EQ(mine, peers.ClientOf("fd:11"));
  EXPECT_EQ(mine, "session " + std::to_string(::getsid(0)));
  // The system did not tell: then each connection is one.
  peers.Add(12, 0);
  peers.Add(13, 0);
  EXPECT_NE(peers.ClientOf("fd:12"), peers.ClientOf("fd:13"));
  // A process that has gone by now still is somebody.
  peers.Add(14, 0x7ffffff0);
  EXPECT_EQ(peers.ClientOf("fd:14"), "process 2147483632");
}

TEST(PeersTest, ANumberThatIsUsedAgainIsNotForgotten) {
  Peers peers;
  const int64_t first = peers.Add(10, 0);
  const int64_t second = peers.Add(10, ::getpid());
  peers.Remove(first);
  EXPECT_TRUE(peers.ClientOf("fd:10").starts_with("session "));
  peers.Remove(second);
  EXPECT_EQ(peers.ClientOf("fd:10"), "fd:10");
}

}  // namespace
}  // namespace bottled
