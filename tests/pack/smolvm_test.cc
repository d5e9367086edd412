// The real smolvm takes what the packer writes. $BOTTLED_TEST_SMOLVM names its
// smol-vmm binary; the libraries and agent-rootfs.tar.zst lie beside it.

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pack/layer_archive.h"
#include "pack/layer_cutter.h"
#include "pack/pack_tools.h"
#include "pack/smolvm_probe.h"
#include "pack/zoo.h"
#include "platform/fd.h"
#include "platform/process.h"

namespace bottled {
namespace {

std::string ReadText(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Runs `machine create --from`; returns the wait status.
int CreateMachine(const std::filesystem::path& smolvm,
                  const std::filesystem::path& artifact,
                  const std::filesystem::path& dir) {
  const std::string libs = smolvm.parent_path().string();
  const Fd log(
      ::open((dir / "log").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  std::filesystem::create_directory(dir / "home");
  auto process = Process::Start(
      {.argv = {smolvm.string(), "--state-dir", (dir / "state").string(),
                "machine", "create", "--from", artifact.string(), "-n", "m"},
       .env = {"HOME=" + (dir / "home").string(), "PATH=/usr/bin:/bin",
               "SMOLVM_LIB_DIR=" + libs,
               "SMOLVM_AGENT_ROOTFS_TAR=" + libs + "/agent-rootfs.tar.zst"},
       .stdin_fd = -1,
       .stdout_fd = log.get(),
       .stderr_fd = log.get()});
  EXPECT_TRUE(process.ok()) << process.status();
  int status = -1;
  while (process.ok() && !process->TryWait(&status)) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return status;
}

class SmolvmTest : public testing::Test {
 protected:
  void SetUp() override {
    const char* const smolvm = ::getenv("BOTTLED_TEST_SMOLVM");
    if (smolvm != nullptr) {
      smolvm_ = smolvm;
    } else if (::getenv("CI") != nullptr) {
      FAIL() << "BOTTLED_TEST_SMOLVM must name a smol-vmm binary";
    } else {
      GTEST_SKIP() << "BOTTLED_TEST_SMOLVM names no smol-vmm binary";
    }
  }

  std::filesystem::path smolvm_;
};

TEST_F(SmolvmTest, CreatesAMachine) {
  const std::string big = Noise(2 * kBlockBytes + 9, 3);
  TestImage image;
  image.config = {{"User", "1000:1000"}, {"Env", {"A=1"}}, {"Cmd", {"sh"}}};
  image.layers = {TarBuilder()
                      .AddDir("bin", 0755, 5, 6)
                      .AddFile("bin/sh", "#!", 04755, 3'000'000'000, 7)
                      .AddFile("gone", "gone")
                      .AddFile("big", big)
                      .AddFile("first", "shared")
                      .AddHardlink("second", "first")
                      .AddSymlink("root", "/")
                      .AddSymlink("up", "../../bin")
                      .AddDevice("null", '3', 1, 3)
                      .AddFifo("pipe")
                      .AddFile("agent-rootfs.tar", "just a name")
                      .AddFile(std::string(255, 'n'), "long")
                      .Finish(),
                  TarBuilder()
                      .AddFile(".wh.gone", "")
                      .AddFile(".wh.first", "")
                      .AddHardlink("bin/third", "big")
                      .Finish()};
  const TestDir dir;
  const auto packed = PackArchive(MakeDockerArchive(image), dir);
  ASSERT_TRUE(packed.ok()) << packed.status();
  EXPECT_EQ(CreateMachine(smolvm_, packed->path, dir.path()), 0);
  const std::string log = ReadText(dir.path() / "log");
  EXPECT_THAT(log, testing::Not(testing::ContainsRegex(
                       "[Ww]arn|WARN|[Ee]rror|dropped|skipp")))
      << log;

  std::filesystem::path tree;
  for (const auto& found : std::filesystem::recursive_directory_iterator(
           dir.path(),
           std::filesystem::directory_options::skip_permission_denied)) {
    if (found.is_directory() &&
        found.path().filename() == packed->layer_digest.hex()) {
      tree = found.path();
    }
  }
  ASSERT_FALSE(tree.empty()) << log;
  EXPECT_EQ(ReadText(tree / "bin/sh"), "#!");
  EXPECT_TRUE(ReadText(tree / "big") == big);
  EXPECT_EQ(ReadText(tree / "second"), "shared");
  EXPECT_EQ(ReadText(tree / "agent-rootfs.tar"), "just a name");
  EXPECT_EQ(ReadText(tree / std::string(255, 'n')), "long");
  EXPECT_FALSE(std::filesystem::exists(tree / "gone"));
  EXPECT_FALSE(std::filesystem::exists(tree / "first"));
  EXPECT_TRUE(std::filesystem::equivalent(tree / "big", tree / "bin/third"));
  EXPECT_EQ(std::filesystem::read_symlink(tree / "root"), ".");
  EXPECT_EQ(std::filesystem::read_symlink(tree / "up"), "bin");
}

// Where no virtual machine boots it must say so, after smolvm's own 30 seconds
// at the latest, and leave none behind. Under the daemon's umask.
TEST_F(SmolvmTest, PacksAnArchiveOrSaysThatNoMachineBoots) {
  TestImage image;
  image.layers = {
      TarBuilder().AddDir("bin").AddFile("bin/sh", "#!", 0755).Finish()};
  const TestDir packed_dir;
  const auto packed = PackArchive(MakeDockerArchive(image), packed_dir);
  ASSERT_TRUE(packed.ok()) << packed.status();
  Zoo zoo("");
  const mode_t mask = ::umask(0077);
  // Run by root, its VM is another user.
  std::filesystem::permissions(zoo.dir(), std::filesystem::perms(0711));
  std::filesystem::permissions(zoo.spec.stage_dir,
                               std::filesystem::perms(0711));
  zoo.spec.image = zoo.dir() / "image.tar";
  const absl::Status archived = WriteLayerArchive(
      packed->path, ParseImageConfig(TestConfigBlob(image)).value(),
      zoo.spec.image, nullptr, CancelToken());
  ASSERT_TRUE(archived.ok()) << archived;
  const std::string libs = smolvm_.parent_path().string();
  const auto program =
      ProbeSmolvm(smolvm_, {}, std::chrono::seconds(60), CancelToken());
  ASSERT_TRUE(program.ok()) << program.status();
  zoo.spec.program = *program;
  zoo.spec.inherited.insert(
      zoo.spec.inherited.end(),
      {"HOME=" + zoo.dir().string(), "SMOLVM_LIB_DIR=" + libs,
       "SMOLVM_AGENT_ROOTFS_TAR=" + libs + "/agent-rootfs.tar.zst"});
  const auto made = zoo.Run();
  ::umask(mask);
  EXPECT_THAT(zoo.lines, testing::Contains("Starting agent VM..."));
  EXPECT_THAT(zoo.Survivors(), testing::IsEmpty());
  if (!made.ok()) {
    EXPECT_EQ(ReasonIn(made.status()), "VM_UNAVAILABLE") << made.status();
    return;
  }
  const auto checked =
      CheckSmolvmSidecar(*made, "linux/amd64", *program, nullptr, {});
  ASSERT_TRUE(checked.ok()) << checked.status();
  EXPECT_EQ(checked->entry_count, 2);
}

}  // namespace
}  // namespace bottled
