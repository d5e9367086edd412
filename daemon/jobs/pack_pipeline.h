// The pipeline: from an open source to a published artifact. One function per
// step; a job's worker runs them in order.
//
// The packer smolvm gets one more step, between the embedded packer, which
// makes the merged tree, and publication. The packer push has a pipeline of its
// own (push_pipeline.h).
//
// Invariants: every blocking call has the job's token; the stage directory goes
// on every way out; nobody hears of an artifact before Objects::Publish()
// returned; an engine's incomplete answer is retried once, with a new packer.
// Native output is checked while it is written, foreign output afterwards.
// Layers of earlier packs save work; when they turn out not to be what they
// seemed, the image is read again without them.

#ifndef BOTTLED_JOBS_PACK_PIPELINE_H_
#define BOTTLED_JOBS_PACK_PIPELINE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "image/archive_reader.h"
#include "image/content_key.h"
#include "jobs/admission.h"
#include "jobs/change_feed.h"
#include "jobs/job.h"
#include "jobs/key_claims.h"
#include "jobs/packers.h"
#include "pack/kept_layers.h"
#include "store/index.h"
#include "store/objects.h"

namespace bottled {

// Opens the bytes of an archive; called again for a retry, unless one_shot.
using OpenSource = std::function<absl::StatusOr<std::unique_ptr<ByteSource>>(
    const CancelToken& cancel)>;

// What to do when an image cannot be saved though its engine has it.
struct ExportSource {
  // The file system of a container that is never started.
  OpenSource open;
  // The image's, as the engine tells it.
  ImageConfig config;
  Digest id;
};

struct PipelineInput {
  OpenSource open;
  std::optional<ExportSource> last_resort;
  // Not retried: an upload cannot be read twice, and a file would only say the
  // same again.
  bool one_shot = false;
  // What ReadArchive() shall check.
  ArchiveOptions archive;
  PackOptions pack;
  Packer packer = NativeChoice();
  // From identify, with its inputs; empty for archives of unknown content.
  Digest expected_key;
  std::string expected_inputs;
  // For the record: a reference or a path.
  std::string reference;
  // The engine's or the file system's idea of the size, for progress; 0 = none.
  int64_t size_estimate = 0;
  // The estimate is the exact number of bytes that `open` gives.
  bool size_is_exact = false;
  // Make it, from nothing, even if the key turns out to be cached.
  bool force = false;
  // Called once the artifact is there: the identity under which the archive's
  // content may be remembered, if it did not change while it was read. May be
  // null, for sources that have none.
  std::function<std::optional<ArchiveIdentity>()> identify_archive;
};

// The pack options as Index keeps them with an archive, packer included.
std::string ArchiveOptionsJson(const PackOptions& options,
                               const Packer& packer);

struct PipelineDeps {
  Index& index;
  Objects& objects;
  const Clock& clock;
  int packer_threads = 0;
  // For programs that jobs run: see ProcessSpec.
  std::string supervisor = {};
  // What smolvm gets of the environment: see SmolvmPackSpec::inherited.
  std::vector<std::string> smolvm_env = {};
  // Hears of artifacts that come and go. May be null.
  ChangeFeed* changes = nullptr;
  // Asked for room before a job begins. Null: there always is.
  Admission* admission = nullptr;
  // Null: jobs of one key do not wait for each other.
  KeyClaims* claims = nullptr;
  // Null: layers of earlier packs are not used, and none are kept.
  const KeptLayers* kept = nullptr;
};

// Waits until no other job makes the content of `key`, and keeps others from
// it; null without `deps.claims`. CANCELLED.
absl::StatusOr<std::unique_ptr<KeyClaims::Claim>> ClaimKey(
    const PipelineDeps& deps, Job& job, const Digest& key);

// Says in the job's events which packer it has, and why.
void NotePacker(Job& job, const Packer& packer);

// Tells the job and the index which content it makes, once that is known. The
// index refuses when another job makes the same right now, which is only
// logged: both give the same bytes, and publication copes with that.
void NoteContentKey(const PipelineDeps& deps, Job& job, const Digest& key);

// Runs in the job's worker thread and blocks it. An artifact that came into the
// cache meanwhile, or is there under a key that was unknown before, is the
// result as it is, unless forced. The platform of the image is checked against
// the host's (ARCHITECTURE_MISMATCH). An image that cannot be saved is taken
// from `last_resort`, if there is one: that artifact has a key and a packer
// name of its own ("… export") and a note, and is never the answer when saving
// works. Other errors: IMAGE_CHANGED, and what `open`, ReadArchive(),
// NativePacker, RepackWithSmolvm(), Admission and Objects return.
absl::StatusOr<ArtifactRecord> RunPackPipeline(const PipelineDeps& deps,
                                               PipelineInput input, Job& job);

}  // namespace bottled

#endif  // BOTTLED_JOBS_PACK_PIPELINE_H_
