// The pipeline: from an open source to a published artifact. One function per
// step; a job's worker runs them in order.
//
// Invariants: every blocking call has the job's token; the stage directory goes
// on every way out; nobody hears of an artifact before Objects::Publish()
// returned; an engine's incomplete answer is retried once.

#ifndef BOTTLED_JOBS_PACK_PIPELINE_H_
#define BOTTLED_JOBS_PACK_PIPELINE_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "image/archive_reader.h"
#include "image/content_key.h"
#include "jobs/job.h"
#include "store/objects.h"

namespace bottled {

// Opens the bytes of an archive; called again for a retry, unless one_shot.
using OpenSource = std::function<absl::StatusOr<std::unique_ptr<ByteSource>>(
    const CancelToken& cancel)>;

struct PipelineInput {
  OpenSource open;
  bool one_shot = false;  // an upload cannot be read twice
  // What ReadArchive() shall check.
  ArchiveOptions archive;
  PackOptions pack;
  // From identify; empty for archives of unknown content.
  Digest expected_key;
  // For the record: a reference or a path.
  std::string reference;
  // The engine's or the file system's idea of the size, for progress; 0 = none.
  int64_t size_estimate = 0;
  // Make it even if the key turns out to be cached.
  bool force = false;
};

struct PipelineDeps {
  Index& index;
  Objects& objects;
  const Clock& clock;
  int packer_threads = 0;
};

// Runs in the job's worker thread and blocks it. The platform of the image is
// checked against the host's (ARCHITECTURE_MISMATCH).
absl::StatusOr<ArtifactRecord> RunPackPipeline(const PipelineDeps& deps,
                                               PipelineInput input, Job& job);

}  // namespace bottled

#endif  // BOTTLED_JOBS_PACK_PIPELINE_H_
