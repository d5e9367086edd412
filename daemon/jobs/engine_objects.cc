#include "jobs/engine_objects.h"

#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "base/status_macros.h"

namespace bottled {
namespace {

constexpr int64_t kLookForMs = int64_t{24} * 3600 * 1000;

}  // namespace

EngineObjects::HeldTag::~HeldTag() {
  // Also after a cancel, so not with a job's token.
  absl::Status status = owner_.Remove(object_, CancelToken()).status();
  if (status.ok()) {
    status = owner_.index_.ForgetEngineObject(object_);
  }
  if (!status.ok()) {
    Log("jobs")->warn("cannot remove the tag {}: {}", object_.tag,
                      std::string(status.message()));
  }
  MutexLock lock(owner_.mu_);
  owner_.held_.erase({object_.host, object_.tag});
}

absl::StatusOr<std::unique_ptr<EngineObjects::HeldTag>> EngineObjects::HoldTag(
    const EngineEndpoint& endpoint, std::string tag) {
  EngineObject object{.host = endpoint.host,
                      .tls_dir = endpoint.tls_dir,
                      .skip_tls_verify = endpoint.skip_tls_verify,
                      .tag = std::move(tag),
                      .created_ms = clock_.NowMs()};
  {
    // Before it is written down: Reap() must not see it unheld.
    MutexLock lock(mu_);
    held_.insert({object.host, object.tag});
  }
  const absl::Status noted = index_.NoteEngineObject(object);
  if (!noted.ok()) {
    MutexLock lock(mu_);
    held_.erase({object.host, object.tag});
    return noted;
  }
  return std::unique_ptr<HeldTag>(new HeldTag(*this, std::move(object)));
}

absl::StatusOr<bool> EngineObjects::Remove(const EngineObject& object,
                                           const CancelToken& cancel) {
  const EngineEndpoint endpoint{.host = object.host,
                                .tls_dir = object.tls_dir,
                                .skip_tls_verify = object.skip_tls_verify,
                                .origin = ""};
  return engines_.Get(endpoint)->RemoveTag(object.tag, cancel);
}

bool EngineObjects::Held(const EngineObject& object) {
  MutexLock lock(mu_);
  return held_.contains({object.host, object.tag});
}

absl::Status EngineObjects::Reap(const CancelToken& cancel) {
  ASSIGN_OR_RETURN(const std::vector<EngineObject> objects,
                   index_.ListEngineObjects());
  std::set<std::string> silent;
  for (const EngineObject& object : objects) {
    if (silent.contains(object.host) || Held(object)) {
      continue;
    }
    const absl::StatusOr<bool> removed = Remove(object, cancel);
    RETURN_IF_ERROR(cancel.Check());
    if (!removed.ok()) {
      // Its other objects would only wait as long again.
      silent.insert(object.host);
      Log("jobs")->info("cannot remove the tag {} yet: {}", object.tag,
                        std::string(removed.status().message()));
      continue;
    }
    if (*removed) {
      Log("jobs")->info("removed the tag {}, which was left over", object.tag);
    }
    if (*removed || clock_.NowMs() - object.created_ms > kLookForMs) {
      RETURN_IF_ERROR(index_.ForgetEngineObject(object));
    }
  }
  return absl::OkStatus();
}

}  // namespace bottled
