// What the change feed hears of artifacts.

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jobs/change_feed.h"
#include "jobs/service_fixture.h"

namespace bottled {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::MakeSmallArchive;

class ArtifactChangesTest : public testing::ServiceFixture {
 protected:
  ArtifactChangesTest() {
    service_ = std::make_unique<PackService>(
        PackService::Deps{.engines = engines_,
                          .engine_objects = engine_objects_,
                          .registries = registries_,
                          .packers = packers_,
                          .leases = leases_,
                          .index = *index_,
                          .objects = *objects_,
                          .scheduler = *scheduler_,
                          .uploads = uploads_,
                          .clock = Clock::System(),
                          .changes = &feed_},
        PackService::Options{.limits = {}, .packer_threads = 1});
  }
  // Running jobs know the feed.
  ~ArtifactChangesTest() override { scheduler_.reset(); }

  ArtifactRecord MakeOne() {
    return Make(Archive(WriteFile("one", MakeSmallArchive("hello"))));
  }
  // "+sha256:…" and "-sha256:…" since the last call.
  std::vector<std::string> Told() {
    const ChangeFeed::Batch batch = feed_.Since(cursor_, 1000);
    cursor_ = batch.cursor;
    std::vector<std::string> told;
    for (const Change& change : batch.changes) {
      told.push_back((change.kind == ChangeKind::kArtifactAdded ? "+" : "-") +
                     change.id);
    }
    return told;
  }

  ChangeFeed feed_{Clock::System()};
  int64_t cursor_ = feed_.last_seq();
};

TEST_F(ArtifactChangesTest, TellsWhatComesAndGoes) {
  const ArtifactRecord made = MakeOne();
  const std::string name = made.digest.ToString();
  EXPECT_THAT(Told(), ElementsAre("+" + name));
  // A hit changes nothing.
  EXPECT_EQ(MakeOne().digest, made.digest);
  EXPECT_THAT(Told(), IsEmpty());
  ASSERT_TRUE(service_->RemoveArtifact(made.digest.hex()).ok());
  EXPECT_THAT(Told(), ElementsAre("-" + name));
  EXPECT_FALSE(service_->RemoveArtifact(made.digest.hex()).ok());
  EXPECT_THAT(Told(), IsEmpty());
}

TEST_F(ArtifactChangesTest, TellsOfAFileThatVanished) {
  const ArtifactRecord made = MakeOne();
  const std::string name = made.digest.ToString();
  Told();
  ASSERT_TRUE(std::filesystem::remove(objects_->Path(made)));
  EXPECT_EQ(MakeOne().digest, made.digest);
  EXPECT_THAT(Told(), ElementsAre("-" + name, "+" + name));
  ASSERT_TRUE(std::filesystem::remove(objects_->Path(made)));
  ASSERT_TRUE(
      service_
          ->Verify(made.digest.hex(), VerifyDepth::kChecksums, CancelToken())
          .ok());
  EXPECT_THAT(Told(), ElementsAre("-" + name));
}

TEST_F(ArtifactChangesTest, TellsOfDamage) {
  const ArtifactRecord made = MakeOne();
  const std::string name = made.digest.ToString();
  Told();
  std::filesystem::permissions(objects_->Path(made),
                               std::filesystem::perms::owner_all);
  std::filesystem::resize_file(objects_->Path(made), made.size_bytes - 1);
  const auto verified = service_->Verify(
      made.digest.hex(), VerifyDepth::kChecksums, CancelToken());
  ASSERT_TRUE(verified.ok()) << verified.status();
  EXPECT_TRUE(verified->quarantined);
  EXPECT_THAT(Told(), ElementsAre("-" + name));
}

}  // namespace
}  // namespace bottled
