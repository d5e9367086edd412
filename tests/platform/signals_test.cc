#include "platform/signals.h"

#include <unistd.h>

#include <csignal>
#include <string>
#include <thread>

#include "gtest/gtest.h"
#include "platform/in_child.h"

namespace bottled {
namespace {

TEST(Signals, AreTakenByTheOneWhoWaits) {
  EXPECT_EQ(RunInChild([]() -> std::string {
              BlockSignals();
              for (const int number : {SIGTERM, SIGINT, SIGHUP}) {
                ::kill(::getpid(), number);
                if (WaitForSignal() != number) {
                  return "wrong signal";
                }
              }
              return "";
            }),
            "");
}

TEST(Signals, AreBlockedInLaterThreads) {
  EXPECT_EQ(RunInChild([]() -> std::string {
              BlockSignals();
              int got = 0;
              std::thread waiter([&got] { got = WaitForSignal(); });
              // Any thread may get it; all but the waiter must refuse.
              ::kill(::getpid(), SIGTERM);
              waiter.join();
              return got == SIGTERM ? "" : "wrong signal";
            }),
            "");
}

TEST(Signals, AClosedPipeDoesNotKill) {
  EXPECT_EQ(RunInChild([]() -> std::string {
              BlockSignals();
              int ends[2];
              if (::pipe(ends) != 0) {
                return "pipe failed";
              }
              ::close(ends[0]);
              return ::write(ends[1], "x", 1) == -1 ? "" : "no error";
            }),
            "");
}

}  // namespace
}  // namespace bottled
