#include "jobs/publish.h"

#include <utility>

namespace bottled {

absl::StatusOr<ArtifactRecord> PublishSidecar(const PipelineDeps& deps,
                                              Job& job, PackedSidecar sidecar,
                                              const Provenance& provenance) {
  job.events().StartStage(Stage::kPublish);
  ArtifactRecord record;
  record.digest = sidecar.digest;
  record.content_key = provenance.content_key;
  record.key_inputs = provenance.key_inputs;
  record.size_bytes = sidecar.size_bytes;
  record.unpacked_bytes = sidecar.unpacked_bytes;
  record.entry_count = sidecar.entry_count;
  record.platform = provenance.platform;
  record.config_digest = provenance.config_digest;
  record.layer_digest = sidecar.layer_digest;
  record.packer = provenance.packer;
  record.last_used_ms = deps.clock.NowMs();
  record.warmed = job.job_class() == JobClass::kWarm;
  record.notes = std::move(sidecar.notes);
  if (!provenance.reference.empty()) {
    record.references.push_back(provenance.reference);
  }
  absl::StatusOr<ArtifactRecord> published =
      deps.objects.Publish(job.id(), sidecar.path, std::move(record));
  if (published.ok()) {
    if (deps.admission != nullptr) {
      deps.admission->NotePublished();
    }
    Tell(deps.changes, ChangeKind::kArtifactAdded,
         published->digest.ToString());
  }
  return published;
}

}  // namespace bottled
