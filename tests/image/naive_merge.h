// A second, deliberately simple implementation of the merge's rules: one map
// from full paths to objects, prefix scans instead of a tree, objects shared by
// hard links. Slow, and written apart from the real one, so that they do not
// share mistakes.

#ifndef BOTTLED_TESTS_IMAGE_NAIVE_MERGE_H_
#define BOTTLED_TESTS_IMAGE_NAIVE_MERGE_H_

#include <optional>
#include <vector>

#include "image/entry.h"
#include "image/merge_tools.h"

namespace bottled {

// nullopt where the real merge must report LAYER_INVALID.
std::optional<Tree> NaiveMerge(const std::vector<const LayerEntries*>& layers);

}  // namespace bottled

#endif  // BOTTLED_TESTS_IMAGE_NAIVE_MERGE_H_
