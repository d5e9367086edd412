#include "pack/smolvm_packer.h"

#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pack/pack_tools.h"
#include "pack/zoo.h"
#include "platform/own_executable.h"

namespace bottled {
namespace {

using std::chrono::milliseconds;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

constexpr const char* kGive = "cp \"$GOOD\" \"$out.smolmachine\"\n";

std::string MessageOf(const absl::StatusOr<std::filesystem::path>& result) {
  return std::string(result.status().message());
}

SmolvmPackSpec SomeSpec() {
  SmolvmPackSpec spec;
  spec.program = {.path = "/opt/smolvm", .version = "1.32.2"};
  spec.image = "127.0.0.1:5001/x@sha256:0";
  spec.stage_dir = "/s";
  spec.pack = {.cpus = 2, .memory_mib = 512};
  return spec;
}

TEST(SmolvmCommandTest, NamesItsPackers) {
  EXPECT_EQ(SmolvmPackerName(SomeSpec().program), "smolvm/1 1.32.2");
  EXPECT_EQ(PushPackerName(SomeSpec().program), "push/1 1.32.2");
}

TEST(SmolvmCommandTest, KeepsEverythingBelowTheStage) {
  const SmolvmCommand command = MakeSmolvmCommand(SomeSpec());
  EXPECT_THAT(command.argv,
              ElementsAre("/opt/smolvm", "pack", "create", "--image",
                          "127.0.0.1:5001/x@sha256:0", "-o", "/s/out/artifact",
                          "--cpus", "2", "--mem", "512"));
  EXPECT_EQ(command.output, "/s/out/artifact.smolmachine");
  EXPECT_EQ(command.working_dir, "/s/work");
  EXPECT_THAT(command.env, AllOf(Contains("SMOLVM_DATA_DIR=/s/state"),
                                 Contains("XDG_CACHE_HOME=/s/state/.cache"),
                                 Contains("SMOLVM_PACK_STAGING=/s/staging"),
                                 Contains("TMPDIR=/s/tmp"),
                                 Contains("SMOLVM_CONFIG=/s/smolvm.toml"),
                                 Contains("NO_PROXY=127.0.0.1,localhost")));
}

TEST(SmolvmCommandTest, OurVariablesWin) {
  SmolvmPackSpec spec = SomeSpec();
  spec.inherited = {"PATH=/p", "TMPDIR=/elsewhere", "SMOLVM_LIB_DIR=/l",
                    "TMPDIR=/twice", "TMPDIR_NOT=1"};
  const std::vector<std::string> env = MakeSmolvmCommand(spec).env;
  EXPECT_THAT(env, AllOf(Contains("PATH=/p"), Contains("SMOLVM_LIB_DIR=/l"),
                         Contains("TMPDIR_NOT=1"),
                         Contains(StartsWith("TMPDIR=")).Times(1),
                         Contains("TMPDIR=/s/tmp")));
}

TEST(SmolvmCommandTest, AScriptIsNoBootBinary) {
  const Zoo script("");
  EXPECT_THAT(MakeSmolvmCommand(script.spec).env,
              Not(Contains(StartsWith("SMOLVM_BOOT_BINARY="))));
  SmolvmPackSpec spec = SomeSpec();
  EXPECT_THAT(MakeSmolvmCommand(spec).env,
              Not(Contains(StartsWith("SMOLVM_BOOT_BINARY="))));
  spec.program.path = OwnExecutable();
  EXPECT_THAT(MakeSmolvmCommand(spec).env,
              Contains("SMOLVM_BOOT_BINARY=" + spec.program.path));
}

TEST(SmolvmPackerTest, GivesTheSidecar) {
  Zoo zoo(std::string("echo 'Starting agent VM...'\n"
                      "printf 'Pulling image x...\\n\\r' >&2\n"
                      "printf 'Pulling image x... 45%%\\033[K\\r' >&2\n") +
          kGive + "echo \"Packed: $out\"");
  const auto made = zoo.Run();
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(*made, zoo.spec.stage_dir / "out/artifact.smolmachine");
  EXPECT_THAT(zoo.lines, testing::UnorderedElementsAre("Starting agent VM...",
                                                       "Pulling image x..."));
  ASSERT_FALSE(zoo.progress.empty());
  EXPECT_EQ(zoo.progress.back(), (SmolvmProgress{SmolvmPhase::kPull, 45, 100}));
  EXPECT_THAT(zoo.Survivors(), IsEmpty());

  const auto checked =
      CheckSmolvmSidecar(*made, "linux/amd64", zoo.spec.program, nullptr, {});
  ASSERT_TRUE(checked.ok()) << checked.status();
  EXPECT_EQ(checked->path, *made);
  EXPECT_EQ(checked->size_bytes,
            static_cast<int64_t>(std::filesystem::file_size(*made)));
  EXPECT_EQ(checked->unpacked_bytes, 2048);
  EXPECT_EQ(checked->entry_count, 1);
  EXPECT_EQ(checked->layer_digest.hex(), std::string(64, 'e'));
  EXPECT_EQ(checked->digest.hex().size(), 64u);
  EXPECT_EQ(ReasonIn(CheckSmolvmSidecar(*made, "linux/arm64", zoo.spec.program,
                                        nullptr, {})
                         .status()),
            "SIDECAR_INVALID");
}

TEST(SmolvmPackerTest, RunsInAnEmptyDirectoryThatOthersMayPass) {
  const mode_t mask = ::umask(0077);
  Zoo zoo(std::string("ls -A; pwd; echo \"$HOME|$SMOLVM_DATA_DIR\"; umask\n") +
          kGive);
  const auto made = zoo.Run();
  ::umask(mask);
  ASSERT_TRUE(made.ok()) << made.status();
  const std::filesystem::path stage = zoo.spec.stage_dir;
  EXPECT_THAT(zoo.lines, ElementsAre((stage / "work").string(),
                                     "|" + (stage / "state").string(),
                                     ::geteuid() == 0 ? "0022" : "0077"));
  for (const char* name : {"out", "state", "staging", "tmp", "work"}) {
    struct stat info{};
    ASSERT_EQ(::stat((stage / name).c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777, 0711u) << name;
  }
  EXPECT_EQ(std::filesystem::file_size(stage / "smolvm.toml"), 0u);
}

struct Animal {
  const char* name;
  std::string script;
  const char* reason;
  const char* message = "";
};

void PrintTo(const Animal& animal, std::ostream* out) { *out << animal.name; }

class SmolvmZooTest : public testing::TestWithParam<Animal> {};

// Each ends with its reason, and nothing of it is left.
TEST_P(SmolvmZooTest, IsDealtWith) {
  const Animal& animal = GetParam();
  Zoo zoo(animal.script);
  if (std::string_view(animal.reason) == "PACK_STALLED") {
    zoo.spec.stall_limit = milliseconds(500);
  } else if (std::string_view(animal.reason) == "PACK_TIMEOUT") {
    zoo.spec.total_limit = milliseconds(500);
  }
  const auto made = zoo.Run();
  EXPECT_EQ(ReasonIn(made.status()), animal.reason) << made.status();
  EXPECT_THAT(MessageOf(made), HasSubstr(animal.message));
  EXPECT_THAT(zoo.Survivors(), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(
    Zoo, SmolvmZooTest,
    testing::Values(
        Animal{"Hangs", "echo last words; exec sleep 600", "PACK_STALLED",
               "last words"},
        Animal{"IgnoresTerm",
               "trap '' TERM; while :; do sleep 0.1 & wait; done",
               "PACK_STALLED"},
        Animal{"TalksForEver", "while :; do echo x; sleep 0.05; done",
               "PACK_TIMEOUT"},
        Animal{"FloodsForEver", "exec yes", "PACK_TIMEOUT"},
        Animal{"ClosesItsStreams", "exec >&- 2>&-; exec sleep 600",
               "PACK_STALLED"},
        Animal{"ChildInItsOwnGroup", "set -m; sleep 600 & sleep 600",
               "PACK_STALLED"},
        Animal{"LeavesAChildInItsOwnGroup", "set -m; sleep 600 & exit 3",
               "SMOLVM_PACK_FAILED", "exit status 3"},
        Animal{"DoubleForkAndSetsid",
               "(setsid sh -c 'trap \"\" TERM; sleep 600; :' &) ; sleep 600",
               "PACK_STALLED"},
        Animal{"LeavesADaemon",
               std::string("(setsid sh -c 'trap \"\" TERM; sleep 600; :' &)\n"
                           "sleep 0.2\n") +
                   kGive,
               "OK"},
        Animal{"WritesAfterItsExit",
               "(sleep 0.1; while :; do echo late >&2; done) & exit 1",
               "SMOLVM_PACK_FAILED"},
        Animal{"NoFile", "exit 0", "SMOLVM_OUTPUT_INVALID", "left no"},
        Animal{"Symlink", "ln -s \"$GOOD\" \"$out.smolmachine\"",
               "SMOLVM_OUTPUT_INVALID", "symbolic link"},
        Animal{"Fifo", "mkfifo \"$out.smolmachine\"", "SMOLVM_OUTPUT_INVALID",
               "no regular file"},
        Animal{"Directory", "mkdir \"$out.smolmachine\"",
               "SMOLVM_OUTPUT_INVALID", "no regular file"},
        Animal{"OutputElsewhere",
               std::string("mv ../out ../other; ln -s other ../out\n") + kGive,
               "SMOLVM_OUTPUT_INVALID", "directory"},
        Animal{"Exit139", "exit 139", "SMOLVM_PACK_FAILED", "exit status 139"},
        Animal{"Segfault", "ulimit -c 0; kill -SEGV $$", "SMOLVM_PACK_FAILED",
               "signal 11"},
        Animal{"Killed", "kill -KILL $$", "SMOLVM_PACK_FAILED", "signal 9"},
        Animal{"Fails", "echo 'Error: no such image' >&2; exit 1",
               "SMOLVM_PACK_FAILED", "(exit status 1): no such image"},
        Animal{"ImageCalledKvm",
               "echo 'Error: pull image kvm/kvm-x:1 from /h/kvm/y: 404' >&2; "
               "exit 1",
               "SMOLVM_PACK_FAILED"},
        Animal{"NoKvm", "echo 'Error: /dev/kvm: Permission denied' >&2; exit 1",
               "VM_UNAVAILABLE", "/dev/kvm: Permission denied"},
        Animal{"NoKvmAsJson",
               "echo '{\"error\":{\"code\":\"KVM_UNAVAILABLE\",\"message\":"
               "\"nothing\"}}' >&2; exit 1",
               "VM_UNAVAILABLE"},
        Animal{"KvmWithColon", "echo 'Error: KVM: not usable' >&2; exit 1",
               "VM_UNAVAILABLE"},
        Animal{"NoHypervisor",
               "echo 'Error: the Hypervisor framework is missing' >&2; exit 1",
               "VM_UNAVAILABLE"},
        Animal{"NoAnswer",
               "echo 'Error: agent operation failed: wait for ready: agent did "
               "not become ready within 30 seconds: no boot progress for 30 "
               "seconds' >&2; exit 1",
               "VM_UNAVAILABLE", "did not become ready"},
        Animal{"KvmIsNotForItsUser",
               "echo 'Error: agent operation failed: monitor agent: build "
               "microVM: Internal error while starting microVM: "
               "KvmContext(KvmOpen(Error(13)))' >&2; exit 1",
               "VM_UNAVAILABLE", "KvmOpen"},
        Animal{"DiskFull",
               "echo 'Error: write: No space left on device (os error 28)' "
               ">&2; exit 1",
               "NO_SPACE"}),
    [](const auto& animal) { return std::string(animal.param.name); });

TEST(SmolvmPackerTest, AFloodIsReadToItsEnd) {
  for (const char* flood :
       {"head -c 67108864 /dev/zero | tr '\\0' x >&2\n",
        "yes \"$(printf '%0100d' 0)\" | head -c 67108864 >&2\n"}) {
    Zoo zoo(flood + std::string(kGive));
    const auto made = zoo.Run();
    EXPECT_TRUE(made.ok()) << made.status();
    EXPECT_LE(zoo.lines.size(), 1000u);
    EXPECT_THAT(zoo.Survivors(), IsEmpty());
  }
}

TEST(SmolvmPackerTest, GrowthIsNoStall) {
  Zoo zoo(
      "while :; do head -c 200000 /dev/zero >>\"$SMOLVM_DATA_DIR/disk\"\n"
      "sleep 0.1; done");
  zoo.spec.stall_limit = milliseconds(4'000);
  zoo.spec.total_limit = milliseconds(5'500);
  EXPECT_EQ(ReasonIn(zoo.Run().status()), "PACK_TIMEOUT");
  EXPECT_THAT(zoo.Survivors(), IsEmpty());
}

TEST(SmolvmPackerTest, CanBeCancelled) {
  CancelSource cancel;
  Zoo zoo("trap '' TERM\nsetsid sleep 600 &\necho ready\nsleep 600; sleep 600");
  zoo.on_line = [&](const std::string& line) {
    // A shell whose child is killed before itself says "Killed".
    if (line == "ready") {
      EXPECT_THAT(zoo.Survivors(), Not(IsEmpty()));
      cancel.Cancel();
    }
  };
  EXPECT_EQ(ReasonIn(zoo.Run(cancel.token()).status()), "CANCELLED");
  EXPECT_THAT(zoo.lines, Contains("ready"));
  EXPECT_THAT(zoo.Survivors(), IsEmpty());
  Zoo never("echo started");
  EXPECT_EQ(ReasonIn(never.Run(cancel.token()).status()), "CANCELLED");
  EXPECT_THAT(never.lines, IsEmpty());
}

TEST(SmolvmPackerTest, TermLetsItTidyUp) {
  CancelSource cancel;
  Zoo zoo(
      "trap 'echo bye >../tmp/bye; exit 1' TERM\n"
      "echo ready\nwhile :; do sleep 0.05; done");
  zoo.spec.grace = std::chrono::seconds(60);
  zoo.on_line = [&cancel](const std::string&) { cancel.Cancel(); };
  EXPECT_EQ(ReasonIn(zoo.Run(cancel.token()).status()), "CANCELLED");
  EXPECT_TRUE(std::filesystem::exists(zoo.spec.stage_dir / "tmp/bye"));
}

TEST(SmolvmPackerTest, ProgramsThatAreNotThere) {
  Zoo zoo("");
  zoo.spec.program.path = "/nonexistent/smolvm";
  EXPECT_EQ(ReasonIn(zoo.Run().status()), "SMOLVM_PACK_FAILED");
  Zoo alone("");
  alone.spec.program.path = "/nonexistent/smolvm";
  alone.spec.supervisor.clear();
  EXPECT_EQ(ReasonIn(alone.Run().status()), "PROGRAM_NOT_FOUND");
  Zoo nowhere("");
  nowhere.spec.stage_dir = "/nonexistent";
  EXPECT_EQ(ReasonIn(nowhere.Run().status()), "NOT_FOUND");
}

// A daemon of its own goes on with the output after smolvm has ended.
TEST(SmolvmPackerTest, TheFileIsStillOnReturn) {
  Zoo zoo(
      "cp \"$GOOD\" \"$out.smolmachine\"\n"
      "setsid sh -c 'while :; do echo x >>\"$0\"; done' "
      "\"$out.smolmachine\" >/dev/null 2>&1 &\n"
      "sleep 0.2");
  const auto made = zoo.Run();
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_THAT(zoo.Survivors(), IsEmpty());
  const auto size = std::filesystem::file_size(*made);
  EXPECT_EQ(ReasonIn(CheckSmolvmSidecar(*made, "linux/amd64", zoo.spec.program,
                                        nullptr, {})
                         .status()),
            "SIDECAR_INVALID");
  EXPECT_EQ(std::filesystem::file_size(*made), size);
}

TEST(SmolvmPackerTest, BadFilesAreFound) {
  const std::string layer = TarBuilder().AddFile("a", "b").Finish();
  const std::string good = SidecarOf(ZstdFrame(SmolvmAssetsTar(layer)),
                                     static_cast<int64_t>(layer.size()));
  std::string damaged = good;
  damaged[40] ^= 1;
  std::string wrong_crc = good;
  wrong_crc[good.size() - 12] ^= 1;
  const auto reason = [](const std::string& bytes) {
    Zoo zoo(kGive);
    zoo.Give(bytes);
    const auto made = zoo.Run();
    EXPECT_TRUE(made.ok()) << made.status();
    return made.ok() ? ReasonIn(CheckSmolvmSidecar(*made, "linux/amd64",
                                                   zoo.spec.program, nullptr,
                                                   CancelToken())
                                    .status())
                     : "";
  };
  EXPECT_EQ(reason(good), "OK");
  EXPECT_EQ(reason(""), "SIDECAR_INVALID");
  EXPECT_EQ(reason(good.substr(0, 100)), "SIDECAR_INVALID");
  EXPECT_EQ(reason(good.substr(0, good.size() - 64)), "SIDECAR_INVALID");
  EXPECT_EQ(reason(damaged), "CHECKSUM_MISMATCH");
  EXPECT_EQ(reason(wrong_crc), "CHECKSUM_MISMATCH");
  EXPECT_EQ(reason("\x7f"
                   "ELF" +
                   std::string(1000, 'x')),
            "SIDECAR_INVALID");
}

// smolvm was upgraded between the probe and the run, or a shim ran another.
TEST(SmolvmPackerTest, RegressionAnotherReleaseMadeIt) {
  const std::string layer = TarBuilder().AddFile("a", "b").Finish();
  const auto check = [&layer](const std::string& release) {
    const TestDir dir;
    const std::filesystem::path path = dir.path() / "x.smolmachine";
    std::ofstream(path, std::ios::binary)
        << SidecarOf(ZstdFrame(SmolvmAssetsTar(layer)),
                     static_cast<int64_t>(layer.size()), release);
    return CheckSmolvmSidecar(path, "linux/amd64", SomeSpec().program, nullptr,
                              {})
        .status();
  };
  EXPECT_EQ(ReasonIn(check("1.32.2")), "OK");
  // Older releases do not say.
  EXPECT_EQ(ReasonIn(check("")), "OK");
  for (const char* release : {"1.33.0", "1.32.20", "1.32.2-rc.1", "1.32"}) {
    const absl::Status other = check(release);
    EXPECT_EQ(ReasonIn(other), "SMOLVM_OUTPUT_INVALID") << other;
    EXPECT_THAT(std::string(other.message()),
                HasSubstr(std::string(release) + ", not 1.32.2"));
    EXPECT_THAT(GetErrorDetail(other).remedy, HasSubstr("Try again"));
  }
  EXPECT_THAT(std::string(check("\x1b[0m").message()),
              HasSubstr("\\x1b[0m, not 1.32.2"));
}

TEST(SmolvmPackerTest, OnlyFilesAreChecked) {
  const TestDir dir;
  const auto reason = [](const std::filesystem::path& path) {
    return ReasonIn(
        CheckSmolvmSidecar(path, "linux/amd64", SomeSpec().program, nullptr, {})
            .status());
  };
  std::ofstream(dir.path() / "file") << "x";
  std::filesystem::create_symlink("file", dir.path() / "link");
  ASSERT_EQ(::mkfifo((dir.path() / "fifo").c_str(), 0600), 0);
  EXPECT_EQ(reason(dir.path() / "link"), "SIDECAR_INVALID");
  EXPECT_EQ(reason(dir.path() / "fifo"), "SIDECAR_INVALID");
  EXPECT_EQ(reason(dir.path()), "SIDECAR_INVALID");
  EXPECT_EQ(reason(dir.path() / "absent"), "NOT_FOUND");
}

}  // namespace
}  // namespace bottled
