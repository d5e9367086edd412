// BottleService: bottles and their plans: the manifest, an identity, addresses,
// the gates' files. No artifact is made here; PrepareService adds that.
//
// A plan is made in this order: manifest → what networks are in use → one
// transaction that reserves slug and addresses, renders (pure) and numbers the
// plan → files, plan.json last. A process that dies in between leaves at most a
// bottle without files, whose reservation expires and which the next resume
// completes.

#ifndef BOTTLED_JOBS_BOTTLE_SERVICE_H_
#define BOTTLED_JOBS_BOTTLE_SERVICE_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "bottle/address_pool.h"
#include "bottle/manifest_memo.h"
#include "bottle/plan.h"
#include "endpoint/endpoint.h"
#include "jobs/change_feed.h"
#include "jobs/network_view.h"
#include "platform/places.h"
#include "store/index.h"
#include "store/objects.h"

namespace bottled {

// Which bottle is meant, and for whom.
struct BottleQuery {
  // Exactly one of these two. `agent` makes a new bottle.
  std::string agent;
  std::string resume;
  // Only with `agent`.
  std::vector<std::string> bottles;
  std::string home;  // absolute
  std::string cwd;   // absolute or empty
  bool copy_cwd = false;
  // Unset: decided by the engine's kind.
  std::optional<EndpointMode> mode;
  // Unset: docker's networks are not looked at.
  std::optional<EngineEndpoint> engine;
};

// A bottle as it was made and what it said then.
struct BottleView {
  BottleRecord record;
  std::optional<AddressLease> lease;
  std::filesystem::path directory;
};

// A bottle that was asked for, before anything is reserved.
struct BottleDraft {
  BottleRecord record;
  Manifest manifest;
  bool is_new = false;
  std::optional<EndpointMode> mode;
  std::optional<EngineEndpoint> engine;
  // A network that is in use though nobody sees it.
  std::optional<Ipv4Net> refused;
  // For the plan, on top of those that follow from it.
  std::vector<Warning> warnings;
  // What the plan shall boot: a digest, "" = what the bottle had while that is
  // cached, nullopt = nothing yet.
  std::optional<std::string> artifact = "";
};

// Thread-safe. Two plans of one bottle are made one after the other.
class BottleService {
 public:
  struct Deps {
    Index& index;
    Objects& objects;
    NetworkViews& networks;
    ChangeFeed* feed;  // may be null
    const Places& places;
    const Clock& clock;
  };
  struct Options {
    PoolOptions pool;
    std::string bundle_image;
  };

  BottleService(const Deps& deps, Options options)
      : deps_(deps), options_(std::move(options)) {}

  // Reads the manifest, and what a resumed bottle was made with. Reasons
  // BAD_REQUEST, BOTTLE_NOT_FOUND, MANIFEST_….
  absl::StatusOr<BottleDraft> Draft(const BottleQuery& query);

  // Reserves and writes. Reasons ADDRESSES_EXHAUSTED, GATE_UNRENDERABLE,
  // ARTIFACT_NOT_FOUND, BOTTLE_NOT_FOUND, those of the index and of files.
  absl::StatusOr<Plan> Commit(BottleDraft draft, const CancelToken& cancel);

  // What Commit() would say, its revision included, reserving and writing
  // nothing; a new bottle's slug is an example.
  absl::StatusOr<Plan> Preview(BottleDraft draft, const CancelToken& cancel);

  // Newest first.
  absl::StatusOr<std::vector<BottleView>> List();
  // Reason BOTTLE_NOT_FOUND.
  absl::StatusOr<BottleView> Find(const std::string& slug);
  // plan.json as it was last written; "" when there is none.
  absl::StatusOr<std::string> PlanText(const std::string& slug);

  // Gives the addresses back and deletes the files. Reason BOTTLE_NOT_FOUND.
  absl::StatusOr<BottleView> Remove(const std::string& slug);

  // The subnet was refused by docker: another one, unless the bottle has moved
  // on already.
  absl::StatusOr<Plan> ReportConflict(
      const std::string& slug, const std::string& subnet,
      const std::optional<EngineEndpoint>& engine, const CancelToken& cancel);

  // Gives back addresses that were reserved a day ago and never used, and
  // removes what crashes left of files. At start and from time to time.
  // `engine` is where docker networks show which bottles are in use; nothing
  // expires while it does not answer. Blocks for its answer.
  absl::Status Sweep(const std::optional<EngineEndpoint>& engine,
                     const CancelToken& cancel);

 private:
  // What the draft's artifact is by now.
  absl::StatusOr<std::optional<PlanArtifact>> FindPlanArtifact(
      const BottleDraft& draft);
  absl::StatusOr<Plan> Render(const BottleDraft& draft,
                              const Addresses& addresses,
                              const NetworkView& view,
                              const std::string& displaced,
                              std::optional<PlanArtifact> artifact);
  // Commit() once the slug is chosen. Reason BOTTLE_EXISTS.
  absl::StatusOr<Plan> CommitAs(const BottleDraft& draft,
                                const NetworkView& view,
                                const std::optional<PlanArtifact>& artifact);
  Mutex& FileLock(const std::string& slug);

  // Constant after construction.
  const Deps deps_;
  const Options options_;

  // Self-synchronised.
  ManifestMemo manifests_;
  // One of these is held while a bottle's files change.
  static constexpr size_t kFileLocks = 16;
  Mutex file_locks_[kFileLocks];
};

}  // namespace bottled

#endif  // BOTTLED_JOBS_BOTTLE_SERVICE_H_
