// DigestLocks: one lock per digest, so that a publication that verifies a file
// of gigabytes holds up nobody but those who want the same file.
//
// Thread-safe. Not recursive.

#ifndef BOTTLED_STORE_DIGEST_LOCKS_H_
#define BOTTLED_STORE_DIGEST_LOCKS_H_

#include <set>

#include "base/mutex.h"
#include "image/digest.h"

namespace bottled {

class DigestLocks {
 public:
  // Holds the digest for the life of a scope; waits for another holder.
  class Hold {
   public:
    Hold(DigestLocks& locks, const Digest& digest)
        : locks_(locks), digest_(digest) {
      MutexLock lock(locks_.mu_);
      while (!locks_.held_.insert(digest_).second) {
        locks_.released_.Wait(locks_.mu_);
      }
    }
    ~Hold() {
      MutexLock lock(locks_.mu_);
      locks_.held_.erase(digest_);
      locks_.released_.NotifyAll();
    }
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;

   private:
    DigestLocks& locks_;
    const Digest digest_;
  };

 private:
  Mutex mu_;
  CondVar released_;
  std::set<Digest> held_ ABSL_GUARDED_BY(mu_);
};

}  // namespace bottled

#endif  // BOTTLED_STORE_DIGEST_LOCKS_H_
