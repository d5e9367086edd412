#include "jobs/key_claims.h"

#include <chrono>
#include <utility>

#include "base/status_macros.h"

namespace bottled {
namespace {

// How often a waiting thread looks at its token.
constexpr std::chrono::milliseconds kLookAtToken(100);

}  // namespace

KeyClaims::Claim::~Claim() {
  MutexLock lock(owner_.mu_);
  owner_.taken_.erase(key_);
  owner_.changed_.NotifyAll();
}

absl::StatusOr<std::unique_ptr<KeyClaims::Claim>> KeyClaims::Take(
    const Digest& key, const std::function<void()>& waits,
    const CancelToken& cancel) {
  bool told = false;
  while (true) {
    {
      MutexLock lock(mu_);
      if (told && taken_.contains(key)) {
        changed_.WaitFor(mu_, kLookAtToken);
      }
      if (!taken_.contains(key)) {
        taken_.insert(key);
        return std::unique_ptr<Claim>(new Claim(*this, key));
      }
    }
    RETURN_IF_ERROR(cancel.Check());
    if (!std::exchange(told, true)) {
      waits();
    }
  }
}

}  // namespace bottled
