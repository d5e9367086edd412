#include "image/export_reader.h"

#include "base/status_macros.h"
#include "image/archive_sources.h"
#include "image/errors.h"

namespace bottled {

absl::StatusOr<ArchiveImage> ReadExport(ByteSource& source,
                                        const ImageConfig& config,
                                        const ImageLimits& limits,
                                        LayerConsumer& consumer,
                                        const ByteProgress& progress,
                                        const CancelToken& cancel) {
  WatchedSource watched(source, progress, cancel);
  LayerBudget budget{.limits = limits};
  ASSIGN_OR_RETURN(EntryVisitor* const visitor, consumer.BeginLayer());
  ASSIGN_OR_RETURN(const LayerInfo layer,
                   ReadLayer(watched, budget, *visitor, cancel));
  if (budget.entries == 0) {
    return LayerInvalid("the export holds nothing");
  }
  ArchiveImage image;
  image.config = config;
  image.config.diff_ids = {layer.diff_id};
  ASSIGN_OR_RETURN(const int handle, consumer.EndLayer(/*valid=*/true));
  image.layers = {handle};
  image.bytes_read = watched.bytes();
  return image;
}

}  // namespace bottled
