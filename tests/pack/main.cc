// The tests' own main(): their executable is a supervisor as well, as the
// daemon's is.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platform/supervisor.h"

int main(int argc, char** argv) {
  if (bottled::IsSupervisor(argc, argv)) {
    return bottled::Supervise(argc, argv);
  }
  testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
