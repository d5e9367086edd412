#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jobs/service_fixture.h"

namespace bottled {
namespace {

using testing::MakeSmallArchive;
using testing::NamesIn;

class ArtifactsTest : public testing::ServiceFixture {
 protected:
  ArtifactRecord MakeOne(const std::string& content = "hello") {
    return Make(Archive(WriteFile(content, MakeSmallArchive(content))));
  }
  // Damages one byte as a failing disk would: nothing else tells of it.
  void FlipByte(const ArtifactRecord& record, int64_t offset) {
    const std::filesystem::path path = objects_->Path(record);
    struct stat before{};
    ASSERT_EQ(::stat(path.c_str(), &before), 0);
    ASSERT_EQ(::chmod(path.c_str(), 0600), 0);
    const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
    ASSERT_GE(fd, 0);
    char byte = 0;
    ASSERT_EQ(::pread(fd, &byte, 1, offset), 1);
    byte = static_cast<char>(byte ^ 1);
    ASSERT_EQ(::pwrite(fd, &byte, 1, offset), 1);
    const timespec times[2] = {before.st_atim, before.st_mtim};
    ASSERT_EQ(::futimens(fd, times), 0);
    ::close(fd);
    ASSERT_EQ(::chmod(path.c_str(), before.st_mode & 07777), 0);
  }
  std::string Reason(const absl::Status& status) {
    return status.ok() ? "OK" : GetErrorDetail(status).reason;
  }
};

TEST_F(ArtifactsTest, AreFoundByDigestAndPrefix) {
  const ArtifactRecord made = MakeOne();
  const std::string& hex = made.digest.hex();
  for (const std::string& name :
       {made.digest.ToString(), hex, hex.substr(0, 6), hex.substr(0, 40),
        "sha256:" + hex.substr(0, 12)}) {
    const auto found = service_->FindArtifact(name);
    ASSERT_TRUE(found.ok()) << name << ": " << found.status();
    EXPECT_EQ(found->digest, made.digest);
  }
  for (const std::string& name :
       {std::string(), std::string("sha256:"), hex.substr(0, 5), hex + "0",
        std::string("000000"), std::string("zzzzzz"), std::string("%_%_%_"),
        "sha512:" + hex}) {
    EXPECT_EQ(Reason(service_->FindArtifact(name).status()),
              "ARTIFACT_NOT_FOUND")
        << name;
  }
}

TEST_F(ArtifactsTest, AnAmbiguousPrefixIsRefused) {
  ArtifactRecord record = MakeOne();
  for (const char last : {'1', '2'}) {
    record.digest = Digest::FromHex(std::string(63, 'a') + last);
    record.content_key = Sha256Of(std::string(1, last));
    ASSERT_TRUE(index_->InsertArtifact(record, "", 1).ok());
  }
  EXPECT_EQ(Reason(service_->FindArtifact("aaaaaa").status()),
            "ARTIFACT_AMBIGUOUS");
  EXPECT_TRUE(service_->FindArtifact(std::string(63, 'a') + "1").ok());
}

TEST_F(ArtifactsTest, RemovalTakesRowAndFile) {
  const ArtifactRecord made = MakeOne();
  const auto removed = service_->RemoveArtifact(made.digest.hex());
  ASSERT_TRUE(removed.ok()) << removed.status();
  EXPECT_EQ(removed->digest, made.digest);
  EXPECT_FALSE(std::filesystem::exists(objects_->Path(made)));
  EXPECT_EQ(ArtifactCount(), 0);
  EXPECT_EQ(Reason(service_->RemoveArtifact(made.digest.hex()).status()),
            "ARTIFACT_NOT_FOUND");
}

TEST_F(ArtifactsTest, SoundOnesVerify) {
  const ArtifactRecord made = MakeOne();
  for (const VerifyDepth depth :
       {VerifyDepth::kChecksums, VerifyDepth::kDeep}) {
    const auto verified =
        service_->Verify(made.digest.hex(), depth, CancelToken());
    ASSERT_TRUE(verified.ok()) << verified.status();
    EXPECT_TRUE(verified->problem.ok()) << verified->problem;
    EXPECT_FALSE(verified->quarantined);
    EXPECT_EQ(verified->report.digest, made.digest);
    EXPECT_EQ(verified->report.bytes_read, made.size_bytes);
    if (depth == VerifyDepth::kDeep) {
      EXPECT_EQ(verified->report.entry_count, made.entry_count);
      EXPECT_GT(verified->report.bytes_decoded, 0);
    }
  }
}

TEST_F(ArtifactsTest, DamageIsFoundAndMovedAway) {
  // In the data, in the manifest, in the footer.
  const int64_t size = MakeOne().size_bytes;
  for (const int64_t offset : {int64_t{20}, size - 100, size - 30}) {
    const ArtifactRecord made = MakeOne();
    FlipByte(made, offset);
    const auto verified = service_->Verify(
        made.digest.hex(), VerifyDepth::kChecksums, CancelToken());
    ASSERT_TRUE(verified.ok()) << verified.status();
    EXPECT_FALSE(verified->problem.ok()) << "offset " << offset;
    EXPECT_TRUE(verified->quarantined) << verified->problem;
    EXPECT_EQ(ArtifactCount(), 0);
    EXPECT_FALSE(std::filesystem::exists(objects_->Path(made)));
    EXPECT_FALSE(NamesIn(index_.places().quarantine()).empty());
    // It is made again, and not taken from the cache.
    EXPECT_EQ(MakeOne().digest, made.digest);
  }
}

TEST_F(ArtifactsTest, ARestoredBackupVerifies) {
  const ArtifactRecord made = MakeOne();
  const std::filesystem::path path = objects_->Path(made);
  std::filesystem::copy_file(path, path.native() + ".copy");
  std::filesystem::rename(path.native() + ".copy", path);
  const auto verified =
      service_->Verify(made.digest.hex(), VerifyDepth::kDeep, CancelToken());
  ASSERT_TRUE(verified.ok()) << verified.status();
  EXPECT_TRUE(verified->problem.ok()) << verified->problem;
  EXPECT_FALSE(verified->quarantined);
  EXPECT_NE(verified->record.inode, made.inode);
  EXPECT_EQ(ArtifactCount(), 1);
}

TEST_F(ArtifactsTest, ACancelledVerificationIsNoDamage) {
  const ArtifactRecord made = MakeOne();
  CancelSource cancel;
  cancel.Cancel();
  const auto verified = service_->Verify(
      made.digest.hex(), VerifyDepth::kChecksums, cancel.token());
  EXPECT_EQ(verified.status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(ArtifactCount(), 1);
}

TEST_F(ArtifactsTest, AMissingFileIsAProblemOfTheArtifact) {
  const ArtifactRecord made = MakeOne();
  ASSERT_TRUE(std::filesystem::remove(objects_->Path(made)));
  const auto verified = service_->Verify(
      made.digest.hex(), VerifyDepth::kChecksums, CancelToken());
  ASSERT_TRUE(verified.ok()) << verified.status();
  EXPECT_FALSE(verified->problem.ok());
  EXPECT_FALSE(verified->quarantined);
  EXPECT_EQ(Reason(service_->Verify("aaaaaa", VerifyDepth::kDeep, CancelToken())
                       .status()),
            "ARTIFACT_NOT_FOUND");
}

}  // namespace
}  // namespace bottled
