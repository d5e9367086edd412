#include "jobs/engine_objects.h"

#include <chrono>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "engine/containers.h"

namespace bottled {
namespace {

constexpr int64_t kLookForMs = int64_t{24} * 3600 * 1000;
// Seen: a tag came into being 100 ms after its call had been cancelled.
constexpr int kLateTries = 5;
constexpr std::chrono::milliseconds kLatePause(300);

// It does not answer, as opposed to a refusal.
bool IsAway(const absl::Status& status) {
  return HasReason(status, "ENGINE_UNREACHABLE") ||
         HasReason(status, "ENGINE_TIMEOUT") ||
         HasReason(status, "ENGINE_PERMISSION_DENIED");
}

std::string NameOf(const EngineObject& object) {
  return (object.kind == EngineObjectKind::kTag ? "the tag "
                                                : "the container ") +
         object.name;
}

}  // namespace

EngineObjects::Key EngineObjects::KeyOf(const EngineObject& object) {
  return {object.host, object.kind, object.name};
}

EngineObjects::Held::~Held() {
  // Also after a cancel, so not with a job's token.
  absl::StatusOr<bool> removed = owner_.Remove(object_, CancelToken());
  for (int tries = 0;
       removed.ok() && !*removed && !answered_ && tries < kLateTries; ++tries) {
    std::this_thread::sleep_for(kLatePause);
    removed = owner_.Remove(object_, CancelToken());
  }
  absl::Status status = removed.status();
  // What may still come is looked for by Reap().
  if (removed.ok() && (*removed || answered_)) {
    status = owner_.index_.ForgetEngineObject(object_);
  }
  if (!status.ok()) {
    Log("jobs")->warn("cannot remove {}: {}", NameOf(object_),
                      std::string(status.message()));
  }
  MutexLock lock(owner_.mu_);
  owner_.held_.erase(KeyOf(object_));
}

void EngineObjects::Held::Answered(const absl::Status& status) {
  answered_ = !absl::IsCancelled(status) && !absl::IsDeadlineExceeded(status) &&
              !absl::IsUnavailable(status);
}

absl::StatusOr<std::unique_ptr<EngineObjects::Held>> EngineObjects::Hold(
    const EngineEndpoint& endpoint, EngineObjectKind kind, std::string name) {
  EngineObject object{.host = endpoint.host,
                      .tls_dir = endpoint.tls_dir,
                      .skip_tls_verify = endpoint.skip_tls_verify,
                      .kind = kind,
                      .name = std::move(name),
                      .created_ms = clock_.NowMs()};
  {
    // Before it is written down: Reap() must not see it unheld.
    MutexLock lock(mu_);
    held_.insert(KeyOf(object));
  }
  const absl::Status noted = index_.NoteEngineObject(object);
  if (!noted.ok()) {
    MutexLock lock(mu_);
    held_.erase(KeyOf(object));
    return noted;
  }
  return std::unique_ptr<Held>(new Held(*this, std::move(object)));
}

absl::StatusOr<bool> EngineObjects::Remove(const EngineObject& object,
                                           const CancelToken& cancel) {
  const EngineEndpoint endpoint{.host = object.host,
                                .tls_dir = object.tls_dir,
                                .skip_tls_verify = object.skip_tls_verify,
                                .origin = ""};
  const std::shared_ptr<EngineClient> engine = engines_.Get(endpoint);
  return object.kind == EngineObjectKind::kTag
             ? engine->RemoveTag(object.name, cancel)
             : RemoveContainer(*engine, object.name, cancel);
}

bool EngineObjects::IsHeld(const EngineObject& object) {
  MutexLock lock(mu_);
  return held_.contains(KeyOf(object));
}

absl::Status EngineObjects::Reap(const CancelToken& cancel) {
  ASSIGN_OR_RETURN(const std::vector<EngineObject> objects,
                   index_.ListEngineObjects());
  std::set<std::string> silent;
  for (const EngineObject& object : objects) {
    if (silent.contains(object.host) || IsHeld(object)) {
      continue;
    }
    const absl::StatusOr<bool> removed = Remove(object, cancel);
    RETURN_IF_ERROR(cancel.Check());
    const bool old = clock_.NowMs() - object.created_ms > kLookForMs;
    if (!removed.ok()) {
      const bool away = IsAway(removed.status());
      if (away) {
        // Its other objects would only wait as long again.
        silent.insert(object.host);
      }
      Log("jobs")->info("cannot remove {} yet: {}", NameOf(object),
                        std::string(removed.status().message()));
      if (!away && old) {
        RETURN_IF_ERROR(index_.ForgetEngineObject(object));
      }
      continue;
    }
    if (*removed) {
      Log("jobs")->info("removed {}, which was left over", NameOf(object));
    }
    if (*removed || old) {
      RETURN_IF_ERROR(index_.ForgetEngineObject(object));
    }
  }
  return absl::OkStatus();
}

}  // namespace bottled
