// The steps of a job that run smolvm's own packer.

#ifndef BOTTLED_JOBS_SMOLVM_STAGE_H_
#define BOTTLED_JOBS_SMOLVM_STAGE_H_

#include <filesystem>
#include <string>

#include "absl/status/statusor.h"
#include "image/config.h"
#include "jobs/job.h"
#include "jobs/pack_pipeline.h"
#include "pack/native_packer.h"

namespace bottled {

struct SmolvmStage {
  const PipelineDeps& deps;
  Job& job;
  const Packer& packer;
  const PackOptions& options;
  // The job's.
  const std::filesystem::path& stage_dir;
};

// Packs `image`, an archive's path or a reference in a registry, and checks
// what came out. The result is in the stage directory. `platform` is the
// image's, without its variant. Reasons of RunSmolvmPack() and
// CheckSmolvmSidecar().
absl::StatusOr<PackedSidecar> PackWithSmolvm(const SmolvmStage& stage,
                                             const std::string& image,
                                             const std::string& platform);

// The same of the tree in a sidecar of the embedded packer, which it removes.
// Keeps its notes. Also the reasons of WriteLayerArchive().
absl::StatusOr<PackedSidecar> RepackWithSmolvm(const SmolvmStage& stage,
                                               const PackedSidecar& native,
                                               const ImageConfig& config);

}  // namespace bottled

#endif  // BOTTLED_JOBS_SMOLVM_STAGE_H_
