// What the pipelines have in common.

#include <memory>
#include <string>

#include "fmt/format.h"
#include "jobs/pack_pipeline.h"

namespace bottled {

std::string ArchiveOptionsJson(const PackOptions& options,
                               const Packer& packer) {
  return fmt::format(R"({{"cpus":{},"memory_mib":{},"packer":"{}"}})",
                     options.cpus, options.memory_mib, packer.name);
}

absl::StatusOr<std::unique_ptr<KeyClaims::Claim>> ClaimKey(
    const PipelineDeps& deps, Job& job, const Digest& key) {
  if (deps.claims == nullptr) {
    return nullptr;
  }
  return deps.claims->Take(
      key,
      [&job] {
        job.events().AddLine("another job makes the same; waiting for it",
                             /*warning=*/false);
      },
      job.token());
}

void NotePacker(Job& job, const Packer& packer) {
  job.events().AddLine(
      fmt::format("packer {}: {}", PackerWord(packer.kind), packer.reason),
      /*warning=*/false);
}

void NoteContentKey(const PipelineDeps& deps, Job& job, const Digest& key) {
  job.SetContentKey(key);
  LogFailure(job, "cannot note its key", deps.index.SetJobKey(job.id(), key));
}

}  // namespace bottled
