#include "base/task_thread.h"

#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bottled {
namespace {

TEST(TaskThread, RunsTasksInOrderInOneOtherThread) {
  std::vector<int> order;
  std::vector<std::thread::id> threads;
  {
    TaskThread tasks;
    for (int i = 0; i < 100; ++i) {
      // Not copyable, as tasks that own something are.
      tasks.Post([&, number = std::make_unique<int>(i)] {
        order.push_back(*number);
        threads.push_back(std::this_thread::get_id());
      });
    }
  }
  ASSERT_EQ(order.size(), 100U);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
  EXPECT_NE(threads.front(), std::this_thread::get_id());
  EXPECT_THAT(threads, ::testing::Each(threads.front()));
}

TEST(TaskThread, ATaskMayPostMoreEvenAtTheEnd) {
  int runs = 0;
  {
    std::optional<TaskThread> tasks(std::in_place);
    tasks->Post([&] {
      ++runs;
      tasks->Post([&] { ++runs; });
    });
    tasks.reset();
  }
  EXPECT_EQ(runs, 2);
}

}  // namespace
}  // namespace bottled
