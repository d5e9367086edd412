#include "jobs/build_fingerprint.h"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "gtest/gtest.h"
#include "platform/temp_dir.h"

namespace bottled {
namespace {

namespace fs = std::filesystem;

class BuildFingerprintTest : public ::testing::Test {
 protected:
  BuildFingerprintTest() {
    spec_.context = temp_.path().native();
    Write("Dockerfile", "FROM scratch\n");
    Write("sub/file", "1");
  }

  void Write(const std::string& name, const std::string& content) {
    fs::create_directories((temp_ / name).parent_path());
    std::ofstream(temp_ / name) << content;
  }
  std::string Get() const {
    return BuildFingerprint(spec_, "salt", CancelToken()).value();
  }

  TempDir temp_;
  BuildSpec spec_;
};

TEST_F(BuildFingerprintTest, IsStable) {
  EXPECT_EQ(Get().size(), 64U);
  EXPECT_EQ(Get(), Get());
}

TEST_F(BuildFingerprintTest, SeesEveryKindOfChange) {
  std::string last = Get();
  const auto changed = [&](const char* what) {
    const std::string now = Get();
    EXPECT_NE(now, last) << what;
    last = now;
  };
  Write("sub/file", "22");
  changed("a size");
  const auto time = fs::last_write_time(temp_ / "sub/file");
  fs::last_write_time(temp_ / "sub/file", time + std::chrono::seconds(5));
  changed("a time");
  fs::permissions(temp_ / "sub/file", fs::perms::owner_read);
  changed("a mode");
  Write("sub/new", "");
  changed("a new file");
  fs::rename(temp_ / "sub/new", temp_ / "sub/newer");
  changed("a name");
  fs::remove(temp_ / "sub/newer");
  changed("a file less");
  fs::create_symlink("a", temp_ / "link");
  changed("a link");
  fs::create_directory(temp_ / "empty");
  changed("a directory");
  spec_.target = "t";
  changed("the target");
  spec_.args = {{.name = "A", .value = "1"}};
  changed("an argument");
  spec_.args = {{.name = "A", .value = "2"}};
  changed("an argument's value");
  spec_.args = {{.name = "A", .value = std::nullopt}};
  changed("an argument from the environment");
  spec_.environment["A"] = "3";
  changed("the environment's value");
}

TEST_F(BuildFingerprintTest, SeesADockerfileElsewhereByItsContent) {
  const TempDir other;
  std::ofstream(other / "D") << "FROM a\n";
  spec_.dockerfile = (other / "D").native();
  const std::string before = Get();
  const auto time = fs::last_write_time(other / "D");
  std::ofstream(other / "D") << "FROM b\n";
  fs::last_write_time(other / "D", time);
  EXPECT_NE(Get(), before);
}

TEST_F(BuildFingerprintTest, IgnoresWhatChangesNoImage) {
  const std::string before = Get();
  spec_.tag = "name:1";
  spec_.environment["UNRELATED"] = "x";
  // A file that was made and removed: only the directory's time is another.
  Write("sub/passing", "");
  fs::remove(temp_ / "sub/passing");
  EXPECT_EQ(Get(), before);
}

TEST_F(BuildFingerprintTest, HasNoneForWhatCannotBeJudged) {
  const BuildSpec plain = spec_;
  spec_.pull = true;
  EXPECT_EQ(Get(), "");
  spec_ = plain;
  spec_.no_cache = true;
  EXPECT_EQ(Get(), "");
  spec_ = plain;
  spec_.secrets = {"id=a"};
  EXPECT_EQ(Get(), "");
  spec_ = plain;
  spec_.ssh = {"default"};
  EXPECT_EQ(Get(), "");
  spec_ = plain;
  spec_.context = "https://example.com/repo.git";
  EXPECT_EQ(Get(), "");
}

TEST_F(BuildFingerprintTest, TheSaltHidesTheValues) {
  spec_.args = {{.name = "A", .value = "secret"}};
  EXPECT_NE(BuildFingerprint(spec_, "one", CancelToken()).value(),
            BuildFingerprint(spec_, "two", CancelToken()).value());
}

TEST_F(BuildFingerprintTest, FailsWithoutADockerfile) {
  fs::remove(temp_ / "Dockerfile");
  EXPECT_FALSE(BuildFingerprint(spec_, "salt", CancelToken()).ok());
}

TEST_F(BuildFingerprintTest, StopsWhenCancelled) {
  for (int i = 0; i < 1000; ++i) {
    Write("many/" + std::to_string(i), "");
  }
  CancelSource cancel;
  cancel.Cancel();
  EXPECT_EQ(BuildFingerprint(spec_, "salt", cancel.token()).status().code(),
            absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace bottled
