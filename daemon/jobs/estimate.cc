#include "jobs/estimate.h"

#include <algorithm>

namespace bottled {
namespace {

constexpr double kLeastBytes = 1 << 20;
// Beyond it no disk helps; far from the end of an int64_t.
constexpr double kMostBytes = 1e15;
constexpr double kSpoolAndArtifact = 2.2;
// An image beside its artifact.
constexpr double kUnpackedShare = 3;

double Artifact(const JobSize& size) {
  if (size.same_bytes > 0) {
    return static_cast<double>(size.same_bytes);
  }
  if (size.similar_bytes > 0) {
    return 1.25 * static_cast<double>(size.similar_bytes);
  }
  return 0.5 * static_cast<double>(size.source_bytes);
}

}  // namespace

int64_t EstimateBytes(PackerKind packer, const JobSize& size) {
  const double artifact = Artifact(size);
  if (artifact <= 0) {
    return 0;
  }
  const double unpacked = std::max(static_cast<double>(size.source_bytes),
                                   kUnpackedShare * artifact);
  double bytes = kSpoolAndArtifact * artifact;
  switch (packer) {
    case PackerKind::kAuto:
    case PackerKind::kNative:
      break;
    case PackerKind::kSmolvm:
      // Our artifact, the archive for smolvm, its copy and its tree, and what
      // it writes.
      bytes = 2 * artifact + 3 * unpacked;
      break;
    case PackerKind::kPush:
      // The layers, the tree, and what smolvm writes.
      bytes = 2 * artifact + 2 * unpacked;
      break;
  }
  return static_cast<int64_t>(std::clamp(bytes, kLeastBytes, kMostBytes));
}

}  // namespace bottled
