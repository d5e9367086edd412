#include "jobs/disk_watch.h"

#include <chrono>
#include <memory>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jobs/collection_fixture.h"

namespace bottled {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

class DiskWatchTest : public testing::CollectionFixture {
 protected:
  void Watch() {
    watch_ =
        std::make_unique<DiskWatch>(DiskWatch::Deps{.admission = *admission_,
                                                    .collector = *collector_,
                                                    .disk = *disk_,
                                                    .clock = clock_},
                                    DiskWatch::Options{});
  }
  void Tick() { watch_->Tick(CancelToken()); }

  std::unique_ptr<DiskWatch> watch_;
};

TEST_F(DiskWatchTest, CollectsAfterAPublicationButNotTooOften) {
  Use({.max_bytes = 2 * kBytes, .min_free_bytes = 1});
  PublishDaily({"a", "b", "c"});
  Watch();
  admission_->NotePublished();
  Tick();
  // Whoever held something has a minute to say so again.
  EXPECT_THAT(Left(), SizeIs(3));
  clock_.Advance(std::chrono::minutes(1));
  Tick();
  EXPECT_THAT(Left(), ElementsAre("c"));
  Publish("d");
  clock_.Advance(std::chrono::hours(24));
  Publish("e");
  clock_.Advance(std::chrono::hours(24));
  // Nobody said so.
  Tick();
  EXPECT_THAT(Left(), SizeIs(3));
  admission_->NotePublished();
  Tick();
  EXPECT_THAT(Left(), ElementsAre("e"));
  Use({.max_bytes = 1, .min_free_bytes = 1});
  Watch();
  clock_.Advance(std::chrono::minutes(1));
  admission_->NotePublished();
  Tick();
  EXPECT_THAT(Left(), SizeIs(0));
  PublishDaily({"f"});
  admission_->NotePublished();
  Tick();
  EXPECT_THAT(Left(), SizeIs(0));
  Publish("g");
  clock_.Advance(std::chrono::seconds(1));
  admission_->NotePublished();
  Tick();
  EXPECT_THAT(Left(), ElementsAre("g"));
}

TEST_F(DiskWatchTest, MakesRoomOnAFullDiskAtOnce) {
  PublishDaily({"a", "b", "c"});
  Watch();
  room_ = 3 * kBytes;
  disk_->NoteFull("full");
  Tick();
  EXPECT_THAT(Left(), ElementsAre("c", "b"));
  // The real disk has room: it is over.
  EXPECT_FALSE(disk_->full());
}

TEST_F(DiskWatchTest, LooksAtTheDiskWhileJobsRun) {
  Watch();
  const auto ticket = Admit("job", 1);
  ASSERT_TRUE(ticket.ok()) << ticket.status();
  room_ = 0;
  Tick();
  ASSERT_THAT(stopped_, SizeIs(1));
  EXPECT_EQ(stopped_[0].first, "job");
}

}  // namespace
}  // namespace bottled
