// The last step of a job that packs: its sidecar becomes an artifact.

#ifndef BOTTLED_JOBS_PUBLISH_H_
#define BOTTLED_JOBS_PUBLISH_H_

#include <string>

#include "absl/status/statusor.h"
#include "image/digest.h"
#include "jobs/job.h"
#include "jobs/pack_pipeline.h"
#include "pack/native_packer.h"

namespace bottled {

// What the artifact's row says beside what the sidecar is.
struct Provenance {
  Digest content_key;
  std::string key_inputs;
  std::string packer;
  std::string platform;  // without its variant
  Digest config_digest;
  std::string reference;  // may be empty
};

// Publishes `sidecar`, which lies in the job's stage directory, and tells who
// listens. Blocks for the fsync. Reasons of Objects::Publish().
absl::StatusOr<ArtifactRecord> PublishSidecar(const PipelineDeps& deps,
                                              Job& job, PackedSidecar sidecar,
                                              const Provenance& provenance);

}  // namespace bottled

#endif  // BOTTLED_JOBS_PUBLISH_H_
