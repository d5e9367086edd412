#include "platform/kvm.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "platform/fd.h"
#include "platform/in_child.h"
#include "platform/temp_dir.h"

namespace bottled {
namespace {

using ::testing::HasSubstr;
using State = KvmStatus::State;

TEST(KvmTest, AbsentDevice) {
  const TempDir dir;
  const KvmStatus status = CheckKvm(dir / "kvm");
  EXPECT_EQ(status.state, State::kAbsent);
  EXPECT_THAT(status.message, HasSubstr((dir / "kvm").string()));
}

TEST(KvmTest, WhatIsNoKvmDevice) {
  const TempDir dir;
  std::ofstream(dir / "file") << "x";
  ASSERT_EQ(::mkfifo((dir / "pipe").c_str(), 0600), 0);
  for (const std::filesystem::path& path :
       {dir / "file", dir / "pipe", dir.path(), dir / "file" / "below",
        std::filesystem::path("/dev/null")}) {
    const KvmStatus status = CheckKvm(path);
    EXPECT_EQ(status.state, State::kOther) << path;
    EXPECT_THAT(status.message, HasSubstr(path.string()));
  }
}

TEST(KvmTest, NamesArePrintable) {
  EXPECT_THAT(CheckKvm("/nowhere/\x1b[0m").message,
              ::testing::Not(HasSubstr("\x1b")));
}

TEST(KvmTest, DeniedDevice) {
  const TempDir dir;
  const std::filesystem::path path = dir / "kvm";
  std::ofstream(path) << "x";
  ASSERT_EQ(::chmod(path.c_str(), 0000), 0);
  ASSERT_EQ(::chmod(dir.path().c_str(), 0711), 0);
  EXPECT_EQ(RunInChild([&]() -> std::string {
              // Permissions do not stop root.
              if (::getuid() == 0 && ::setuid(65534) != 0) {
                return "setuid failed";
              }
              const KvmStatus status = CheckKvm(path);
              return status.state == State::kDenied ? "" : status.message;
            }),
            "");
}

TEST(KvmTest, AgreesWithTheMachine) {
  const std::filesystem::path device = KvmDevice();
  const KvmStatus status = CheckKvm(device);
  EXPECT_NE(status.message, "");
  const Fd fd(::open(device.c_str(), O_RDWR | O_CLOEXEC));
  if (!fd.valid()) {
    EXPECT_NE(status.state, State::kOk) << status.message;
  } else {
    EXPECT_NE(status.state, State::kDenied) << status.message;
    EXPECT_NE(status.state, State::kAbsent) << status.message;
  }
}

}  // namespace
}  // namespace bottled
