// The part of Daemon that keeps layers of earlier packs.
#include <string>
#include <utility>

#include "app/daemon.h"
#include "base/log.h"
#include "base/strings.h"
#include "jobs/cache_policy.h"
#include "jobs/layer_share.h"
#include "platform/file.h"

namespace bottled {

void Daemon::OpenKeptLayers() {
  const int64_t total_bytes = TotalBytes(places_.cache_dir).value_or(0);
  const int64_t share = options_.keep_layers == 0
                            ? 0
                            : LayerShare(Resolved(Policy(), total_bytes));
  absl::StatusOr<std::unique_ptr<KeptLayers>> layers =
      KeptLayers::Open(places_, {.max_bytes = share});
  if (!layers.ok()) {
    // They only save work.
    Log("app")->warn("no layers are kept: {}",
                     Printable(std::string(layers.status().message())));
    return;
  }
  // Without the option it has emptied the directory.
  if (options_.keep_layers != 0) {
    kept_layers_ = *std::move(layers);
  }
}

}  // namespace bottled
