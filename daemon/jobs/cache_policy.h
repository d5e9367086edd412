// The policy of the cache: which artifacts go when there are too many. Pure.

#ifndef BOTTLED_JOBS_CACHE_POLICY_H_
#define BOTTLED_JOBS_CACHE_POLICY_H_

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "store/records.h"

namespace bottled {

struct CachePolicy {
  // Of all artifacts together; 0 = min(100 GB, a fifth of the file system).
  int64_t max_bytes = 0;
  // On the cache's file system, if that tells its size; 0 = max(10 GB, a tenth
  // of it), but at most a quarter.
  int64_t min_free_bytes = 0;
  // Unused for longer: goes. 0 = never.
  std::chrono::milliseconds max_idle = std::chrono::hours(30 * 24);
  // Made or asked for less long ago: stays.
  std::chrono::milliseconds min_keep_age = std::chrono::minutes(10);
};

// The policy with its zeros replaced, for a file system of `total_bytes`.
CachePolicy Resolved(CachePolicy policy, int64_t total_bytes);

// One artifact as the policy sees it.
struct CacheEntry {
  ArtifactRecord record;
  // A sentence for each pin and lease; empty = free.
  std::vector<std::string> holders;
  // Other names of the file elsewhere: removing ours gives no room back.
  bool linked = false;
  // The one that its content key leads to; else it was superseded.
  bool current = true;
};

struct Verdict {
  Digest artifact;
  int64_t bytes = 0;
  bool remove = false;
  // "HELD", "LINKED", "YOUNG", "WITHIN_LIMITS"; "SUPERSEDED", "IDLE",
  // "OVER_CAP", "LOW_SPACE".
  std::string reason;
  // For people: the holders, the age, by how much over.
  std::string detail;
};

// One verdict for each entry, those to be removed first, in the order of
// removal: superseded ones, idle ones, then those that warming made and nobody
// asked for, then the least recently used, until what is left is within 90 % of
// the cap and the free space is at least min_free_bytes. Held, linked and young
// ones never go. `policy` is resolved. What was last used before
// `watched_since_ms` (jobs/watched_time.h) is idle from then on, and what was
// used in the future counts as used then.
std::vector<Verdict> Judge(std::vector<CacheEntry> entries, int64_t free_bytes,
                           const CachePolicy& policy, int64_t now_ms,
                           int64_t watched_since_ms = 0);

}  // namespace bottled

#endif  // BOTTLED_JOBS_CACHE_POLICY_H_
