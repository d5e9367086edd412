#include "jobs/leases.h"

#include <unistd.h>

#include <filesystem>
#include <limits>
#include <optional>

#include "base/error.h"
#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jobs/errors.h"
#include "jobs/leases_fixture.h"
#include "jobs/tools.h"
#include "platform/instance_lock.h"
#include "platform/process.h"
#include "platform/process_identity.h"
#include "store/sqlite.h"

namespace bottled {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kHour;
using testing::LeaseReason;
using testing::ProcessLease;
using ::testing::SizeIs;
using testing::TtlLease;
using ::testing::UnorderedElementsAre;

std::optional<Process> StartSleeper() {
  absl::StatusOr<Process> process =
      Process::Start({.argv = {"sleep", "600"}, .env = {"PATH=/usr/bin:/bin"}});
  EXPECT_TRUE(process.ok()) << process.status();
  return process.ok() ? std::optional<Process>(*std::move(process))
                      : std::nullopt;
}

using LeasesTest = testing::LeasesFixture;

TEST_F(LeasesTest, ATtlLeaseCountsUntilItsEnd) {
  const ArtifactLease lease = MustAcquire(TtlLease(kHour));
  EXPECT_THAT(lease.id, SizeIs(32));
  EXPECT_EQ(lease.artifact, artifact_);
  EXPECT_EQ(lease.holder, "smolvm box");
  EXPECT_EQ(lease.created_ms, clock_.NowMs());
  EXPECT_EQ(lease.expires_ms, clock_.NowMs() + kHour.count());
  EXPECT_THAT(Listed(), ElementsAre(lease));
  clock_.Advance(kHour - std::chrono::milliseconds(1));
  EXPECT_THAT(Listed(), ElementsAre(lease));
  clock_.Advance(std::chrono::milliseconds(1));
  EXPECT_THAT(Listed(), IsEmpty());
}

TEST_F(LeasesTest, RefusesWhatNoLeaseCanBe) {
  using std::chrono::milliseconds;
  EXPECT_EQ(AcquireReason(TtlLease(milliseconds(1000))), "OK");
  EXPECT_EQ(AcquireReason(TtlLease(24 * kHour)), "OK");
  EXPECT_EQ(AcquireReason(TtlLease(kHour, std::string(256, 'x'))), "OK");
  for (const LeaseSpec& spec :
       {TtlLease(milliseconds(999)), TtlLease(milliseconds(0)),
        TtlLease(milliseconds(-1)), TtlLease(24 * kHour + milliseconds(1)),
        TtlLease(milliseconds::max()), TtlLease(milliseconds::min()),
        TtlLease(kHour, ""), TtlLease(kHour, std::string(257, 'x'))}) {
    EXPECT_EQ(AcquireReason(spec), "BAD_LEASE")
        << spec.ttl.count() << " " << spec.holder;
  }
  for (const int64_t pid : {int64_t{0}, int64_t{-1}, -int64_t{::getpid()},
                            // An int of these is this process.
                            int64_t{::getpid()} + (int64_t{1} << 32),
                            int64_t{std::numeric_limits<int>::max()},
                            std::numeric_limits<int64_t>::max(),
                            std::numeric_limits<int64_t>::min()}) {
    EXPECT_EQ(AcquireReason(ProcessLease(pid)), "BAD_LEASE") << pid;
  }
  EXPECT_THAT(Rows(), SizeIs(3));
}

TEST_F(LeasesTest, AnArtifactThatIsGoneIsNotFound) {
  const Digest other = Sha256Of("other");
  EXPECT_EQ(LeaseReason(leases_.Acquire(other, TtlLease(kHour)).status()),
            "ARTIFACT_NOT_FOUND");
  EXPECT_EQ(LeaseReason(leases_.Pin(other, "")), "ARTIFACT_NOT_FOUND");
  EXPECT_THAT(Rows(), IsEmpty());
}

TEST_F(LeasesTest, RenewalCountsFromNow) {
  const ArtifactLease lease = MustAcquire(TtlLease(kHour));
  clock_.Advance(kHour / 2);
  const auto renewed = leases_.Renew(lease.id, kHour);
  ASSERT_TRUE(renewed.ok()) << renewed.status();
  EXPECT_EQ(renewed->expires_ms, clock_.NowMs() + kHour.count());
  EXPECT_EQ(renewed->created_ms, lease.created_ms);
  EXPECT_THAT(Listed(), ElementsAre(*renewed));
  // Also to less than it had.
  ASSERT_TRUE(leases_.Renew(lease.id, std::chrono::seconds(1)).ok());
  clock_.Advance(std::chrono::seconds(1));
  EXPECT_THAT(Listed(), IsEmpty());
}

TEST_F(LeasesTest, OnlyATtlLeaseThatRunsIsRenewed) {
  const ArtifactLease lease = MustAcquire(TtlLease(kHour));
  const ArtifactLease process = MustAcquire(ProcessLease(::getpid()));
  const auto reason = [&](const std::string& id,
                          std::chrono::milliseconds ttl) {
    return LeaseReason(leases_.Renew(id, ttl).status());
  };
  EXPECT_EQ(reason(lease.id, std::chrono::milliseconds(0)), "BAD_LEASE");
  EXPECT_EQ(reason(lease.id, 25 * kHour), "BAD_LEASE");
  EXPECT_EQ(reason(process.id, kHour), "BAD_LEASE");
  EXPECT_EQ(reason("nothing", kHour), "LEASE_NOT_FOUND");
  EXPECT_EQ(reason("", kHour), "LEASE_NOT_FOUND");
  clock_.Advance(kHour);
  // Its row is still there.
  EXPECT_THAT(Rows(), SizeIs(2));
  EXPECT_EQ(reason(lease.id, kHour), "LEASE_NOT_FOUND");
}

TEST_F(LeasesTest, AReleasedLeaseIsGone) {
  const ArtifactLease lease = MustAcquire(TtlLease(kHour));
  const ArtifactLease other = MustAcquire(TtlLease(kHour, "another"));
  EXPECT_NE(lease.id, other.id);
  EXPECT_TRUE(leases_.Release(lease.id).ok());
  EXPECT_THAT(Listed(), ElementsAre(other));
  EXPECT_EQ(LeaseReason(leases_.Release(lease.id)), "LEASE_NOT_FOUND");
  EXPECT_EQ(LeaseReason(leases_.Renew(lease.id, kHour).status()),
            "LEASE_NOT_FOUND");
}

TEST_F(LeasesTest, AProcessHoldsUntilItHasEnded) {
  std::optional<Process> sleeper = StartSleeper();
  ASSERT_TRUE(sleeper.has_value());
  const ArtifactLease own = MustAcquire(ProcessLease(::getpid()));
  const ArtifactLease lease = MustAcquire(ProcessLease(sleeper->pid()));
  EXPECT_EQ(lease.pid, sleeper->pid());
  EXPECT_EQ(lease.identity, LookAtProcess(sleeper->pid()).identity);
  EXPECT_EQ(lease.expires_ms, 0);
  // No time ends it.
  clock_.Advance(1000 * kHour);
  ASSERT_TRUE(leases_.Sweep().ok());
  EXPECT_THAT(Listed(), UnorderedElementsAre(own, lease));
  sleeper->Stop(std::chrono::milliseconds(0));
  EXPECT_THAT(Listed(), ElementsAre(own));
  EXPECT_THAT(Rows(), SizeIs(2));
  ASSERT_TRUE(leases_.Sweep().ok());
  EXPECT_THAT(Rows(), ElementsAre(own));
}

TEST_F(LeasesTest, ALaterProcessOfThatNumberHoldsNothing) {
  ArtifactLease lease{.id = "old",
                      .artifact = artifact_,
                      .kind = LeaseKind::kPid,
                      .holder = "somebody",
                      .created_ms = clock_.NowMs(),
                      .pid = ::getpid(),
                      .identity = "another boot"};
  ASSERT_TRUE(index_->AddLease(lease).ok());
  EXPECT_THAT(Listed(), IsEmpty());
  ASSERT_TRUE(leases_.Sweep().ok());
  EXPECT_THAT(Rows(), IsEmpty());
}

TEST_F(LeasesTest, SweepForgetsOnlyWhatHasEnded) {
  MustAcquire(TtlLease(std::chrono::seconds(1)));
  const ArtifactLease longer = MustAcquire(TtlLease(kHour));
  ASSERT_TRUE(leases_.Sweep().ok());
  EXPECT_THAT(Rows(), SizeIs(2));
  clock_.Advance(std::chrono::seconds(2));
  ASSERT_TRUE(leases_.Sweep().ok());
  EXPECT_THAT(Rows(), ElementsAre(longer));
}

TEST_F(LeasesTest, SweepForgetsATtlLeaseAtItsEnd) {
  AddRow("before", 99);
  AddRow("now", 100);
  AddRow("later", 101);
  const std::string process = MustAcquire(ProcessLease(::getpid())).id;
  SetNow(100);
  ASSERT_TRUE(leases_.Sweep().ok());
  EXPECT_THAT(RowIds(), UnorderedElementsAre("later", process));
  SetNow(int64_t{1} << 43);
  ASSERT_TRUE(leases_.Sweep().ok());
  EXPECT_THAT(RowIds(), ElementsAre(process));
}

TEST_F(LeasesTest, AClockThatWasSetBackMeanwhileMakesNoneLonger) {
  constexpr int64_t kEnd = 10 * kMaxLeaseMs;
  constexpr int64_t kStart = kEnd - kMaxLeaseMs;
  const std::string process = MustAcquire(ProcessLease(::getpid())).id;
  AddRow("x", kEnd);
  for (const int64_t now_ms : {kStart, kStart + 1, kEnd - 1}) {
    SetNow(now_ms);
    ASSERT_TRUE(Leases(*index_, clock_).Sweep().ok());
    EXPECT_THAT(RowIds(), UnorderedElementsAre("x", process)) << now_ms;
  }
  for (const int64_t now_ms : {int64_t{0}, kStart - 1, kEnd}) {
    SetNow(now_ms);
    ASSERT_TRUE(Leases(*index_, clock_).Sweep().ok());
    EXPECT_THAT(RowIds(), ElementsAre(process)) << now_ms;
    AddRow("x", kEnd);
  }
  // How far away it ends is beyond what an integer holds.
  AddRow("far", INT64_MAX);
  SetNow(-1);
  ASSERT_TRUE(Leases(*index_, clock_).Sweep().ok());
  EXPECT_THAT(RowIds(), ElementsAre(process));
}

TEST_F(LeasesTest, ThereIsALimitThatEndedOnesDoNotReach) {
  const testing::TempDir dir;
  const auto lock = InstanceLock::Acquire(dir.path() / "lock", "test");
  ASSERT_TRUE(lock.ok()) << lock.status();
  const std::filesystem::path path = dir.path() / "index.db";
  ASSERT_TRUE(Index::Open(path, *lock).ok());
  {
    // One by one they would take many seconds.
    absl::StatusOr<Database> database = Database::Open(path);
    ASSERT_TRUE(database.ok()) << database.status();
    const std::string hex = artifact_.hex();
    ASSERT_TRUE(
        database
            ->Execute(fmt::format(
                "INSERT INTO content_key(key, inputs) VALUES('{0}', '');"
                "INSERT INTO artifact(digest, content_key, size_bytes, "
                "unpacked_bytes, "
                "entry_count, platform, config_digest, layer_digest, packer, "
                "created_ms, "
                "last_used_ms, notes, device, inode, mtime_ns) "
                "VALUES('{0}', '{0}', 1, 1, 1, '', '{0}', "
                "'{0}', '', 1, 1, '[]', 1, 1, 1);"
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
                " WHERE i < 10000) INSERT INTO lease SELECT 'l' || i, '{0}', "
                "'ttl', 'somebody', {1}, {1} + 1000, 0, '' FROM n",
                hex, clock_.NowMs()))
            .ok());
  }
  const auto index = Index::Open(path, *lock);
  ASSERT_TRUE(index.ok()) << index.status();
  Leases leases(**index, clock_);
  EXPECT_EQ(LeaseReason(leases.Acquire(artifact_, TtlLease(kHour)).status()),
            "TOO_MANY_LEASES");
  ASSERT_TRUE(leases.Release("l1").ok());
  EXPECT_TRUE(leases.Acquire(artifact_, TtlLease(kHour)).ok());
  EXPECT_EQ(LeaseReason(leases.Acquire(artifact_, TtlLease(kHour)).status()),
            "TOO_MANY_LEASES");
  clock_.Advance(std::chrono::seconds(2));
  EXPECT_TRUE(leases.Acquire(artifact_, TtlLease(kHour)).ok());
  const auto rows = (*index)->ListLeases();
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_THAT(*rows, SizeIs(2));
}

TEST_F(LeasesTest, APinLastsUntilItIsTakenAway) {
  ASSERT_TRUE(leases_.Pin(artifact_, "the demo").ok());
  ASSERT_TRUE(leases_.Pin(artifact_, std::string(256, 'x')).ok());
  EXPECT_EQ(LeaseReason(leases_.Pin(artifact_, std::string(257, 'x'))),
            "BAD_LEASE");
  const auto pins = index_->ListPins();
  ASSERT_TRUE(pins.ok()) << pins.status();
  EXPECT_THAT(*pins, ElementsAre(ArtifactPin{.artifact = artifact_,
                                             .note = std::string(256, 'x'),
                                             .created_ms = clock_.NowMs()}));
  EXPECT_EQ(leases_.Unpin(artifact_).value_or(false), true);
  EXPECT_EQ(leases_.Unpin(artifact_).value_or(true), false);
}

TEST_F(LeasesTest, TheErrorNamesEveryHolder) {
  const absl::Status held = ArtifactHeld(
      artifact_, {"pinned: the demo", "leased by smolvm (process 7)"});
  EXPECT_EQ(held.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(LeaseReason(held), "ARTIFACT_HELD");
  for (const std::string& part :
       {artifact_.ToString(), std::string("pinned: the demo"),
        std::string("leased by smolvm (process 7)")}) {
    EXPECT_THAT(std::string(held.message()), HasSubstr(part));
  }
  EXPECT_THAT(GetErrorDetail(held).remedy, HasSubstr("--force"));
}

}  // namespace
}  // namespace bottled
