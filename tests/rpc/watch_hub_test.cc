#include "rpc/watch_hub.h"

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "base/error.h"
#include "base/mutex.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bottled {
namespace {

using ::testing::HasSubstr;

TEST(WatchHubTest, AConnectionHasItsOwnLimit) {
  WatchHub hub(WatchHub::kMaxPerConnection + 2);
  std::vector<int64_t> ids;
  for (int i = 0; i < WatchHub::kMaxPerConnection; ++i) {
    const auto id = hub.Add("fd:1", [] {});
    ASSERT_TRUE(id.ok()) << id.status();
    ids.push_back(*id);
  }
  const auto refused = hub.Add("fd:1", [] {});
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(HasReason(refused.status(), "TOO_MANY_WATCHERS"));
  EXPECT_THAT(std::string(refused.status().message()),
              HasSubstr("on this connection"));
  // The others have theirs, up to the limit of all.
  EXPECT_TRUE(hub.Add("fd:2", [] {}).ok());
  EXPECT_TRUE(hub.Add("fd:2", [] {}).ok());
  EXPECT_TRUE(HasReason(hub.Add("fd:2", [] {}).status(), "TOO_MANY_WATCHERS"));
  EXPECT_EQ(hub.count(), WatchHub::kMaxPerConnection + 2);
  // A place that was given back can be taken; twice is once.
  hub.Remove(ids.front());
  hub.Remove(ids.front());
  EXPECT_EQ(hub.count(), WatchHub::kMaxPerConnection + 1);
  EXPECT_TRUE(hub.Add("fd:1", [] {}).ok());
  EXPECT_FALSE(hub.Add("fd:1", [] {}).ok());
}

// Counts its calls, which it lets wait.
class Watched {
 public:
  explicit Watched(WatchHub& hub) : hub_(hub) {
    id_ = hub.Add("fd:1", [this] { Pump(); }).value_or(0);
  }
  int64_t id() const { return id_; }
  void Wake() { hub_.Wake(id_); }
  void Remove() { hub_.Remove(id_); }
  void Block(bool block) {
    MutexLock lock(mu_);
    block_ = block;
    changed_.NotifyAll();
  }
  void WaitForCalls(int calls) {
    MutexLock lock(mu_);
    while (calls_ < calls) {
      changed_.Wait(mu_);
    }
  }
  // That many, and no more.
  void ExpectCalls(int calls) {
    WaitForCalls(calls);
    MutexLock lock(mu_);
    EXPECT_EQ(calls_, calls);
  }

 private:
  void Pump() {
    MutexLock lock(mu_);
    ++calls_;
    changed_.NotifyAll();
    while (block_) {
      changed_.Wait(mu_);
    }
  }

  WatchHub& hub_;
  int64_t id_ = 0;
  Mutex mu_;
  CondVar changed_;
  int calls_ ABSL_GUARDED_BY(mu_) = 0;
  bool block_ ABSL_GUARDED_BY(mu_) = false;
};

constexpr std::chrono::hours kNever(1);

TEST(WatchHubTest, WhatIsWokenTwiceBeforeItsTurnIsCalledOnce) {
  WatchHub hub(10, kNever);
  Watched first(hub);
  Watched second(hub);
  first.Block(true);
  first.Wake();
  first.ExpectCalls(1);
  // It is the hub's only thread that waits there.
  second.Wake();
  second.Wake();
  second.Wake();
  second.Remove();
  first.Wake();
  first.Wake();
  first.Block(false);
  first.ExpectCalls(2);
  Watched last(hub);
  last.Wake();
  last.ExpectCalls(1);
  first.ExpectCalls(2);
  second.ExpectCalls(0);
  first.Remove();
  last.Remove();
}

TEST(WatchHubTest, CallsAllThatWereWokenOnceAnInterval) {
  WatchHub hub(10, std::chrono::milliseconds(1));
  Watched woken(hub);
  Watched other(hub);
  woken.Wake();
  woken.WaitForCalls(3);
  other.Remove();
  other.ExpectCalls(0);
  woken.Remove();
}

TEST(WatchHubTest, RemoveWaitsForACallThatIsUnderWay) {
  WatchHub hub(1, kNever);
  Watched watched(hub);
  watched.Block(true);
  watched.Wake();
  watched.ExpectCalls(1);
  std::atomic<bool> removed = false;
  std::thread remover([&] {
    watched.Remove();
    removed = true;
  });
  // Its place is free before the call is over.
  while (!hub.Add("fd:2", [] {}).ok()) {
    std::this_thread::yield();
  }
  EXPECT_FALSE(removed);
  watched.Block(false);
  remover.join();
}

}  // namespace
}  // namespace bottled
