#include "jobs/warm_triggers.h"

#include <poll.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "base/error.h"
#include "base/status_macros.h"
#include "engine/errors.h"
#include "jobs/dockerignore.h"

namespace bottled {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

// Of one tree; contexts with more are looked at from time to time.
constexpr size_t kMaxWatchedDirectories = 8192;
// A token may have no descriptor to wait for.
constexpr int kLongestWatchPollMs = 1'000;

// Pauses between tries, each twice as long as the one before.
class Pauses {
 public:
  explicit Pauses(const TriggerTimes& times)
      : times_(times), next_(times.first_retry) {}
  void Reset() { next_ = times_.first_retry; }
  // False when cancelled.
  bool Wait(const CancelToken& cancel) {
    const milliseconds pause = next_;
    next_ = std::min(next_ * 2, times_.last_retry);
    return SleepFor(pause, cancel).ok();
  }

 private:
  const TriggerTimes times_;
  milliseconds next_;
};

// Returns when the stream is over.
absl::Status FollowEvents(EngineClient& engine, const EngineSink& sink,
                          const TriggerTimes& times, Pauses& pauses,
                          const CancelToken& cancel) {
  ASSIGN_OR_RETURN(const std::unique_ptr<ImageEvents> stream,
                   ImageEvents::Open(engine, cancel));
  sink.connected();
  while (true) {
    ASSIGN_OR_RETURN(const std::vector<ImageEvent> events,
                     stream->Next(times.engine_silence, cancel));
    pauses.Reset();
    sink.events(events);
  }
}

// Returns when the watch is of no use any more.
absl::Status FollowTree(const WatchedTree& tree, const TreeSink& sink,
                        Pauses& pauses, const CancelToken& cancel) {
  ASSIGN_OR_RETURN(
      const std::unique_ptr<TreeWatch> watch,
      TreeWatch::Start(tree.root, tree.skip, kMaxWatchedDirectories));
  sink.watched(absl::OkStatus());
  sink.changed();
  while (!cancel.Cancelled()) {
    pollfd wait[] = {{watch->fd(), POLLIN, 0}, {cancel.fd(), POLLIN, 0}};
    if (::poll(wait, 2, kLongestWatchPollMs) <= 0 || wait[0].revents == 0) {
      continue;
    }
    ASSIGN_OR_RETURN(const bool changed, watch->Changed());
    if (!changed) {
      continue;
    }
    pauses.Reset();
    if (tree.outdated && tree.outdated()) {
      return absl::OkStatus();
    }
    sink.changed();
  }
  return cancel.Check();
}

// The Dockerfile relative to its context; nullopt when it is not in there.
std::optional<std::string> DockerfileWithin(const BuildSpec& build) {
  if (build.dockerfile.empty()) {
    return "Dockerfile";
  }
  const fs::path relative =
      fs::path(build.dockerfile)
          .lexically_normal()
          .lexically_relative(fs::path(build.context).lexically_normal());
  if (relative.empty() || *relative.begin() == "..") {
    return std::nullopt;
  }
  return relative.native();
}

absl::StatusOr<WatchedTree> ContextTree(const BuildSpec& build) {
  ASSIGN_OR_RETURN(DockerIgnore ignore, ReadDockerIgnore(build));
  const auto shared = std::make_shared<const DockerIgnore>(std::move(ignore));
  return WatchedTree{
      .root = build.context,
      .skip =
          [shared, dockerfile = DockerfileWithin(build).value_or("")](
              const std::string& relative) {
            // The builder reads these two even if they are left out.
            return relative != dockerfile && relative != ".dockerignore" &&
                   shared->Ignores(relative);
          },
      .outdated =
          [shared, build] {
            const absl::StatusOr<DockerIgnore> now = ReadDockerIgnore(build);
            return !now.ok() || now->text() != shared->text();
          }};
}

WatchedTree OneFile(const fs::path& file) {
  return {.root = file.parent_path(),
          .skip = [name = file.filename().native()](
                      const std::string& relative) { return relative != name; },
          .outdated = nullptr};
}

}  // namespace

void WatchEngine(EngineClient& engine, const EngineSink& sink,
                 const TriggerTimes& times, const CancelToken& cancel) {
  Pauses pauses(times);
  absl::Status last;
  while (!cancel.Cancelled()) {
    bool connected = false;
    const EngineSink noting = {.connected =
                                   [&] {
                                     connected = true;
                                     sink.connected();
                                   },
                               .events = sink.events,
                               .lost = nullptr};
    const absl::Status over =
        FollowEvents(engine, noting, times, pauses, cancel);
    if (cancel.Cancelled()) {
      return;
    }
    if (HasReason(over, kEngineStalled)) {
      continue;  // connects anew, at once
    }
    if (connected || last.ok()) {
      sink.lost(over);
    }
    last = over;
    if (!pauses.Wait(cancel)) {
      return;
    }
  }
}

void WatchTree(const std::function<absl::StatusOr<WatchedTree>()>& make,
               const TreeSink& sink, const TriggerTimes& times,
               const CancelToken& cancel) {
  Pauses pauses(times);
  while (!cancel.Cancelled()) {
    const absl::StatusOr<WatchedTree> tree = make();
    absl::Status over = tree.status();
    if (tree.ok()) {
      over = FollowTree(*tree, sink, pauses, cancel);
    }
    if (cancel.Cancelled()) {
      return;
    }
    if (over.ok()) {
      continue;  // with other rules, at once
    }
    sink.watched(over);
    sink.changed();
    if (!pauses.Wait(cancel)) {
      return;
    }
  }
}

std::vector<std::function<absl::StatusOr<WatchedTree>()>> BuildTrees(
    const BuildSpec& build) {
  std::vector<std::function<absl::StatusOr<WatchedTree>()>> trees;
  trees.emplace_back([build] { return ContextTree(build); });
  if (!DockerfileWithin(build).has_value()) {
    trees.emplace_back(
        [file = fs::path(build.dockerfile)]() -> absl::StatusOr<WatchedTree> {
          return OneFile(file);
        });
  }
  return trees;
}

std::function<absl::StatusOr<WatchedTree>()> WholeTree(const fs::path& root) {
  return [root]() -> absl::StatusOr<WatchedTree> {
    return WatchedTree{.root = root,
                       .skip = [](const std::string&) { return false; },
                       .outdated = nullptr};
  };
}

}  // namespace bottled
