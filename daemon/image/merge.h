// Merges layers bottom-up into the tree that a container would see, and says
// for every entry of every layer whether it is still there.
//
// Rules (OCI image-spec layer.md, and what overlayfs shows):
// - whiteouts and opaque markers of a layer hide only what lower layers hold,
//   whatever their place in the tar; then the layer's entries are added in
//   order, and of two entries with one path the last wins;
// - a directory over a directory replaces its metadata and keeps the children;
//   any other change of kind removes what was there;
// - hard links share an inode with the name they link to in their own layer. A
//   link to a name of a lower layer copies that file up: both names share a new
//   inode, other lower names keep the old one. When the name that carries the
//   content goes, the next one carries it. Owner, mode and time are those of
//   the last link's header, as docker and containerd set them (their
//   createTarFile changes owner and time for links too);
// - a parent that has no entry of its own is created 0755 root:root; if it is a
//   symbolic link to a directory, the entry lands behind the link, as
//   containerd applies it. Any other non-directory in its place gives way. A
//   whiteout below a link is followed only where its layer puts nothing in the
//   link's place: what the layer itself puts there hides the link.
//
// Symbolic links without a target, which no Linux can hold, are left out.

#ifndef BOTTLED_IMAGE_MERGE_H_
#define BOTTLED_IMAGE_MERGE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "image/entry.h"
#include "image/limits.h"
#include "image/notes.h"

namespace bottled {

// What becomes of one entry in the flattened tar.
enum class Fate : uint8_t {
  // Nothing of it remains. Directories, whiteouts and opaque markers always.
  kDropped,
  // It is written exactly as the layer has it.
  kKept,
  // Its content is needed under other headers: see LayerPlan::rewritten.
  kRewritten,
};

// Parallel to one layer's entries.
struct LayerPlan {
  std::vector<Fate> fates;
  // For entries with kRewritten: the headers to write in their place, in order.
  // Each kFile header is followed by the entry's content.
  std::map<size_t, std::vector<Entry>> rewritten;
};

struct MergedDirectory {
  // As the highest layer that names it has it. Nobody keeps its time, so there
  // are no notes about that.
  Entry entry;
  // The lowest layer since which it is there, or whose plan writes something
  // below it. What upper layers add to a tree changes it for none of the
  // directories that lower layers have.
  uint32_t layer = 0;
};

struct MergedTree {
  // All directories but the root, sorted bytewise by path: parents first.
  std::vector<MergedDirectory> directories;
  // One plan per layer, bottom first. Written layer by layer, each after the
  // directories of that layer, every name comes after its directory and every
  // hard link after the name that it links to.
  std::vector<LayerPlan> layers;
  // Directories and everything that is written.
  int64_t entry_count = 0;
  std::vector<Note> notes;
};

// `layers` is bottom first; the same layer may occur twice, each with a plan of
// its own. Pure, allocates in proportion to the entries. Errors: LAYER_INVALID
// (hard link to nothing or to a directory, more than 40 symbolic links on a
// path, a path that grows to 4096 bytes behind a link), IMAGE_TOO_LARGE (more
// than limits.max_entries in the result, or that many directories that no layer
// names).
absl::StatusOr<MergedTree> MergeLayers(
    std::span<const LayerEntries* const> layers,
    const ImageLimits& limits = {});

}  // namespace bottled

#endif  // BOTTLED_IMAGE_MERGE_H_
