// PackService: answers "give me the artifact of this source": from the cache
// when it can, else with a job. This is what rpc calls.

#ifndef BOTTLED_JOBS_PACK_SERVICE_H_
#define BOTTLED_JOBS_PACK_SERVICE_H_

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "endpoint/endpoint.h"
#include "engine/build.h"
#include "engine/engines.h"
#include "image/content_key.h"
#include "image/limits.h"
#include "jobs/change_feed.h"
#include "jobs/engine_objects.h"
#include "jobs/image_pipeline.h"
#include "jobs/job_class.h"
#include "jobs/key_claims.h"
#include "jobs/leases.h"
#include "jobs/pack_pipeline.h"
#include "jobs/packers.h"
#include "jobs/registries.h"
#include "jobs/scheduler.h"
#include "jobs/upload.h"
#include "pack/verifier.h"
#include "store/digest_locks.h"
#include "store/index.h"
#include "store/objects.h"
#include "store/repair.h"

namespace bottled {

struct ImageSource {
  std::string reference;
  EngineEndpoint engine;
  // What to call it in lists and messages; empty = the reference.
  std::string name;
};
struct ArchiveFileSource {
  std::string path;       // absolute
  std::string reference;  // may be empty
};
struct UploadedSource {
  std::string name;       // for messages
  std::string reference;  // may be empty
};

struct BuildSource {
  BuildSpec build;
  EngineEndpoint engine;
  // Of BuildFingerprint(): requests with the same one share a build. Empty:
  // this one shares with nobody.
  std::string fingerprint;
};

struct PackSpec {
  PackerKind packer = PackerKind::kAuto;
  // The caller's PATH, where smolvm is looked for; empty: the daemon's.
  std::string search_path;
  std::variant<ImageSource, ArchiveFileSource, UploadedSource, BuildSource>
      source;
  PackOptions options;
  bool force = false;
  // Run even if the same failed just now, or the daemon died of it. `force`
  // does so, too.
  bool fresh = false;
  // Start and join nothing: an artifact that is not cached is an answer without
  // anything.
  bool only_look = false;
  bool tied = false;  // interest ends with the caller's watch
  // How urgent a job is that this starts or joins, and who asks, for fairness
  // among clients: as in Scheduler::Request.
  JobClass job_class = JobClass::kInteractive;
  std::string client = {};
  // Of a cached artifact, taken in the same step.
  std::optional<LeaseSpec> lease = std::nullopt;
  // The same for a request that is repeated, and for no other one: what became
  // of it the first time is the answer. Empty: it is a new one. Not for
  // uploads.
  std::string request_key = {};
};

struct PackAnswer {
  // Exactly one of these two, or none for a spec with only_look.
  std::optional<ArtifactRecord> artifact;
  std::shared_ptr<Job> job;
  // With an artifact, when one was wanted.
  std::optional<ArtifactLease> lease = std::nullopt;
  // With a job.
  std::string interest_id;
  std::string upload_id;  // of an UploadedSource
  // "UNSEEN_ARCHIVE" and "BUILD" when the key is not known yet (the job tells
  // why, once it is), "FAILED_JUST_NOW" with `remembered`, "REPEATED" when the
  // job is that of the same request, which may have ended, else that of `miss`.
  std::string miss_reason;
  Miss miss = {};
  // The job is one that failed just now; nothing was started.
  bool remembered = false;
};

// Thread-safe.
class PackService {
 public:
  struct Deps {
    Engines& engines;
    EngineObjects& engine_objects;
    Registries& registries;
    Packers& packers;
    Leases& leases;
    Index& index;
    Objects& objects;
    Scheduler& scheduler;
    Uploads& uploads;
    const Clock& clock;
    // Hears of artifacts that come and go. May be null.
    ChangeFeed* changes = nullptr;
    // As in PipelineDeps.
    Admission* admission = nullptr;
    const KeptLayers* kept = nullptr;
  };
  struct Options {
    ImageLimits limits;
    int packer_threads = 0;
    // As in PipelineDeps.
    std::string supervisor = {};
    std::vector<std::string> smolvm_env = {};
    // How long the sender of an upload may take to begin.
    std::chrono::milliseconds upload_timeout{60'000};
    // For how long after Resume() resumed jobs wait for their engines, which
    // may start with the machine, after us.
    std::chrono::milliseconds engine_patience{60'000};
  };

  PackService(const Deps& deps, const Options& options)
      : deps_(deps), options_(options) {}

  // Blocks for one engine call (image), or for stat calls (archive). A build is
  // always a job. A job that it starts or joins does not depend on `cancel`.
  // Reasons of Packers::Choose() and Leases::Acquire(); PACKER_NEEDS_ENGINE,
  // BAD_REFERENCE, BAD_PACK_OPTIONS, BAD_ARCHIVE_PATH, BAD_BUILD, and those of
  // EngineClient::InspectImage(), IdentifyArchive(), Uploads::Create(),
  // Scheduler::Submit() and the index.
  absl::StatusOr<PackAnswer> Pack(const PackSpec& spec,
                                  const CancelToken& cancel);

  // Goes on with the jobs that wait again after a restart (Recover()), each
  // under its ID. What it cannot read of them ends as INTERRUPTED. To be called
  // before anything else. Errors of the index.
  absl::Status Resume();

  // By full digest or a prefix of at least 6 hexadecimal digits, with or
  // without "sha256:". Reasons ARTIFACT_NOT_FOUND, ARTIFACT_AMBIGUOUS.
  absl::StatusOr<ArtifactRecord> FindArtifact(const std::string& digest);

  // Also reason ARTIFACT_HELD, unless `force`.
  absl::StatusOr<ArtifactRecord> RemoveArtifact(const std::string& digest,
                                                bool force = false);

  // Repair(), and who listens hears of it.
  absl::StatusOr<std::vector<RepairAction>> RepairCache(
      const Places& places, const CancelToken& cancel);

  struct Verified {
    ArtifactRecord record;
    SidecarReport report;
    // Not OK: what was wrong. The artifact is in quarantine then, unless it
    // could not be read for a passing reason.
    absl::Status problem;
    bool quarantined = false;
  };
  // One artifact; blocks for the time that reading takes. The error is of the
  // call (unknown digest, cancelled), not of the artifact.
  absl::StatusOr<Verified> Verify(const std::string& digest, VerifyDepth depth,
                                  const CancelToken& cancel);

 private:
  // Fills report and problem. The error is of the call.
  static absl::Status VerifyBytes(int fd, VerifyDepth depth,
                                  const CancelToken& cancel,
                                  Verified& verified);
  absl::StatusOr<PackAnswer> PackOnce(const PackSpec& spec,
                                      const Packer& packer,
                                      const CancelToken& cancel);
  // In pack_service_repeat.cc. What a request of this name led to; nothing when
  // there was none, or nothing is left of what it led to.
  absl::StatusOr<std::optional<PackAnswer>> AnswerAgain(const PackSpec& spec);
  absl::StatusOr<PackAnswer> PackImage(const PackSpec& spec,
                                       const ImageSource& source,
                                       const Packer& packer,
                                       const CancelToken& cancel);
  // Reasons BAD_ARCHIVE_PATH and those of references.
  static absl::Status CheckArchive(const ArchiveFileSource& source);
  absl::StatusOr<PackAnswer> PackArchive(const PackSpec& spec,
                                         const ArchiveFileSource& source,
                                         const Packer& packer);
  absl::StatusOr<PackAnswer> PackUpload(const PackSpec& spec,
                                        const UploadedSource& source,
                                        const Packer& packer);
  absl::StatusOr<PackAnswer> PackBuild(const PackSpec& spec,
                                       const BuildSource& source,
                                       const Packer& packer);
  PipelineInput MakeInput(const PackSpec& spec, const Packer& packer,
                          const std::string& reference) const;
  // `file` is the archive as it looks now.
  PipelineInput MakeArchiveInput(const PackSpec& spec,
                                 const ArchiveFileSource& source,
                                 const ArchiveIdentity& file,
                                 const Packer& packer) const;
  PipelineDeps MakeDeps();
  EngineSide MakeSide() const {
    return {.objects = deps_.engine_objects, .registries = deps_.registries};
  }
  // Submits a job that runs the pipeline on `input`.
  absl::StatusOr<PackAnswer> Start(const PackSpec& spec,
                                   const std::string& flight_key,
                                   const std::string& source,
                                   PipelineInput input);
  // The work of a resumed job: what Pack() does before it submits one, and then
  // that job's work.
  absl::StatusOr<ArtifactRecord> RunAgain(const PackSpec& spec, Job& job);
  // An engine that answers, or what it said last. A job that waits has not
  // begun: the daemon's death is not its fault.
  absl::StatusOr<std::shared_ptr<EngineClient>> AwaitEngine(
      const EngineEndpoint& endpoint, Job& job);
  absl::StatusOr<ArtifactRecord> RunImageAgain(const PackSpec& spec,
                                               const ImageSource& source,
                                               const Packer& packer, Job& job);
  absl::StatusOr<ArtifactRecord> RunBuildAgain(const PackSpec& spec,
                                               const BuildSource& source,
                                               const Packer& packer, Job& job);
  // Scheduler::Submit() as an answer without a miss reason. No new job while
  // the disk is full: DISK_FULL. `spec` is also what the job is asked again
  // with, after a restart.
  absl::StatusOr<PackAnswer> Submit(
      const PackSpec& spec, const std::string& flight_key, const Digest& key,
      const std::string& source,
      absl::AnyInvocable<Scheduler::Work()> make_work);
  // Why there is no artifact of `key`, which may be unknown, as may its inputs.
  void Explain(const PackSpec& spec, const Digest& key,
               const std::string& inputs, const std::string& reference,
               PackAnswer& answer);

  // Constant after construction.
  const Deps deps_;
  const Options options_;

  // When the last resumed job has waited for its engine. Set before any runs.
  std::chrono::steady_clock::time_point engine_wait_ends_;

  // Self-synchronised.
  KeyClaims claims_;
  // Of requests with names, by their hash: the same one waits for its answer.
  DigestLocks answering_;
};

}  // namespace bottled

#endif  // BOTTLED_JOBS_PACK_SERVICE_H_
