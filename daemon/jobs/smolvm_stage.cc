#include "jobs/smolvm_stage.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/error.h"
#include "base/status_macros.h"
#include "jobs/progress_meter.h"
#include "pack/layer_archive.h"
#include "pack/smolvm_packer.h"
#include "platform/file.h"

namespace bottled {
namespace {

// Run by root, smolvm reads the archive as another user, who must get there but
// need not see what else there is.
constexpr mode_t kPassable = 0711;

absl::Status MakePassableDir(const std::filesystem::path& dir) {
  if (::mkdir(dir.c_str(), kPassable) != 0 ||
      ::chmod(dir.c_str(), kPassable) != 0) {
    return ErrnoError(errno, "make " + dir.string());
  }
  return absl::OkStatus();
}

Progress ProgressOf(const SmolvmProgress& progress) {
  return {.stage = Stage::kPack,
          .current = progress.done,
          .total = progress.total,
          .unit = progress.phase == SmolvmPhase::kExport ? Unit::kBytes
                                                         : Unit::kSteps};
}

}  // namespace

absl::StatusOr<PackedSidecar> PackWithSmolvm(const SmolvmStage& stage,
                                             const std::string& image,
                                             const std::string& platform) {
  EventLog& events = stage.job.events();
  const CancelToken token = stage.job.token();
  events.StartStage(Stage::kPack);
  const std::filesystem::path dir = stage.stage_dir / "smolvm";
  RETURN_IF_ERROR(MakePassableDir(dir));
  SmolvmPackSpec spec;
  spec.program = stage.packer.smolvm;
  spec.image = image;
  spec.stage_dir = dir;
  spec.pack = stage.options;
  spec.inherited = stage.deps.smolvm_env;
  spec.supervisor = stage.deps.supervisor;
  const SmolvmSink sink = {.line =
                               [&events](const std::string& line) {
                                 events.AddLine(line, /*warning=*/false);
                               },
                           .progress =
                               [&events](const SmolvmProgress& progress) {
                                 events.Report(ProgressOf(progress));
                               }};
  ASSIGN_OR_RETURN(const std::filesystem::path made,
                   RunSmolvmPack(spec, sink, token));
  events.StartStage(Stage::kVerify);
  ProgressMeter meter(events, stage.deps.clock, {.stage = Stage::kVerify});
  ASSIGN_OR_RETURN(PackedSidecar sidecar,
                   CheckSmolvmSidecar(
                       made, platform, stage.packer.smolvm,
                       [&meter](int64_t bytes) { meter.Set(bytes); }, token));
  // Where a job's result has to be, and has to be now: later a new time of its
  // inode would cost smolvm a reading of it all.
  sidecar.path = stage.stage_dir / "artifact.smolmachine";
  RETURN_IF_ERROR(RenameNoReplace(made, sidecar.path));
  return sidecar;
}

absl::StatusOr<PackedSidecar> RepackWithSmolvm(const SmolvmStage& stage,
                                               const PackedSidecar& native,
                                               const ImageConfig& config) {
  const std::filesystem::path archive = stage.stage_dir / "image.tar";
  {
    ProgressMeter meter(stage.job.events(), stage.deps.clock,
                        {.stage = Stage::kAssemble,
                         .current = 0,
                         .total = native.unpacked_bytes});
    RETURN_IF_ERROR(WriteLayerArchive(
        native.path, config, archive,
        [&meter](int64_t done, int64_t) { meter.Set(done); },
        stage.job.token()));
  }
  // It takes as much room as the artifact will.
  ::unlink(native.path.c_str());
  ASSIGN_OR_RETURN(PackedSidecar made,
                   PackWithSmolvm(stage, archive.string(),
                                  config.platform.WithoutVariant()));
  made.notes = native.notes;
  return made;
}

}  // namespace bottled
