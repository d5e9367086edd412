// What tells that a warm target may be out of date: an engine's events, and
// changes of files. Each is a loop for a thread of its own (watchers.h).
//
// Neither is relied on alone. After every connection to an engine all of its
// targets are looked at again, since nobody knows what happened before; the
// same holds for a directory that is watched anew, and the service looks at
// everything from time to time.

#ifndef BOTTLED_JOBS_WARM_TRIGGERS_H_
#define BOTTLED_JOBS_WARM_TRIGGERS_H_

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "base/cancel.h"
#include "engine/build.h"
#include "engine/client.h"
#include "engine/events.h"
#include "platform/tree_watch.h"

namespace bottled {

struct TriggerTimes {
  // Between two tries, growing from the first to the second.
  std::chrono::milliseconds first_retry{1'000};
  std::chrono::milliseconds last_retry{60'000};
  // After so long without an event the connection is made anew, as nobody can
  // tell silence from a peer that is gone.
  std::chrono::milliseconds engine_silence{10 * 60'000};
};

struct EngineSink {
  // The stream is open: what happened before it is unknown.
  std::function<void()> connected;
  std::function<void(const std::vector<ImageEvent>&)> events;
  // It is not, and why. Once for each time that it was lost.
  std::function<void(const absl::Status&)> lost;
};

// Follows an engine's image events until cancelled.
void WatchEngine(EngineClient& engine, const EngineSink& sink,
                 const TriggerTimes& times, const CancelToken& cancel);

// A directory to watch.
struct WatchedTree {
  std::filesystem::path root;
  TreeWatch::Skip skip;
  // True when `skip` does not hold any more. May be null.
  std::function<bool()> outdated;
};

struct TreeSink {
  // Something has changed, or may have before the watch began.
  std::function<void()> changed;
  // Changes are not seen, and why; OK: they are.
  std::function<void(const absl::Status&)> watched;
};

// Watches what `make` gives, made anew with every try, until cancelled.
void WatchTree(const std::function<absl::StatusOr<WatchedTree>()>& make,
               const TreeSink& sink, const TriggerTimes& times,
               const CancelToken& cancel);

// The trees of a local build: its context, without what .dockerignore leaves
// out, and the Dockerfile where that lies elsewhere.
std::vector<std::function<absl::StatusOr<WatchedTree>()>> BuildTrees(
    const BuildSpec& build);

// A directory of manifests: everything in it counts.
std::function<absl::StatusOr<WatchedTree>()> WholeTree(
    const std::filesystem::path& root);

}  // namespace bottled

#endif  // BOTTLED_JOBS_WARM_TRIGGERS_H_
