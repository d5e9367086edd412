// How much of the disk a job may need at its peak: a guess, on the high side.
// Pure.

#ifndef BOTTLED_JOBS_ESTIMATE_H_
#define BOTTLED_JOBS_ESTIMATE_H_

#include <cstdint>

#include "jobs/packers.h"

namespace bottled {

// What is known beforehand; 0 = nothing.
struct JobSize {
  // The artifact that this very content had before.
  int64_t same_bytes = 0;
  // The artifact that the reference meant before.
  int64_t similar_bytes = 0;
  // The image, unpacked, as its engine tells it, or the archive's file.
  int64_t source_bytes = 0;
};

// Natively: 2.2 × the artifact, which is the promise for the spool and the
// artifact together. smolvm's packers also unpack the image once or twice.
// The artifact is that of before, a quarter more if only similar, else half of
// the source, which zstd nearly always does better than. At least 1 MiB; 0 with
// nothing known.
int64_t EstimateBytes(PackerKind packer, const JobSize& size);

}  // namespace bottled

#endif  // BOTTLED_JOBS_ESTIMATE_H_
