#include "pack/smolvm_program.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pack/errors.h"
#include "platform/temp_dir.h"

namespace bottled {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view kHelp = "echo '  -o, --output <PATH>'\n";

// A directory of a PATH, and scripts in it that say what the test wants.
class SmolvmProgramTest : public ::testing::Test {
 protected:
  // Replaces the file, as an update does. The script notes each run.
  std::string Write(const std::string& name, std::string_view on_version,
                    std::string_view on_help) {
    const std::filesystem::path path = dir_.path() / name;
    const std::filesystem::path fresh = dir_.path() / "fresh";
    std::ofstream(fresh) << "#!/bin/sh\n"
                         << "echo \"$*\" >> '" << RunsFile() << "'\n"
                         << "case \"$*\" in\n--version)\n"
                         << on_version << "\n;;\n\"pack create --help\")\n"
                         << on_help << "\n;;\n*) exit 2;; esac\n";
    ::chmod(fresh.c_str(), 0755);
    std::filesystem::rename(fresh, path);
    return path.string();
  }
  std::string RunsFile() const { return (dir_.path() / "runs").string(); }
  int Runs() const {
    std::ifstream file(RunsFile());
    int lines = 0;
    for (std::string line; std::getline(file, line);) {
      ++lines;
    }
    return lines;
  }
  // What the scripts themselves need comes after.
  std::string Path() const { return dir_.path().string() + ":/usr/bin:/bin"; }

  absl::StatusOr<SmolvmProgram> Find() {
    return programs_.Find(Path(), CancelToken());
  }
  std::string Reason() {
    const auto found = Find();
    return found.ok() ? "" : GetErrorDetail(found.status()).reason;
  }

  TempDir dir_;
  SmolvmPrograms programs_{{.home = "/nowhere"}};
};

TEST_F(SmolvmProgramTest, ReadsVersionAndFeature) {
  const std::string path =
      Write("smolvm", "echo 'note: no assets' >&2; echo 'smolvm 1.32.2'",
            "echo 'a `docker'; echo '   save` archive'; echo '  -o <PATH>'");
  const auto program = Find();
  ASSERT_TRUE(program.ok()) << program.status();
  EXPECT_EQ(program->path, path);
  EXPECT_EQ(program->version, "1.32.2");
  EXPECT_EQ(program->major, 1);
  EXPECT_EQ(program->minor, 32);
  EXPECT_EQ(program->patch, 2);
  EXPECT_TRUE(program->takes_archives);
}

TEST_F(SmolvmProgramTest, OlderOnesTakeNoArchives) {
  Write("smolvm", "echo 'smolvm 1.9.3'", kHelp);
  const auto program = Find();
  ASSERT_TRUE(program.ok()) << program.status();
  EXPECT_FALSE(program->takes_archives);
}

TEST_F(SmolvmProgramTest, TellsTheOtherProductApart) {
  const struct {
    std::string_view on_version;
    std::string_view on_help;
  } kCases[] = {
      {"echo 'smolvm, version 0.3.1'", kHelp},
      {"echo 'SmolVM 1.2.3'", kHelp},
      {"echo 'smolvm one.two.three'", kHelp},
      {"", kHelp},
      {"exit 2", kHelp},
      // argparse writes the version in the same way.
      {"echo 'smolvm 0.3.1'", "echo 'No such command pack' >&2; exit 2"},
      {"echo 'smolvm 0.3.1'", "echo 'unknown command' >&2; exit 1"},
      {"echo 'smolvm 0.3.1'", "echo 'usage: smolvm [--output-dir] [foo-o]'"},
      // Help on the wrong stream is an error's.
      {"echo 'smolvm 0.3.1'", "echo ' -o, ' >&2"},
  };
  for (const auto& test : kCases) {
    Write("smolvm", test.on_version, test.on_help);
    EXPECT_EQ(Reason(), "SMOLVM_FOREIGN")
        << test.on_version << " | " << test.on_help;
  }
}

TEST_F(SmolvmProgramTest, BrokenOnesAreUnusable) {
  const struct {
    std::string_view on_version;
    std::string_view on_help;
    std::string_view message;
  } kCases[] = {
      {"echo 'libkrun.so: cannot open' >&2; exit 127", kHelp, "libkrun.so"},
      {"exit 1", kHelp, "ended with 1"},
      {"kill -9 $$", kHelp, "signal 9"},
      {"echo 'smolvm 1.32.2'", "kill -11 $$", "signal 11"},
      {"echo 'smolvm 1.32.2'", "exit 126", "ended with 126"},
      {"yes", kHelp, "64.0 KiB"},
      {"yes >&2", kHelp, "64.0 KiB"},
      // A terminal's commands stay out of messages.
      {"printf '\\033]0;x\\007bad' >&2; exit 1", kHelp, "\\x1b]0;x\\x07bad"},
  };
  for (const auto& test : kCases) {
    Write("smolvm", test.on_version, test.on_help);
    const auto found = Find();
    ASSERT_FALSE(found.ok()) << test.on_version;
    EXPECT_TRUE(HasReason(found.status(), "SMOLVM_UNUSABLE")) << found.status();
    EXPECT_THAT(std::string(found.status().message()),
                HasSubstr(std::string(test.message)));
    EXPECT_NE(GetErrorDetail(found.status()).remedy, "");
  }
}

TEST_F(SmolvmProgramTest, FilesThatAreNoPrograms) {
  const std::filesystem::path path = dir_.path() / "smolvm";
  for (const char* content : {"",
                              "\x7f"
                              "ELF but not really",
                              "#!/no/such/interpreter\n"}) {
    std::ofstream(path, std::ios::trunc) << content;
    ::chmod(path.c_str(), 0755);
    EXPECT_EQ(Reason(), "SMOLVM_UNUSABLE") << content;
  }
  ::chmod(path.c_str(), 0644);
  EXPECT_EQ(Reason(), "SMOLVM_NOT_FOUND");
  std::filesystem::remove(path);
  std::filesystem::create_directory(path);
  EXPECT_EQ(Reason(), "SMOLVM_NOT_FOUND");
}

TEST_F(SmolvmProgramTest, NotOnThePath) {
  Write("smolvm", "echo 'smolvm 1.32.2'", kHelp);
  std::string long_path;
  while (long_path.size() < (1 << 20)) {
    long_path += "/a:";
  }
  for (const std::string& path :
       {std::string(), std::string("relative:."), std::string("/nowhere"),
        Path() + std::string("\0x", 2), long_path + Path()}) {
    const auto found = programs_.Find(path, CancelToken());
    ASSERT_FALSE(found.ok());
    EXPECT_TRUE(HasReason(found.status(), kSmolvmNotFound)) << found.status();
  }
  EXPECT_EQ(Runs(), 0);
}

TEST_F(SmolvmProgramTest, TheOtherNameServesToo) {
  Write("smol-vmm", "echo 'smolvm 1.32.2'", kHelp);
  EXPECT_EQ(Reason(), "");
  Write("smolvm", "echo 'other 1.0'", kHelp);
  const auto program = Find();
  ASSERT_TRUE(program.ok()) << program.status();
  EXPECT_THAT(program->path, ::testing::EndsWith("/smol-vmm"));
  // With two bad ones the first is what the user meant.
  Write("smol-vmm", "exit 1", kHelp);
  EXPECT_EQ(Reason(), "SMOLVM_FOREIGN");
}

TEST_F(SmolvmProgramTest, RunsAFileOnce) {
  Write("smolvm", "echo 'smolvm 1.32.2'", kHelp);
  EXPECT_EQ(Find()->version, "1.32.2");
  EXPECT_EQ(Find()->version, "1.32.2");
  EXPECT_EQ(Runs(), 2);
  // Same size, and another file.
  Write("smolvm", "echo 'smolvm 1.32.3'", kHelp);
  EXPECT_EQ(Find()->version, "1.32.3");
  EXPECT_EQ(Runs(), 4);
  const auto fresh = programs_.Refresh(Path(), CancelToken());
  ASSERT_TRUE(fresh.ok()) << fresh.status();
  EXPECT_EQ(Runs(), 6);
  EXPECT_EQ(Find()->version, "1.32.3");
  EXPECT_EQ(Runs(), 6);
}

TEST_F(SmolvmProgramTest, RemembersForeignOnes) {
  Write("smolvm", "echo 'other 1.0'", kHelp);
  EXPECT_EQ(Reason(), "SMOLVM_FOREIGN");
  EXPECT_EQ(Reason(), "SMOLVM_FOREIGN");
  EXPECT_EQ(Runs(), 1);
}

// Each request paid the whole limit.
TEST_F(SmolvmProgramTest, RegressionAFailureIsRememberedForAWhile) {
  SmolvmPrograms programs(
      {.home = "", .failure_memory = std::chrono::hours(1)});
  const auto reason = [&](const std::string& path) {
    const auto found = programs.Find(path, CancelToken());
    return found.ok() ? "" : GetErrorDetail(found.status()).reason;
  };
  // It works as soon as there is a file beside it.
  Write("smolvm", "test -e \"${0%/*}/cure\" && echo 'smolvm 1.32.2' || exit 1",
        kHelp);
  Write("smol-vmm", "exit 1", kHelp);
  EXPECT_EQ(reason(Path()), "SMOLVM_UNUSABLE");
  EXPECT_EQ(Runs(), 2);
  EXPECT_EQ(reason(Path()), "SMOLVM_UNUSABLE");
  EXPECT_EQ(Runs(), 2);
  // Another PATH may have what it lacks.
  EXPECT_EQ(reason(Path() + ":/nowhere"), "SMOLVM_UNUSABLE");
  EXPECT_EQ(Runs(), 4);
  std::ofstream(dir_.path() / "cure") << "x";
  EXPECT_EQ(reason(Path() + ":/nowhere"), "SMOLVM_UNUSABLE");
  EXPECT_EQ(Runs(), 4);
  EXPECT_TRUE(programs.Refresh(Path() + ":/nowhere", CancelToken()).ok());
  EXPECT_EQ(Runs(), 6);
  EXPECT_EQ(reason(Path()), "");
  EXPECT_EQ(Runs(), 6);
  // A new file is asked at once.
  Write("smolvm", "exit 1", kHelp);
  EXPECT_EQ(reason(Path()), "SMOLVM_UNUSABLE");
  EXPECT_EQ(Runs(), 8);
  Write("smolvm", "echo 'smolvm 1.32.2'", kHelp);
  EXPECT_EQ(reason(Path()), "");
  EXPECT_EQ(Runs(), 10);
}

TEST_F(SmolvmProgramTest, AFailureThatIsOldIsAskedAgain) {
  SmolvmPrograms programs(
      {.home = "", .failure_memory = std::chrono::milliseconds(0)});
  Write("smolvm", "exit 1", kHelp);
  for (const int runs : {1, 2}) {
    const auto found = programs.Find(Path(), CancelToken());
    EXPECT_TRUE(HasReason(found.status(), kSmolvmUnusable)) << found.status();
    EXPECT_EQ(Runs(), runs);
  }
}

TEST_F(SmolvmProgramTest, GetsOnlyPathAndHome) {
  ::setenv("BOTTLED_TEST_SECRET", "secret", 1);
  Write("smolvm",
        "env > \"${0%/*}/env\"; read line && exit 1; echo 'smolvm 1.32.2'",
        kHelp);
  EXPECT_EQ(Reason(), "");
  ::unsetenv("BOTTLED_TEST_SECRET");
  std::ifstream file(dir_.path() / "env");
  const std::string env{std::istreambuf_iterator<char>(file), {}};
  EXPECT_THAT(env, HasSubstr("HOME=/nowhere\n"));
  EXPECT_THAT(env, HasSubstr("PATH=" + Path() + "\n"));
  EXPECT_THAT(env, Not(HasSubstr("secret")));
}

TEST_F(SmolvmProgramTest, OneThatHangsIsEnded) {
  SmolvmPrograms hasty({.home = "", .limit = std::chrono::milliseconds(200)});
  Write("smolvm", "sleep 600", kHelp);
  const auto found = hasty.Find(Path(), CancelToken());
  ASSERT_FALSE(found.ok());
  EXPECT_TRUE(HasReason(found.status(), "SMOLVM_UNUSABLE"));
  EXPECT_THAT(std::string(found.status().message()),
              HasSubstr("longer than 200 ms"));
}

TEST_F(SmolvmProgramTest, DoesNotWaitForWhatItLeavesBehind) {
  Write("smolvm", "sleep 600 & echo 'smolvm 1.32.2'", kHelp);
  EXPECT_EQ(Reason(), "");
}

TEST_F(SmolvmProgramTest, CancelsWhileItRuns) {
  Write("smolvm",
        "touch \"${0%/*}/begun\"; test -e \"${0%/*}/cure\" || sleep 600\n"
        "echo 'smolvm 1.32.2'",
        kHelp);
  CancelSource source;
  std::thread canceller([&] {
    while (!std::filesystem::exists(dir_.path() / "begun")) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    source.Cancel();
  });
  const auto found = programs_.Find(Path(), source.token());
  canceller.join();
  ASSERT_FALSE(found.ok());
  EXPECT_EQ(found.status().code(), absl::StatusCode::kCancelled);
  const int runs = Runs();
  EXPECT_FALSE(programs_.Find(Path(), source.token()).ok());
  EXPECT_EQ(Runs(), runs);
  // That was the caller's doing, and is not remembered.
  std::ofstream(dir_.path() / "cure") << "x";
  EXPECT_EQ(Reason(), "");
}

TEST_F(SmolvmProgramTest, ManyThreads) {
  Write("smolvm", "echo 'smolvm 1.32.2'", kHelp);
  std::atomic<int> good = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 20; ++round) {
        good += Find().ok() ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(good, 80);
}

TEST(SmolvmVersionTest, Parses) {
  const struct {
    std::string_view output;
    std::string_view version;  // empty = refused
  } kCases[] = {
      {"smolvm 1.32.2\n", "1.32.2"},
      {"smolvm 0.8.0", "0.8.0"},
      {"smolvm 1.33.0-rc.1\r\nmore", "1.33.0-rc.1"},
      {"smolvm 1.2.3+g1a2b\n", "1.2.3+g1a2b"},
      {"", ""},
      {"\nsmolvm 1.2.3\n", ""},
      {"smolvm\n", ""},
      {"smolvm 1.2\n", ""},
      {"smolvm 1.2.3.4\n", ""},
      {"smolvm 1..3\n", ""},
      {"smolvm -1.2.3\n", ""},
      {"smolvm +1.2.3\n", ""},
      {"smolvm 1.2.99999999999999999999\n", ""},
      {"smolvm 1.2.3-\n", ""},
      {"smolvm 1.2.3-a b\n", ""},
      {"smolvm 1.2.3-\x1b[0m\n", ""},
      {"smolvm  1.2.3\n", ""},
      {"xsmolvm 1.2.3\n", ""},
  };
  for (const auto& test : kCases) {
    SmolvmProgram program;
    EXPECT_EQ(ParseSmolvmVersion(test.output, program), !test.version.empty())
        << test.output;
    EXPECT_EQ(program.version, test.version);
  }
  SmolvmProgram program;
  EXPECT_FALSE(
      ParseSmolvmVersion("smolvm 1.2.3-" + std::string(10'000, 'a'), program));
}

TEST(SmolvmVersionTest, Compares) {
  SmolvmProgram program;
  ASSERT_TRUE(ParseSmolvmVersion("smolvm 1.8.0", program));
  EXPECT_TRUE(program.AtLeast(1, 8, 0));
  EXPECT_TRUE(program.AtLeast(1, 7, 9));
  EXPECT_TRUE(program.AtLeast(0, 9, 9));
  EXPECT_FALSE(program.AtLeast(1, 8, 1));
  EXPECT_FALSE(program.AtLeast(1, 32, 0));
  EXPECT_FALSE(program.AtLeast(2, 0, 0));
}

TEST(SmolvmRealTest, IsRecognised) {
  const char* const smolvm = ::getenv("BOTTLED_TEST_SMOLVM");
  if (smolvm == nullptr) {
    if (::getenv("CI") != nullptr) {
      FAIL() << "BOTTLED_TEST_SMOLVM must name a smol-vmm binary";
    }
    GTEST_SKIP() << "BOTTLED_TEST_SMOLVM names no smol-vmm binary";
  }
  // Alone in a directory, under either name.
  for (const char* name : {"smolvm", "smol-vmm"}) {
    const TempDir dir;
    std::filesystem::create_symlink(smolvm, dir.path() / name);
    SmolvmPrograms programs({.home = dir.path().string()});
    const auto program = programs.Find(dir.path().string(), CancelToken());
    ASSERT_TRUE(program.ok()) << program.status();
    EXPECT_EQ(program->path, dir.path() / name);
    EXPECT_TRUE(program->AtLeast(1, 32, 2)) << program->version;
    EXPECT_TRUE(program->takes_archives);
    // It leaves nothing in its HOME.
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(dir.path()),
                            std::filesystem::directory_iterator()),
              1);
  }
}

}  // namespace
}  // namespace bottled
