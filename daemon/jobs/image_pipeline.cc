#include "jobs/image_pipeline.h"

#include <utility>

#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/containers.h"
#include "jobs/push_pipeline.h"

namespace bottled {
namespace {

constexpr size_t kExportNameBytes = 8;

// A stream, and the container that it comes from, which goes with it.
class ExportStream final : public ByteSource {
 public:
  ExportStream(std::unique_ptr<EngineObjects::Held> container,
               std::unique_ptr<ByteSource> stream)
      : container_(std::move(container)), stream_(std::move(stream)) {}

  absl::StatusOr<std::string_view> Next() override { return stream_->Next(); }

 private:
  // In this order: the stream ends before its container.
  const std::unique_ptr<EngineObjects::Held> container_;
  const std::unique_ptr<ByteSource> stream_;
};

absl::StatusOr<std::unique_ptr<ByteSource>> OpenExport(
    EngineObjects& objects, EngineClient& engine, const EngineImage& image,
    const CancelToken& cancel) {
  ContainerSpec spec;
  spec.name = "bottled-export-" + RandomHex(kExportNameBytes);
  spec.image = image.id.ToString();
  // It is never started, but an image without a command is refused.
  spec.command = {"none"};
  spec.labels = {{"dev.bottled.role", "export"}};
  spec.network_mode = "none";
  // The directory of the image's own would be made in what is exported.
  spec.working_dir = "/";
  for (const std::string& volume : image.volumes) {
    // Else the engine makes a volume and copies the data into it.
    spec.tmpfs[volume] = "";
  }
  ASSIGN_OR_RETURN(
      std::unique_ptr<EngineObjects::Held> container,
      objects.Hold(engine.endpoint(), EngineObjectKind::kContainer, spec.name));
  const absl::StatusOr<std::string> created =
      CreateContainer(engine, spec, cancel);
  container->Answered(created.status());
  RETURN_IF_ERROR(created.status());
  ASSIGN_OR_RETURN(std::unique_ptr<ByteSource> stream,
                   ExportContainer(engine, *created, cancel));
  return std::make_unique<ExportStream>(std::move(container),
                                        std::move(stream));
}

}  // namespace

std::string ImageKeyInputs(const EngineImage& image, const PackOptions& options,
                           const Packer& packer) {
  return ContentKeyInputs(image.config, options, packer.name);
}

Digest ImageKey(const EngineImage& image, const PackOptions& options,
                const Packer& packer) {
  return ContentKey(ImageKeyInputs(image, options, packer));
}

absl::StatusOr<ArtifactRecord> RunImagePipeline(
    const PipelineDeps& deps, const EngineSide& side,
    const std::shared_ptr<EngineClient>& engine, const EngineImage& image,
    const Platform& platform, const Digest& key, PipelineInput input,
    Job& job) {
  input.expected_key = key;
  input.size_estimate = image.size_estimate;
  input.expected_inputs = ImageKeyInputs(image, input.pack, input.packer);
  if (input.packer.kind == PackerKind::kPush) {
    return RunPushPipeline(deps, side, engine, image, input, job);
  }
  input.open = [engine, id = image.id, platform](const CancelToken& token) {
    return engine->SaveImage(id, platform, token);
  };
  input.last_resort = ExportSource{
      .open =
          [engine, image, &objects = side.objects](const CancelToken& token) {
            return OpenExport(objects, *engine, image, token);
          },
      .config = image.config,
      .id = image.id};
  input.archive.expected_diff_ids = image.config.diff_ids;
  input.archive.expected_id = image.id;
  return RunPackPipeline(deps, std::move(input), job);
}

}  // namespace bottled
