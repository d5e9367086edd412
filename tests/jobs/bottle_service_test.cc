#include "jobs/bottle_service.h"

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jobs/bottle_fixture.h"

namespace bottled {
namespace {

namespace fs = std::filesystem;

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::ReasonsIn;
using ::testing::StartsWith;

constexpr std::chrono::milliseconds kTick(1);

class BottleServiceTest : public testing::BottleServiceFixture {
 protected:
  // Commits with what the plan shall boot.
  absl::StatusOr<Plan> TryBoot(const BottleQuery& query,
                               std::optional<std::string> artifact) {
    BottleDraft draft = bottles_->Draft(query).value();
    draft.artifact = std::move(artifact);
    return bottles_->Commit(std::move(draft), CancelToken());
  }
  ArtifactRecord MakeArtifact(const std::string& content) {
    return Make(
        Archive(WriteFile(content, testing::MakeSmallArchive(content))));
  }
};

// --- making and resuming -----------------------------------------------------

TEST_F(BottleServiceTest, ANewBottleHasARowAndFiles) {
  BottleQuery query = New();
  query.cwd = "/work/repo";
  query.copy_cwd = true;
  const Plan plan = Commit(query);
  const std::string slug = plan.identity.slug;
  EXPECT_TRUE(IsSlug(slug));
  EXPECT_THAT(slug, StartsWith("demo-"));
  EXPECT_EQ(plan.revision, 1);
  EXPECT_EQ(plan.directory, index_.places().bottle(slug));
  EXPECT_EQ(plan.cwd, "/work/repo");
  EXPECT_EQ(plan.started_ms, clock_.NowMs());
  EXPECT_TRUE(plan.addresses.docker_checked);
  EXPECT_FALSE(plan.artifact.has_value());
  EXPECT_THAT(plan.warnings, IsEmpty());
  ExpectFiles(plan);
  EXPECT_EQ(bottles_->PlanText(slug).value(), PlanJson(plan));

  const StoredBottle row = Row(slug);
  EXPECT_EQ(row.record.agent, "demo");
  EXPECT_EQ(row.record.home, home_.path().string());
  EXPECT_EQ(row.record.cwd, "/work/repo");
  EXPECT_TRUE(row.record.copy_cwd);
  EXPECT_EQ(row.record.backend, kBackend);
  EXPECT_EQ(row.record.compose_project, plan.identity.compose_project);
  EXPECT_THAT(row.record.bottles, ElementsAre("dev"));
  EXPECT_EQ(row.record.started_ms, clock_.NowMs());
  EXPECT_EQ(row.record.plan_revision, 1);
  EXPECT_EQ(row.record.plan_digest, PlanDigest(plan));
  EXPECT_EQ(row.record.manifest_digest, plan.manifest.digest);
  EXPECT_EQ(row.record.endpoint_mode, "") << "nobody chose it";
  EXPECT_EQ(row.record.planned_mode, "bridge");
  ASSERT_TRUE(row.lease.has_value());
  EXPECT_EQ(row.lease->state, LeaseState::kReserved);
  EXPECT_EQ(LeaseOf(slug), plan.addresses.subnet);
  EXPECT_EQ(row.lease->loopback, plan.addresses.loopback_ip.value);
  EXPECT_THAT(Changes(), ElementsAre("changed " + slug));

  const BottleView view = bottles_->Find(slug).value();
  EXPECT_EQ(view.record, row.record);
  EXPECT_EQ(view.directory, plan.directory);
}

TEST_F(BottleServiceTest, ResumingKeepsWhatDoesNotChange) {
  const Plan first = Commit(New());
  const int64_t started = clock_.NowMs();
  clock_.Advance(std::chrono::hours(1));
  const Plan second = Commit(Resume(first.identity.slug));
  EXPECT_EQ(second.identity.slug, first.identity.slug);
  EXPECT_EQ(second.addresses, first.addresses);
  EXPECT_EQ(second.revision, 1);
  EXPECT_EQ(second.started_ms, started);
  EXPECT_THAT(second.warnings, IsEmpty());
  EXPECT_EQ(PlanJson(second), PlanJson(first));
  ExpectFiles(second);
  EXPECT_EQ(Row(first.identity.slug).record.started_ms, started);
  EXPECT_EQ(Row(first.identity.slug).record.updated_ms, clock_.NowMs());
}

TEST_F(BottleServiceTest, BottlesAreListedAndApart) {
  const Plan first = Commit(New());
  clock_.Advance(kTick);
  const Plan second = Commit(New());
  EXPECT_NE(first.identity.slug, second.identity.slug);
  EXPECT_FALSE(first.addresses.subnet.Overlaps(second.addresses.subnet));
  EXPECT_NE(first.addresses.loopback_ip, second.addresses.loopback_ip);
  const std::vector<BottleView> all = bottles_->List().value();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].record.slug, second.identity.slug) << "newest first";
  EXPECT_EQ(all[1].directory, first.directory);
}

TEST_F(BottleServiceTest, AChangedManifestIsSaidOnce) {
  const std::string slug = Commit(New()).identity.slug;
  Bottle("dev", "env: {A: two}\nsupervise: true");
  const Plan changed = Commit(Resume(slug));
  EXPECT_THAT(ReasonsIn(changed.warnings), ElementsAre("MANIFEST_CHANGED"));
  EXPECT_EQ(changed.revision, 2);
  EXPECT_EQ(Row(slug).record.plan_revision, 2);
  ExpectFiles(changed);
  const Plan again = Commit(Resume(slug));
  EXPECT_THAT(again.warnings, IsEmpty());
  EXPECT_EQ(again.revision, 2);
  ExpectFiles(again);
}

TEST_F(BottleServiceTest, TheListOfBottlesIsTheBottlesOwn) {
  Bottle("other", "env: {A: other}");
  BottleQuery query = New();
  query.bottles = {"dev", "other"};
  const std::string chosen = Commit(query).identity.slug;
  const std::string plain = Commit(New()).identity.slug;
  Agent("demo", "bottle: other");
  for (const std::string& slug : {chosen, plain}) {
    EXPECT_THAT(Commit(Resume(slug)).warnings, IsEmpty()) << slug;
  }
  EXPECT_THAT(Row(chosen).record.bottles, ElementsAre("dev", "other"));
  EXPECT_THAT(Row(plain).record.bottles, ElementsAre("dev"));
}

TEST_F(BottleServiceTest, ACallersWarningsAreInThePlanAndItsFile) {
  BottleDraft draft = bottles_->Draft(New()).value();
  draft.warnings = {{.reason = "SAID_BY_CALLER", .message = "so it is"}};
  const Plan plan = bottles_->Commit(std::move(draft), CancelToken()).value();
  EXPECT_EQ(plan.warnings,
            (std::vector<Warning>{{"SAID_BY_CALLER", "so it is"}}));
  ExpectFiles(plan);
}

TEST_F(BottleServiceTest, FilesThatAreLostAreWrittenAgain) {
  const Plan plan = Commit(New());
  fs::remove_all(plan.directory);
  EXPECT_EQ(bottles_->PlanText(plan.identity.slug).value(), "");
  ExpectFiles(Commit(Resume(plan.identity.slug)));
}

TEST_F(BottleServiceTest, APreviewReservesAndWritesNothing) {
  const Plan example =
      bottles_->Preview(bottles_->Draft(New()).value(), CancelToken()).value();
  EXPECT_THAT(example.identity.slug, StartsWith("demo-"));
  ExpectNoBottle();
  const Plan made = Commit(New());
  const std::string slug = made.identity.slug;
  Changes();
  const StoredBottle row = Row(slug);
  Bottle("dev", "env: {A: two}");
  clock_.Advance(std::chrono::hours(1));
  SetNetworks({{"foreign", {made.addresses.subnet.ToString()}}});
  const auto preview = [&] {
    return bottles_->Preview(bottles_->Draft(Resume(slug)).value(),
                             CancelToken());
  };
  const Plan seen = preview().value();
  EXPECT_EQ(seen.identity.slug, slug);
  EXPECT_THAT(ReasonsIn(seen.warnings),
              ElementsAre("ADDRESSES_MOVED", "MANIFEST_CHANGED"));
  EXPECT_EQ(Row(slug).record, row.record);
  EXPECT_EQ(Row(slug).lease, row.lease);
  ExpectFiles(made);
  EXPECT_THAT(Changes(), IsEmpty());
  // It is what Commit() would do.
  const Plan done = Commit(Resume(slug));
  EXPECT_EQ(done.addresses, seen.addresses);
  EXPECT_EQ(done.revision, seen.revision);
  EXPECT_EQ(done.warnings, seen.warnings);
  EXPECT_EQ(PlanDigest(done), PlanDigest(seen));
}

// Regression: a preview knew neither new networks, nor a refused one, nor the
// revision.
TEST_F(BottleServiceTest, APreviewSeesWhatACommitSees) {
  const Plan plan = Commit(New());
  const auto preview = [&](const std::optional<Ipv4Net>& refused) {
    BottleDraft draft = bottles_->Draft(Resume(plan.identity.slug)).value();
    draft.refused = refused;
    return bottles_->Preview(std::move(draft), CancelToken()).value();
  };
  EXPECT_EQ(preview(std::nullopt).revision, 1);
  const Plan refused = preview(plan.addresses.subnet);
  EXPECT_NE(refused.addresses.subnet, plan.addresses.subnet);
  EXPECT_EQ(refused.revision, 2);
  SetNetworks({{"foreign", {plan.addresses.subnet.ToString()}}});
  EXPECT_NE(preview(std::nullopt).addresses.subnet, plan.addresses.subnet);
}

TEST_F(BottleServiceTest, BadQueriesSayWhatIsWrong) {
  const auto with = [&](const char* home, const char* cwd) {
    BottleQuery query = New();
    query.home = home;
    query.cwd = cwd;
    return query;
  };
  BottleQuery both = New();
  both.resume = "demo-abcde";
  EXPECT_EQ(ReasonOf(both), "BAD_REQUEST");
  EXPECT_EQ(ReasonOf(BottleQuery()), "BAD_REQUEST");
  EXPECT_EQ(ReasonOf(with("", "")), "BAD_REQUEST");
  EXPECT_EQ(ReasonOf(with("home/me", "")), "BAD_REQUEST");
  EXPECT_EQ(ReasonOf(with("/home/me", "repo")), "BAD_REQUEST");
  BottleQuery nul = New();
  nul.home = std::string("/home\0/me", 9);
  EXPECT_EQ(ReasonOf(nul), "BAD_REQUEST");
  EXPECT_EQ(ReasonOf(Resume("demo-abcde")), "BOTTLE_NOT_FOUND");
  EXPECT_EQ(ReasonOf(Resume("../demo-abcde")), "BOTTLE_NOT_FOUND");
  EXPECT_EQ(ReasonOf(New("nobody")), "MANIFEST_AGENT_NOT_FOUND");
  EXPECT_TRUE(
      HasReason(bottles_->Find("demo-abcde").status(), "BOTTLE_NOT_FOUND"));
  EXPECT_TRUE(
      HasReason(bottles_->Remove("demo-abcde").status(), "BOTTLE_NOT_FOUND"));
  EXPECT_EQ(bottles_->PlanText("demo-abcde").value(), "");
  ExpectNoBottle();
}

TEST_F(BottleServiceTest, APlanThatCannotBeRenderedLeavesNothing) {
  // The manifest's reader takes it, the gates' configuration cannot.
  constexpr const char* kUnrenderable =
      "egress: {routes: [{host: a.example, path_allowlist: ['/a b']}]}";
  Bottle("dev", kUnrenderable);
  EXPECT_EQ(ReasonOf(New()), "GATE_UNRENDERABLE");
  ExpectNoBottle();
  EXPECT_THAT(Changes(), IsEmpty());

  Bottle("dev", "env: {A: one}");
  const Plan plan = Commit(New());
  const StoredBottle row = Row(plan.identity.slug);
  Bottle("dev", kUnrenderable);
  clock_.Advance(kTick);
  EXPECT_EQ(ReasonOf(Resume(plan.identity.slug)), "GATE_UNRENDERABLE");
  EXPECT_EQ(Row(plan.identity.slug).record, row.record);
  EXPECT_EQ(Row(plan.identity.slug).lease, row.lease);
  ExpectFiles(plan);
}

TEST_F(BottleServiceTest, ACancelledCommitLeavesNothing) {
  CancelSource source;
  source.Cancel();
  EXPECT_TRUE(HasReason(
      bottles_->Commit(bottles_->Draft(New()).value(), source.token()).status(),
      "CANCELLED"));
  ExpectNoBottle();
}

// --- how the guest reaches its gates -----------------------------------------

TEST_F(BottleServiceTest, TheEngineDecidesTheMode) {
  engine_.Route("/info", testing::FakeReply::Json(testing::kVmEngine));
  const Plan plan = Commit(New());
  const std::string slug = plan.identity.slug;
  EXPECT_EQ(plan.addresses.mode, EndpointMode::kLoopback);
  EXPECT_EQ(Row(slug).record.planned_mode, "loopback");
  EXPECT_EQ(Row(slug).record.endpoint_mode, "") << "nobody chose it";
  EXPECT_EQ(Commit(Resume(slug)).revision, 1);

  testing::FakeEngine native;
  native.Route("/networks", testing::NetworksReply({}));
  native.Route("/info", testing::FakeReply::Json(testing::kHostEngine));
  BottleQuery query = Resume(slug);
  query.engine->host = native.host();
  const Plan moved = Commit(query);
  EXPECT_EQ(moved.addresses.mode, EndpointMode::kBridge);
  EXPECT_EQ(moved.addresses.loopback_ip, plan.addresses.loopback_ip);
  EXPECT_EQ(moved.revision, 2);
  EXPECT_EQ(Row(slug).record.planned_mode, "bridge");
}

// Regression: a resume while Docker Desktop restarted made it a bridge bottle.
TEST_F(BottleServiceTest, TheModeStaysWhileTheEngineDoesNotAnswer) {
  engine_.Route("/info", testing::FakeReply::Json(testing::kVmEngine));
  const Plan plan = Commit(New());
  engine_.Stop();
  const Plan again = Commit(Resume(plan.identity.slug));
  EXPECT_EQ(again.addresses.mode, EndpointMode::kLoopback);
  EXPECT_EQ(again.revision, 1);
  // Nor does a daemon know the engine's kind that has just started.
  NetworkViews restarted(engines_, clock_);
  BottleService service({.index = *index_,
                         .objects = *objects_,
                         .networks = restarted,
                         .feed = nullptr,
                         .places = index_.places(),
                         .clock = clock_},
                        {});
  const Plan after =
      service
          .Commit(service.Draft(Resume(plan.identity.slug)).value(),
                  CancelToken())
          .value();
  EXPECT_EQ(after.addresses.mode, EndpointMode::kLoopback);
}

TEST_F(BottleServiceTest, AModeThatWasChosenIsKept) {
  BottleQuery query = New();
  query.mode = EndpointMode::kLoopback;
  const Plan plan = Commit(query);
  const std::string slug = plan.identity.slug;
  EXPECT_EQ(plan.addresses.mode, EndpointMode::kLoopback);
  EXPECT_EQ(Row(slug).record.endpoint_mode, "loopback");
  EXPECT_EQ(Commit(Resume(slug)).addresses, plan.addresses);
  query = Resume(slug);
  query.mode = EndpointMode::kBridge;
  const Plan other = Commit(query);
  EXPECT_EQ(other.addresses.mode, EndpointMode::kBridge);
  EXPECT_EQ(other.addresses.subnet, plan.addresses.subnet);
  EXPECT_EQ(Row(slug).record.endpoint_mode, "bridge");
  EXPECT_EQ(Commit(Resume(slug)).addresses, other.addresses);
}

// --- what it boots -----------------------------------------------------------

TEST_F(BottleServiceTest, AnArtifactThatIsNamedMustBeCached) {
  const ArtifactRecord record = MakeArtifact("hello");
  const Plan plan = TryBoot(New(), record.digest.ToString()).value();
  ASSERT_TRUE(plan.artifact.has_value());
  EXPECT_EQ(plan.artifact->digest, record.digest);
  EXPECT_EQ(plan.artifact->content_key, record.content_key.ToString());
  EXPECT_EQ(plan.artifact->path, objects_->Path(record).native());
  EXPECT_EQ(plan.artifact->size_bytes, record.size_bytes);
  EXPECT_EQ(Row(plan.identity.slug).record.artifact, record.digest);
  ExpectFiles(plan);

  const std::string unknown = Sha256Of("unknown").ToString();
  for (const BottleQuery& query : {New(), Resume(plan.identity.slug)}) {
    EXPECT_TRUE(
        HasReason(TryBoot(query, unknown).status(), "ARTIFACT_NOT_FOUND"));
    EXPECT_FALSE(TryBoot(query, "sha256:12").ok());
  }
  EXPECT_EQ(bottles_->List().value().size(), 1U);
  ExpectFiles(plan);
}

TEST_F(BottleServiceTest, NoNameMeansTheArtifactThatItHad) {
  const std::string digest = MakeArtifact("hello").digest.ToString();
  const std::string slug = TryBoot(New(), digest).value().identity.slug;
  const auto artifact = [&](std::optional<std::string> wanted) {
    const Plan plan = TryBoot(Resume(slug), std::move(wanted)).value();
    EXPECT_EQ(plan.revision, 1) << "to have it or not is the same plan";
    EXPECT_EQ(Row(slug).record.artifact.ToString(), digest);
    ExpectFiles(plan);
    return plan.artifact.has_value() ? plan.artifact->digest.ToString() : "";
  };
  EXPECT_EQ(artifact(""), digest);
  EXPECT_EQ(artifact(std::nullopt), "") << "nothing yet";
  ASSERT_TRUE(service_->RemoveArtifact(digest).ok());
  EXPECT_EQ(artifact(""), "");
  MakeArtifact("hello");
  EXPECT_EQ(artifact(""), digest);
  const std::string other = MakeArtifact("other").digest.ToString();
  EXPECT_EQ(TryBoot(Resume(slug), other).value().revision, 2);
  EXPECT_EQ(Row(slug).record.artifact.ToString(), other);
}

}  // namespace
}  // namespace bottled
