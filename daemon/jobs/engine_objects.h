// EngineObjects: what jobs make on an engine and what must not outlive them.
//
// Each object is written down before it is made and forgotten once it is gone,
// so that a daemon that was killed, or whose engine went away, removes later
// what it left. Only what was written down is ever removed: the objects of
// other installations are not looked at.

#ifndef BOTTLED_JOBS_ENGINE_OBJECTS_H_
#define BOTTLED_JOBS_ENGINE_OBJECTS_H_

#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "endpoint/endpoint.h"
#include "engine/engines.h"
#include "store/index.h"

namespace bottled {

// Thread-safe. Outlives what it gives out.
class EngineObjects {
 public:
  EngineObjects(Index& index, Engines& engines, const Clock& clock)
      : index_(index), engines_(engines), clock_(clock) {}

  // An object that may exist as long as this does.
  class Held {
   public:
    // Removes it from the engine. When that fails it is logged, and Reap()
    // tries again. Blocks for one engine call, or, when the call that makes it
    // was not answered, for some more: it may be carried out a moment later.
    ~Held();
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;

    const std::string& name() const { return object_.name; }

    // How the call that makes it ended. After an answer, whatever it was, what
    // is not there will not come. Not thread-safe.
    void Answered(const absl::Status& status);

   private:
    friend class EngineObjects;
    Held(EngineObjects& owner, EngineObject object)
        : owner_(owner), object_(std::move(object)) {}

    EngineObjects& owner_;
    const EngineObject object_;
    bool answered_ = false;
  };

  // To be called before it is made. `name` must be ours alone. Errors of the
  // index.
  absl::StatusOr<std::unique_ptr<Held>> Hold(const EngineEndpoint& endpoint,
                                             EngineObjectKind kind,
                                             std::string name);

  // Removes what is written down and not held. What an engine does not have is
  // looked for for a day: a builder may go on when the daemon is killed, or a
  // call when it is cancelled, and make it later. What an engine refuses to
  // remove is tried for a day. An engine that does not answer is asked again
  // the next time. Errors of the index; CANCELLED. Blocks for the engines.
  absl::Status Reap(const CancelToken& cancel);

 private:
  // Host, kind and name.
  using Key = std::tuple<std::string, EngineObjectKind, std::string>;

  static Key KeyOf(const EngineObject& object);

  // False when there is no such object.
  absl::StatusOr<bool> Remove(const EngineObject& object,
                              const CancelToken& cancel);

  bool IsHeld(const EngineObject& object);

  Index& index_;
  Engines& engines_;
  const Clock& clock_;

  Mutex mu_;
  std::set<Key> held_ ABSL_GUARDED_BY(mu_);
};

}  // namespace bottled

#endif  // BOTTLED_JOBS_ENGINE_OBJECTS_H_
