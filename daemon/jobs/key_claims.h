// KeyClaims: one run per content key, even of jobs that did not know their key
// when they were submitted (builds, archives): the scheduler joins those whose
// key is known, this makes the others wait for each other.

#ifndef BOTTLED_JOBS_KEY_CLAIMS_H_
#define BOTTLED_JOBS_KEY_CLAIMS_H_

#include <functional>
#include <memory>
#include <set>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "base/cancel.h"
#include "base/mutex.h"
#include "image/digest.h"

namespace bottled {

// Thread-safe. Outlives its claims.
class KeyClaims {
 public:
  // The right to make the content of a key, while it lives.
  class Claim {
   public:
    ~Claim();
    Claim(const Claim&) = delete;
    Claim& operator=(const Claim&) = delete;

   private:
    friend class KeyClaims;
    Claim(KeyClaims& owner, Digest key) : owner_(owner), key_(std::move(key)) {}

    KeyClaims& owner_;
    const Digest key_;
  };

  // Blocks until nobody else has a claim on `key`; whoever had may have made it
  // by then, so look. `waits` is called once, before it waits. A thread that
  // has a claim may only wait for one that no holder of that wants its own:
  // the pipeline claims an image's key before that of its export. CANCELLED.
  absl::StatusOr<std::unique_ptr<Claim>> Take(
      const Digest& key, const std::function<void()>& waits,
      const CancelToken& cancel);

 private:
  Mutex mu_;
  CondVar changed_;
  std::set<Digest> taken_ ABSL_GUARDED_BY(mu_);
};

}  // namespace bottled

#endif  // BOTTLED_JOBS_KEY_CLAIMS_H_
