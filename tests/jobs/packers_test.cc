#include "jobs/packers.h"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pack/native_packer.h"
#include "platform/temp_dir.h"

namespace bottled {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class PackersTest : public ::testing::Test {
 protected:
  // A program that says it is this release.
  void Install(const std::string& version, bool takes_archives) {
    const std::filesystem::path path = dir_.path() / "smolvm";
    const std::filesystem::path fresh = dir_.path() / "fresh";
    std::ofstream(fresh) << "#!/bin/sh\ncase \"$1\" in\n--version) echo smolvm "
                         << version << ";;\n*) echo '  -o, --output "
                         << (takes_archives ? "a docker save archive" : "")
                         << "';;\nesac\n";
    ::chmod(fresh.c_str(), 0755);
    std::filesystem::rename(fresh, path);
  }
  std::string Path() const { return dir_.path().string() + ":/usr/bin:/bin"; }

  Packer Choose(PackerKind wanted, PackerKind standard = PackerKind::kAuto) {
    Packers packers(smolvm_, {.standard = standard, .search_path = Path()});
    auto packer = packers.Choose(wanted, "", CancelToken());
    EXPECT_TRUE(packer.ok()) << packer.status();
    return packer.ok() ? *std::move(packer) : Packer();
  }
  std::string Refusal(PackerKind wanted) {
    Packers packers(smolvm_, {.search_path = Path()});
    const auto packer = packers.Choose(wanted, "", CancelToken());
    return packer.ok() ? "" : GetErrorDetail(packer.status()).reason;
  }

  TempDir dir_;
  SmolvmPrograms smolvm_{SmolvmPrograms::Options{.home = ""}};
};

TEST_F(PackersTest, WordsAndKinds) {
  for (const PackerKind kind : {PackerKind::kAuto, PackerKind::kNative,
                                PackerKind::kSmolvm, PackerKind::kPush}) {
    EXPECT_EQ(ParsePacker(PackerWord(kind)), kind);
  }
  EXPECT_EQ(ParsePacker(""), std::nullopt);
  EXPECT_EQ(ParsePacker("Native"), std::nullopt);
}

TEST_F(PackersTest, WithoutSmolvmTheEmbeddedOneWorks) {
  const Packer packer = Choose(PackerKind::kAuto);
  EXPECT_EQ(packer.kind, PackerKind::kNative);
  EXPECT_EQ(packer.name, NativePackerName());
  EXPECT_THAT(packer.reason, HasSubstr("needs no smolvm"));
  EXPECT_EQ(Refusal(PackerKind::kSmolvm), "SMOLVM_NOT_FOUND");
  EXPECT_EQ(Refusal(PackerKind::kPush), "SMOLVM_NOT_FOUND");
}

TEST_F(PackersTest, AReaderThatIsKnownGetsTheEmbeddedOne) {
  Install("1.32.2", true);
  const Packer packer = Choose(PackerKind::kAuto);
  EXPECT_EQ(packer.kind, PackerKind::kNative);
  EXPECT_THAT(packer.reason, HasSubstr("smolvm 1.32.2"));
}

TEST_F(PackersTest, AReaderThatIsNotKnownPacksItself) {
  Install("2.0.0", true);
  EXPECT_EQ(Choose(PackerKind::kAuto).kind, PackerKind::kSmolvm);
  Install("0.5.12", false);
  EXPECT_EQ(Choose(PackerKind::kAuto).kind, PackerKind::kPush);
}

TEST_F(PackersTest, WhatIsAskedForCounts) {
  Install("1.32.2", true);
  EXPECT_EQ(Choose(PackerKind::kSmolvm).kind, PackerKind::kSmolvm);
  EXPECT_EQ(Choose(PackerKind::kPush).kind, PackerKind::kPush);
  EXPECT_EQ(Choose(PackerKind::kNative).reason, "it was asked for");
  EXPECT_EQ(Choose(PackerKind::kNative, PackerKind::kPush).kind,
            PackerKind::kNative);
  const Packer standard = Choose(PackerKind::kAuto, PackerKind::kPush);
  EXPECT_EQ(standard.kind, PackerKind::kPush);
  EXPECT_EQ(standard.reason, "it is the configured one");
}

TEST_F(PackersTest, ForeignOutputDependsOnTheRelease) {
  Install("1.32.2", true);
  const std::string one = Choose(PackerKind::kSmolvm).name;
  EXPECT_THAT(one, StartsWith("smolvm/"));
  EXPECT_THAT(one, HasSubstr("1.32.2"));
  EXPECT_NE(one, Choose(PackerKind::kPush).name);
  Install("1.33.0", true);
  EXPECT_NE(one, Choose(PackerKind::kSmolvm).name);
}

TEST_F(PackersTest, AnOldOneTakesNoArchives) {
  Install("1.9.3", false);
  EXPECT_EQ(Refusal(PackerKind::kSmolvm), "SMOLVM_TAKES_NO_ARCHIVES");
  EXPECT_EQ(Choose(PackerKind::kPush).kind, PackerKind::kPush);
}

}  // namespace
}  // namespace bottled
