#include "jobs/bottle_service.h"

#include <functional>
#include <utility>

#include "base/error.h"
#include "base/status_macros.h"
#include "bottle/manifest_load.h"
#include "jobs/cache_hit.h"
#include "jobs/errors.h"
#include "store/errors.h"

namespace bottled {
namespace {

// 36^5 slugs per agent: a second try is already rare.
constexpr int kSlugTries = 16;

absl::Status CheckQuery(const BottleQuery& query) {
  if (query.agent.empty() == query.resume.empty()) {
    return BadBottleRequest("Either an agent or a bottle to resume is needed");
  }
  for (const std::string* path : {&query.home, &query.cwd}) {
    if (!path->empty() &&
        (path->front() != '/' || path->find('\0') != std::string::npos)) {
      return BadBottleRequest("home and cwd must be absolute paths");
    }
  }
  if (!query.agent.empty() && query.home.empty()) {
    return BadBottleRequest("The caller's home is needed to find manifests");
  }
  if (!query.resume.empty() && !IsSlug(query.resume)) {
    return BottleNotFoundError(query.resume);
  }
  return absl::OkStatus();
}

PlanArtifact ToPlanArtifact(const ArtifactRecord& record,
                            const std::filesystem::path& path) {
  return {.digest = record.digest,
          .content_key = record.content_key.ToString(),
          .path = path.native(),
          .size_bytes = record.size_bytes,
          .platform = record.platform,
          .config_digest = record.config_digest.ToString()};
}

// The networks in the way of one bottle.
std::vector<BlockedNet> BlockedFor(const NetworkView& view,
                                   const Identity& identity,
                                   const std::optional<Ipv4Net>& refused) {
  std::vector<BlockedNet> blocked = view.blocked;
  const auto own = view.bottle_networks.find(identity.network);
  if (own != view.bottle_networks.end()) {
    blocked = WithoutOwn(std::move(blocked), own->second);
  }
  if (refused.has_value()) {
    blocked.push_back({.net = *refused, .what = "a network docker refused"});
  }
  return blocked;
}

// The caller's wish, else what the engine needs, else what the bottle had: it
// shall not move while its engine is away.
EndpointMode ModeFor(const BottleDraft& draft, const NetworkView& view) {
  if (draft.mode.has_value()) {
    return *draft.mode;
  }
  if (view.bridge_unreachable.has_value()) {
    return *view.bridge_unreachable ? EndpointMode::kLoopback
                                    : EndpointMode::kBridge;
  }
  return ParseEndpointMode(draft.record.planned_mode)
      .value_or(EndpointMode::kBridge);
}

PlanStamp StampOf(const Plan& plan) {
  return {
      .digest = PlanDigest(plan),
      .manifest_digest = plan.manifest.digest,
      .endpoint_mode = std::string(EndpointModeText(plan.addresses.mode)),
      .artifact = plan.artifact.has_value() ? plan.artifact->digest : Digest()};
}

void AddNetworkWarnings(const NetworkView& view,
                        const std::optional<EngineEndpoint>& engine,
                        const std::string& displaced,
                        std::vector<Warning>& warnings) {
  if (engine.has_value() && !view.docker_checked) {
    warnings.push_back(
        {.reason = "DOCKER_NOT_CHECKED",
         .message = "The engine did not answer, so the bottle's subnet was "
                    "only compared with this machine's own networks"});
  }
  if (!displaced.empty()) {
    warnings.push_back({.reason = "ADDRESSES_MOVED", .message = displaced});
  }
}

}  // namespace

absl::StatusOr<BottleDraft> BottleService::Draft(const BottleQuery& query) {
  RETURN_IF_ERROR(CheckQuery(query));
  BottleDraft draft;
  draft.engine = query.engine;
  draft.mode = query.mode;
  BottleRecord& record = draft.record;
  if (query.resume.empty()) {
    draft.is_new = true;
    record.agent = query.agent;
    record.home = query.home;
    record.cwd = query.cwd;
    record.copy_cwd = query.copy_cwd;
    record.bottles = query.bottles;
    record.started_ms = deps_.clock.NowMs();
    record.backend = kBackend;
  } else {
    ASSIGN_OR_RETURN(BottleView view, Find(query.resume));
    record = std::move(view.record);
    if (!draft.mode.has_value()) {
      draft.mode = ParseEndpointMode(record.endpoint_mode);
    }
  }
  if (query.mode.has_value()) {
    record.endpoint_mode = EndpointModeText(*query.mode);
  }
  ASSIGN_OR_RETURN(draft.manifest, LoadManifest({.agent = record.agent,
                                                 .bottles = record.bottles,
                                                 .home = record.home,
                                                 .cwd = record.cwd},
                                                manifests_));
  // From here on the list is the bottle's own, whatever the agent says later.
  record.bottles = draft.manifest.bottle.names;
  record.updated_ms = deps_.clock.NowMs();
  return draft;
}

absl::StatusOr<std::optional<PlanArtifact>> BottleService::FindPlanArtifact(
    const BottleDraft& draft) {
  std::optional<PlanArtifact> artifact;
  if (!draft.artifact.has_value()) {
    return artifact;
  }
  const bool must_exist = !draft.artifact->empty();
  Digest digest = draft.record.artifact;
  if (must_exist) {
    ASSIGN_OR_RETURN(digest, Digest::Parse(*draft.artifact));
  }
  if (digest.empty()) {
    return artifact;
  }
  ASSIGN_OR_RETURN(const std::optional<ArtifactRecord> record,
                   deps_.index.FindByDigest(digest));
  std::optional<ArtifactRecord> sound;
  if (record.has_value()) {
    ASSIGN_OR_RETURN(sound, FindCached(deps_.index, deps_.objects, deps_.clock,
                                       record->content_key, ""));
  }
  if (sound.has_value()) {
    artifact = ToPlanArtifact(*sound, deps_.objects.Path(*sound));
  } else if (must_exist) {
    return ArtifactNotFound(digest.ToString());
  }
  return artifact;
}

absl::StatusOr<Plan> BottleService::Render(
    const BottleDraft& draft, const Addresses& addresses,
    const NetworkView& view, const std::string& displaced,
    std::optional<PlanArtifact> artifact) {
  const BottleRecord& record = draft.record;
  ASSIGN_OR_RETURN(Plan plan,
                   MakePlan({.manifest = draft.manifest,
                             .identity = Identity(record.slug),
                             .addresses = addresses,
                             .cwd = record.cwd,
                             .copy_cwd = record.copy_cwd,
                             .started_ms = record.started_ms,
                             .directory = deps_.places.bottle(record.slug),
                             .artifact = std::move(artifact),
                             .bundle_image = options_.bundle_image}));
  AddNetworkWarnings(view, draft.engine, displaced, plan.warnings);
  if (!record.manifest_digest.empty() &&
      record.manifest_digest != plan.manifest.digest) {
    plan.warnings.push_back(
        {.reason = "MANIFEST_CHANGED",
         .message = "The agent or one of its bottles has changed since this "
                    "bottle was last prepared"});
  }
  plan.warnings.insert(plan.warnings.end(), draft.warnings.begin(),
                       draft.warnings.end());
  return plan;
}

absl::StatusOr<Plan> BottleService::Commit(BottleDraft draft,
                                           const CancelToken& cancel) {
  ASSIGN_OR_RETURN(const std::optional<PlanArtifact> artifact,
                   FindPlanArtifact(draft));
  // What a resumed bottle has may have been taken since.
  const std::shared_ptr<const NetworkView> view =
      deps_.networks.Read(draft.engine, /*fresh=*/!draft.is_new, cancel);
  RETURN_IF_ERROR(cancel.Check());
  for (int attempt = 1;; ++attempt) {
    if (draft.is_new) {
      draft.record.slug = MakeSlug(draft.record.agent);
    }
    draft.record.compose_project = Identity(draft.record.slug).compose_project;
    absl::StatusOr<Plan> plan = CommitAs(draft, *view, artifact);
    if (!HasReason(plan.status(), "BOTTLE_EXISTS") || attempt == kSlugTries) {
      return plan;
    }
  }
}

absl::StatusOr<Plan> BottleService::CommitAs(
    const BottleDraft& draft, const NetworkView& view,
    const std::optional<PlanArtifact>& artifact) {
  const BottleRecord& record = draft.record;
  const std::vector<BlockedNet> blocked =
      BlockedFor(view, Identity(record.slug), draft.refused);
  MutexLock lock(FileLock(record.slug));
  std::string displaced;
  const auto choose = [&](const std::optional<AddressLease>& own,
                          std::span<const AddressLease> others)
      -> absl::StatusOr<AddressLease> {
    ASSIGN_OR_RETURN(ChosenSlot slot, ChooseSlot(record.slug, options_.pool,
                                                 own, others, blocked));
    displaced = std::move(slot.displaced);
    return slot.lease;
  };
  std::optional<Plan> plan;
  const auto render =
      [&](const AddressLease& lease) -> absl::StatusOr<PlanStamp> {
    const EndpointMode mode = ModeFor(draft, view);
    ASSIGN_OR_RETURN(
        plan, Render(draft, AddressesOf(lease, mode, view.docker_checked), view,
                     displaced, artifact));
    return StampOf(*plan);
  };
  ASSIGN_OR_RETURN(
      const PreparedBottle prepared,
      deps_.index.PrepareBottle(record, draft.is_new, choose, render));
  plan->revision = prepared.record.plan_revision;
  RETURN_IF_ERROR(WriteBottleFiles(plan->directory, plan->files,
                                   plan->directories, PlanJson(*plan)));
  Tell(deps_.feed, ChangeKind::kBottle, record.slug);
  return *std::move(plan);
}

absl::StatusOr<Plan> BottleService::Preview(BottleDraft draft,
                                            const CancelToken& cancel) {
  BottleRecord& record = draft.record;
  if (draft.is_new) {
    record.slug = MakeSlug(record.agent);
  }
  ASSIGN_OR_RETURN(std::optional<PlanArtifact> artifact,
                   FindPlanArtifact(draft));
  const std::shared_ptr<const NetworkView> view =
      deps_.networks.Read(draft.engine, /*fresh=*/!draft.is_new, cancel);
  RETURN_IF_ERROR(cancel.Check());
  std::optional<AddressLease> own;
  std::vector<AddressLease> others;
  ASSIGN_OR_RETURN(const std::vector<StoredBottle> all,
                   deps_.index.ListBottles());
  for (const StoredBottle& bottle : all) {
    if (bottle.record.slug == record.slug) {
      own = bottle.lease;
    } else if (bottle.lease.has_value()) {
      others.push_back(*bottle.lease);
    }
  }
  ASSIGN_OR_RETURN(
      const ChosenSlot slot,
      ChooseSlot(record.slug, options_.pool, own, others,
                 BlockedFor(*view, Identity(record.slug), draft.refused)));
  ASSIGN_OR_RETURN(Plan plan,
                   Render(draft,
                          AddressesOf(slot.lease, ModeFor(draft, *view),
                                      view->docker_checked),
                          *view, slot.displaced, std::move(artifact)));
  plan.revision = NextRevision(record, StampOf(plan));
  return plan;
}

absl::StatusOr<Plan> BottleService::ReportConflict(
    const std::string& slug, const std::string& subnet,
    const std::optional<EngineEndpoint>& engine, const CancelToken& cancel) {
  const std::optional<Ipv4Net> refused = Ipv4Net::Parse(subnet);
  if (!refused.has_value()) {
    return BadBottleRequest("subnet must be an IPv4 network, a.b.c.d/n");
  }
  BottleQuery query;
  query.resume = slug;
  query.engine = engine;
  ASSIGN_OR_RETURN(BottleDraft draft, Draft(query));
  draft.refused = refused;
  return Commit(std::move(draft), cancel);
}

Mutex& BottleService::FileLock(const std::string& slug) {
  return file_locks_[std::hash<std::string>()(slug) % kFileLocks];
}

}  // namespace bottled
