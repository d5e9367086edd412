#include "jobs/admission.h"

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jobs/collection_fixture.h"

namespace bottled {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class AdmissionTest : public testing::CollectionFixture {};

TEST_F(AdmissionTest, ReservationsAddUpAndEnd) {
  auto one = Admit("one", 30'000);
  ASSERT_TRUE(one.ok()) << one.status();
  auto two = Admit("two", 20'000);
  ASSERT_TRUE(two.ok()) << two.status();
  EXPECT_EQ(admission_->count(), 2);
  EXPECT_EQ(admission_->reserved_bytes(), 50'000);
  one->reset();
  EXPECT_EQ(admission_->reserved_bytes(), 20'000);
  two->reset();
  EXPECT_EQ(admission_->count(), 0);
}

// To the byte: what is free, without all reservations, is min_free.
TEST_F(AdmissionTest, TheLastByteCounts) {
  room_ = 50'000;
  EXPECT_TRUE(Admit("fits", 49'000).ok());
  const auto none = Admit("none", 49'001);
  EXPECT_TRUE(HasReason(none.status(), "DISK_FULL")) << none.status();
}

TEST_F(AdmissionTest, AnUnknownSizeIsAShareOfASmallDisk) {
  const auto ticket = Admit("job", 0);
  ASSERT_TRUE(ticket.ok()) << ticket.status();
  EXPECT_EQ(admission_->reserved_bytes(), 1'000'000 / 16);
}

TEST_F(AdmissionTest, CollectsAsMuchAsIsMissing) {
  PublishDaily({"a", "b", "c", "d"});
  room_ = 10'000;
  // 6000 are free, 1000 of them for good.
  const auto ticket = Admit("job", 6500);
  ASSERT_TRUE(ticket.ok()) << ticket.status();
  EXPECT_THAT(Left(), ElementsAre("d", "c"));
}

// Nothing goes for a job that has no room all the same.
TEST_F(AdmissionTest, AHopelessJobCostsNothing) {
  const auto made = PublishDaily({"a", "b", "c"});
  ASSERT_TRUE(leases_.Pin(made[0].digest, "").ok());
  room_ = 10'000;
  const auto none = Admit("job", 9000);
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(HasReason(none.status(), "DISK_FULL")) << none.status();
  const std::string message(none.status().message());
  EXPECT_THAT(message, HasSubstr("may need 8.79 KiB"));
  EXPECT_THAT(message, HasSubstr("the disk has 6.84 KiB"));
  EXPECT_THAT(message, HasSubstr("0 B are reserved"));
  EXPECT_NE(GetErrorDetail(none.status()).remedy, "");
  EXPECT_THAT(Left(), SizeIs(3));
  EXPECT_EQ(admission_->count(), 0);
  // Two of the three are not enough for this one, but for that.
  EXPECT_TRUE(Admit("job", 8000).ok());
  EXPECT_THAT(Left(), ElementsAre("a"));
}

TEST_F(AdmissionTest, WaitsForRoomThatOthersReserved) {
  room_ = 10'000;
  auto first = Admit("first", 6000);
  ASSERT_TRUE(first.ok()) << first.status();
  absl::StatusOr<std::unique_ptr<Admission::Ticket>> second;
  std::atomic<bool> told = false;
  std::thread waiter([&] {
    second = admission_->Admit(
        {.job_id = "second",
         .bytes = 6000,
         .stop = [](const absl::Status&) {},
         .tell = [&told](const std::string&) { told = true; }},
        CancelToken());
  });
  EXPECT_TRUE(testing::WaitUntil([&] { return told.load(); }));
  EXPECT_EQ(admission_->count(), 1);
  first->reset();
  waiter.join();
  EXPECT_TRUE(second.ok()) << second.status();
}

TEST_F(AdmissionTest, AWaitHasAnEnd) {
  room_ = 10'000;
  const auto first = Admit("first", 6000);
  ASSERT_TRUE(first.ok()) << first.status();
  CancelSource cancel;
  const auto admit = [&](const CancelToken& token,
                         std::function<void(const std::string&)> tell) {
    return admission_
        ->Admit({.job_id = "second",
                 .bytes = 6000,
                 .stop = [](const absl::Status&) {},
                 .tell = std::move(tell)},
                token)
        .status();
  };
  const absl::Status cancelled =
      admit(cancel.token(), [&](const std::string&) { cancel.Cancel(); });
  EXPECT_TRUE(HasReason(cancelled, "CANCELLED")) << cancelled;
  const absl::Status late = admit(CancelToken(), [&](const std::string&) {
    clock_.Advance(std::chrono::minutes(1));
  });
  EXPECT_TRUE(HasReason(late, "DISK_FULL")) << late;
  EXPECT_THAT(std::string(late.message()), HasSubstr("are reserved for other"));
}

TEST_F(AdmissionTest, AFullDiskTakesNoJobs) {
  disk_->NoteFull("full");
  EXPECT_TRUE(HasReason(admission_->Check(), "DISK_FULL"));
  EXPECT_TRUE(HasReason(Admit("job", 1).status(), "DISK_FULL"));
  ASSERT_TRUE(disk_->TryToLeave());
  EXPECT_TRUE(admission_->Check().ok());
  EXPECT_TRUE(Admit("job", 1).ok());
}

TEST_F(AdmissionTest, InodesCountToo) {
  free_files_ = 999;
  const auto none = Admit("job", 1);
  EXPECT_TRUE(HasReason(none.status(), "DISK_FULL")) << none.status();
  EXPECT_THAT(std::string(none.status().message()), HasSubstr("999"));
  free_files_ = 1000;
  EXPECT_TRUE(Admit("job", 1).ok());
}

TEST_F(AdmissionTest, BelowTheFloorTheYoungestIsStopped) {
  const auto one = Admit("one", 1);
  auto warm = Admit("warm", 1, /*warm=*/true);
  auto two = Admit("two", 1);
  ASSERT_TRUE(one.ok() && warm.ok() && two.ok());
  admission_->Watch();
  room_ = kBytes;
  admission_->Watch();
  EXPECT_THAT(stopped_, IsEmpty());
  room_ = kBytes - 1;
  admission_->Watch();
  ASSERT_THAT(stopped_, SizeIs(1));
  EXPECT_EQ(stopped_[0].first, "warm");
  EXPECT_TRUE(HasReason(stopped_[0].second, "DISK_FULL")) << stopped_[0].second;
  // Its room is on its way back.
  admission_->Watch();
  EXPECT_THAT(stopped_, SizeIs(1));
  warm->reset();
  admission_->Watch();
  ASSERT_THAT(stopped_, SizeIs(2));
  EXPECT_EQ(stopped_[1].first, "two");
  two->reset();
  room_ = kBytes;
  admission_->Watch();
  EXPECT_THAT(stopped_, SizeIs(2));
}

}  // namespace
}  // namespace bottled
