// The leases of streams, and what a clock that jumps does to leases.

#include <unistd.h>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jobs/leases.h"
#include "jobs/leases_fixture.h"

namespace bottled {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::kHour;
using testing::LeaseReason;
using testing::ProcessLease;
using ::testing::SizeIs;
using testing::StreamLease;
using testing::TtlLease;
using ::testing::UnorderedElementsAre;

using StreamLeasesTest = testing::LeasesFixture;

TEST_F(StreamLeasesTest, AStreamHoldsWhileItIsOpenAndItsGraceLonger) {
  const ArtifactLease lease = MustAcquire(StreamLease());
  EXPECT_EQ(lease.expires_ms, 0);
  const auto attached = leases_.Attach(lease.id);
  ASSERT_TRUE(attached.ok()) << attached.status();
  EXPECT_EQ(*attached, lease);
  // No time ends it.
  clock_.Advance(1000 * kHour);
  ASSERT_TRUE(leases_.Sweep().ok());
  EXPECT_THAT(Listed(), ElementsAre(lease));
  leases_.Detach(lease.id);
  clock_.Advance(Leases::kStreamGrace - std::chrono::milliseconds(1));
  ASSERT_TRUE(leases_.Sweep().ok());
  EXPECT_THAT(Listed(), ElementsAre(lease));
  EXPECT_THAT(Rows(), SizeIs(1));
  clock_.Advance(std::chrono::milliseconds(1));
  EXPECT_THAT(Listed(), IsEmpty());
  EXPECT_EQ(LeaseReason(leases_.Attach(lease.id).status()), "LEASE_NOT_FOUND");
  ASSERT_TRUE(leases_.Sweep().ok());
  EXPECT_THAT(Rows(), IsEmpty());
}

TEST_F(StreamLeasesTest, AStreamLeaseThatNoStreamComesForEnds) {
  MustAcquire(StreamLease());
  clock_.Advance(Leases::kStreamGrace);
  EXPECT_THAT(Listed(), IsEmpty());
}

// The server has not noticed yet that the old connection broke.
TEST_F(StreamLeasesTest, TwoStreamsMayOverlap) {
  const ArtifactLease lease = MustAcquire(StreamLease());
  ASSERT_TRUE(leases_.Attach(lease.id).ok());
  ASSERT_TRUE(leases_.Attach(lease.id).ok());
  leases_.Detach(lease.id);
  clock_.Advance(kHour);
  EXPECT_THAT(Listed(), ElementsAre(lease));
  leases_.Detach(lease.id);
  clock_.Advance(Leases::kStreamGrace);
  EXPECT_THAT(Listed(), IsEmpty());
}

TEST_F(StreamLeasesTest, AStreamComesBackAfterARestart) {
  const ArtifactLease lease = MustAcquire(StreamLease());
  const ArtifactLease other = MustAcquire(StreamLease());
  ASSERT_TRUE(leases_.Attach(lease.id).ok());
  Leases next(*index_, clock_);
  clock_.Advance(Leases::kReattach - std::chrono::milliseconds(1));
  ASSERT_TRUE(next.Sweep().ok());
  ASSERT_TRUE(next.Attach(lease.id).ok());
  clock_.Advance(std::chrono::milliseconds(1));
  ASSERT_TRUE(next.Sweep().ok());
  EXPECT_THAT(RowIds(), ElementsAre(lease.id));
  EXPECT_EQ(LeaseReason(next.Attach(other.id).status()), "LEASE_NOT_FOUND");
  // From then on it is like any other.
  next.Detach(lease.id);
  clock_.Advance(Leases::kStreamGrace);
  ASSERT_TRUE(next.Sweep().ok());
  EXPECT_THAT(Rows(), IsEmpty());
}

TEST_F(StreamLeasesTest, OnlyAStreamLeaseIsAttached) {
  const ArtifactLease lease = MustAcquire(TtlLease(kHour));
  const ArtifactLease process = MustAcquire(ProcessLease(::getpid()));
  EXPECT_EQ(LeaseReason(leases_.Attach(lease.id).status()), "BAD_LEASE");
  EXPECT_EQ(LeaseReason(leases_.Attach(process.id).status()), "BAD_LEASE");
  EXPECT_EQ(LeaseReason(leases_.Attach("nothing").status()), "LEASE_NOT_FOUND");
  leases_.Detach("nothing");
  const ArtifactLease stream = MustAcquire(StreamLease());
  EXPECT_EQ(LeaseReason(leases_.Renew(stream.id, kHour).status()), "BAD_LEASE");
}

TEST_F(StreamLeasesTest, AReleaseEndsAStreamLeaseThatIsAttached) {
  const ArtifactLease lease = MustAcquire(StreamLease());
  ASSERT_TRUE(leases_.Attach(lease.id).ok());
  EXPECT_TRUE(leases_.Exists(lease.id).value_or(false));
  ASSERT_TRUE(leases_.Release(lease.id).ok());
  EXPECT_FALSE(leases_.Exists(lease.id).value_or(true));
  leases_.Detach(lease.id);
  EXPECT_EQ(LeaseReason(leases_.Attach(lease.id).status()), "LEASE_NOT_FOUND");
  EXPECT_THAT(Rows(), IsEmpty());
}

// The clock is set, or the machine sleeps: no lease ends early or lasts longer.
TEST_F(StreamLeasesTest, AJumpOfTheClockMovesTheEnds) {
  const std::chrono::milliseconds year = 365 * 24 * kHour;
  for (const std::chrono::milliseconds jump :
       {year, -year, 8 * kHour, -8 * kHour}) {
    const ArtifactLease lease = MustAcquire(TtlLease(kHour));
    const ArtifactLease stream = MustAcquire(StreamLease());
    ASSERT_TRUE(leases_.Attach(stream.id).ok());
    clock_.Advance(kHour / 2);
    clock_.Jump(jump);
    ASSERT_TRUE(leases_.Sweep().ok());
    EXPECT_THAT(RowIds(), UnorderedElementsAre(lease.id, stream.id));
    // The index, which goes by the time of day, agrees.
    const auto holders =
        index_->DeleteArtifactUnlessHeld(artifact_, "EVICTED", clock_.NowMs());
    ASSERT_TRUE(holders.ok()) << holders.status();
    EXPECT_THAT(*holders, SizeIs(2));
    clock_.Advance(kHour / 2 - std::chrono::milliseconds(1));
    EXPECT_THAT(Listed(), SizeIs(2));
    clock_.Advance(std::chrono::milliseconds(1));
    leases_.Detach(stream.id);
    EXPECT_THAT(Listed(), ElementsAre(stream));
    ASSERT_TRUE(leases_.Release(stream.id).ok());
    ASSERT_TRUE(leases_.Sweep().ok());
    EXPECT_THAT(Rows(), IsEmpty());
  }
}

TEST_F(StreamLeasesTest, ARenewalAfterAJumpCountsOnce) {
  const ArtifactLease lease = MustAcquire(TtlLease(kHour));
  clock_.Jump(1000 * kHour);
  ASSERT_TRUE(leases_.Renew(lease.id, kHour).ok());
  clock_.Advance(kHour - std::chrono::milliseconds(1));
  EXPECT_THAT(Listed(), SizeIs(1));
  clock_.Advance(std::chrono::milliseconds(1));
  EXPECT_THAT(Listed(), IsEmpty());
}

}  // namespace
}  // namespace bottled
