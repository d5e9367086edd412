// Many threads on one store; for ThreadSanitizer as much as for the results.
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "platform/file.h"
#include "platform/temp_dir.h"
#include "store/errors.h"
#include "store/store_env.h"

namespace bottled {
namespace {

using testing::Disagreement;
using testing::KeyOf;
using testing::SidecarLike;
using testing::StoreEnv;

void InThreads(int count, const std::function<void(int)>& body) {
  std::vector<std::thread> threads;
  threads.reserve(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) {
    threads.emplace_back([&body, i] { body(i); });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
}

TEST(Concurrency, PublishLookUpAndRemove) {
  const TempDir dir;
  StoreEnv env(dir.path());
  ASSERT_TRUE(env.Start().ok());
  std::atomic<int> hits = 0;
  InThreads(8, [&](int thread) {
    for (int round = 0; round < 12; ++round) {
      const int seed = (thread + round) % 5;
      const auto made =
          env.Publish(fmt::format("{}-{}", thread, round), SidecarLike(seed),
                      // Keys differ, bytes are shared.
                      KeyOf(100 * thread + seed));
      ASSERT_TRUE(made.ok()) << made.status();
      const auto found = env.objects().Lookup(KeyOf(100 * thread + seed));
      ASSERT_TRUE(found.ok()) << found.status();
      if (found->has_value()) {
        const auto fd = env.objects().OpenObject(**found);
        if (fd.ok()) {
          std::string bytes(5000, '\0');
          ASSERT_TRUE(PreadAll(fd->get(), bytes, 0).ok());
          EXPECT_EQ(bytes, SidecarLike(seed));
          ++hits;
        }
      }
      ASSERT_TRUE(env.index().Touch(made->digest, "app:1", round).ok());
      ASSERT_TRUE(env.index().ListArtifacts(0).ok());
      ASSERT_TRUE(env.index().Totals().ok());
      if (round % 3 == 2) {
        ASSERT_TRUE(env.objects().Remove(*made).ok());
      }
    }
  });
  EXPECT_GT(hits, 0);
  EXPECT_TRUE(testing::Names(env.places().quarantine()).empty());
  EXPECT_EQ(Disagreement(env), "");
}

TEST(Concurrency, OneOfManyGetsTheKey) {
  const TempDir dir;
  StoreEnv env(dir.path());
  ASSERT_TRUE(env.Start().ok());
  for (int round = 0; round < 20; ++round) {
    std::atomic<int> winners = 0;
    InThreads(8, [&](int thread) {
      JobRecord job;
      job.id = fmt::format("{}-{}", round, thread);
      job.content_key = KeyOf(round);
      const absl::Status status = env.index().InsertJob(job);
      if (status.ok()) {
        ++winners;
      } else {
        EXPECT_TRUE(HasReason(status, kJobExists)) << status;
      }
    });
    EXPECT_EQ(winners, 1);
  }
}

}  // namespace
}  // namespace bottled
