// Programs that tests need beside the code under test.

#ifndef BOTTLED_TESTS_ENGINE_CHILD_H_
#define BOTTLED_TESTS_ENGINE_CHILD_H_

#include <stdlib.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "platform/fd.h"
#include "platform/places.h"
#include "platform/process.h"

// Ends the test: skipped on a developer's machine, failed where nothing may be
// missing.
#define BOTTLED_MISSING(what)                \
  do {                                       \
    if (::getenv("CI") != nullptr) {         \
      FAIL() << (what) << " is missing";     \
    }                                        \
    GTEST_SKIP() << (what) << " is missing"; \
  } while (false)

namespace bottled::testing {

// A directory that vanishes with it.
class TempDir {
 public:
  TempDir() {
    std::string name =
        (std::filesystem::temp_directory_path() / "bottled-test-XXXXXX")
            .string();
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    path_ = name;
  }
  ~TempDir() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::filesystem::path& path() const { return path_; }

  void Write(
      const std::string& name, const std::string& text,
      std::filesystem::perms mode = std::filesystem::perms::owner_all) const {
    std::ofstream(path_ / name, std::ios::binary) << text;
    std::filesystem::permissions(path_ / name, mode);
  }

 private:
  std::filesystem::path path_;
};

inline std::vector<std::string> InheritedEnvironment() {
  std::vector<std::string> env;
  for (const char* name : {"PATH", "HOME"}) {
    if (const auto value = ProcessEnv()(name)) {
      env.push_back(std::string(name) + "=" + *value);
    }
  }
  return env;
}

inline bool HaveProgram(const std::string& name) {
  ProcessSpec spec;
  spec.argv = {name, "--help"};
  spec.env = InheritedEnvironment();
  auto process = Process::Start(spec);
  return process.ok();
}

// Runs a program to its end; true when it succeeded.
inline bool Run(const std::vector<std::string>& argv) {
  // A shell's $? would do, but nothing here needs a shell: the end of the
  // output is the end of the program.
  std::array<int, 2> pipe{};
  if (::pipe(pipe.data()) != 0) {
    return false;
  }
  const Fd read_end(pipe[0]);
  Fd write_end(pipe[1]);
  ProcessSpec spec;
  spec.argv = argv;
  spec.env = InheritedEnvironment();
  spec.stdout_fd = write_end.get();
  auto process = Process::Start(spec);
  if (!process.ok()) {
    return false;
  }
  write_end.Reset();
  std::array<char, 4096> block{};
  while (::read(read_end.get(), block.data(), block.size()) > 0) {
  }
  int status = 0;
  while (!process->TryWait(&status)) {
    ::usleep(1000);
  }
  return status == 0;
}

}  // namespace bottled::testing

#endif  // BOTTLED_TESTS_ENGINE_CHILD_H_
