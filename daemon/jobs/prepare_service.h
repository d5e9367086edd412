// PrepareService: an agent's plan together with its artifact. It decides what
// the artifact is made from, asks PackService for it, and commits the plan with
// what it got.

#ifndef BOTTLED_JOBS_PREPARE_SERVICE_H_
#define BOTTLED_JOBS_PREPARE_SERVICE_H_

#include <map>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "base/cancel.h"
#include "bottle/plan.h"
#include "endpoint/endpoint.h"
#include "jobs/bottle_service.h"
#include "jobs/pack_service.h"
#include "jobs/preflight.h"
#include "jobs/source_json.h"

namespace bottled {

struct PrepareSpec {
  BottleQuery bottle;
  SourceVariant source;
  // The local image when neither the request, a resumed bottle nor the manifest
  // names a source.
  std::string default_image;
  // For a build that the manifest asks for. Its PATH is also where smolvm is
  // looked for.
  std::map<std::string, std::string> build_environment;
  // Build even if nothing seems to have changed, and try it even if the daemon
  // died of it.
  bool always_build = false;
  // For images and builds; its error is returned when one is needed.
  absl::StatusOr<EngineEndpoint> engine = EngineEndpoint();
  PackOptions options;
  PackerKind packer = PackerKind::kAuto;
  bool tied = false;
  // As in PackSpec.
  bool only_look = false;
  JobClass job_class = JobClass::kInteractive;
  std::string client = {};
};

struct Prepared {
  // Without an artifact when there is a job.
  Plan plan;
  std::optional<PackAnswer> job;
};

// Thread-safe.
class PrepareService {
 public:
  struct Deps {
    BottleService& bottles;
    PackService& packs;
    Preflight& preflight;
    Index& index;
  };

  explicit PrepareService(const Deps& deps) : deps_(deps) {}

  // Blocks for the engine's answer to one inspect, for looking at a build's
  // context, and for the disk. Nothing is reserved when the source is no good.
  // A job that it starts or joins does not depend on `cancel`. Reasons of
  // BottleService::Draft() and Commit(), PackService::Pack().
  absl::StatusOr<Prepared> Prepare(const PrepareSpec& spec,
                                   const CancelToken& cancel);

  // The artifact alone: of the source that is named, or, when an agent is, of
  // what Prepare() would take for a new bottle. No bottle is made. Blocks and
  // fails as Prepare() does.
  absl::StatusOr<PackAnswer> PackOnly(const PrepareSpec& spec,
                                      const CancelToken& cancel);

  // What PackOnly() would build first, if anything.
  absl::StatusOr<std::optional<BuildSpec>> BuildOf(const PrepareSpec& spec);

 private:
  absl::StatusOr<BottleDraft> DraftFor(const PrepareSpec& spec);
  absl::StatusOr<PackAnswer> Pack(const PrepareSpec& spec, BottleDraft& draft,
                                  const CancelToken& cancel);
  absl::StatusOr<PackAnswer> PackImage(const PrepareSpec& spec,
                                       const std::string& reference,
                                       const std::string& name,
                                       const CancelToken& cancel);
  absl::StatusOr<PackAnswer> PackBuild(const PrepareSpec& spec, BuildSpec build,
                                       BottleDraft& draft,
                                       const CancelToken& cancel);

  const Deps deps_;
};

}  // namespace bottled

#endif  // BOTTLED_JOBS_PREPARE_SERVICE_H_
