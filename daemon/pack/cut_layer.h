// A layer after the cut: its entries, and which blocks of tar they are in.

#ifndef BOTTLED_PACK_CUT_LAYER_H_
#define BOTTLED_PACK_CUT_LAYER_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "image/entry.h"

namespace bottled {

// Where the tar bytes (headers, content, padding) of one entry are.
struct EntryPlace {
  // Index into CutLayer::blocks; -1 for entries that go into no block.
  int block = -1;
  // Offset of the first header byte in that block's uncompressed bytes.
  uint32_t offset = 0;
  uint32_t header_bytes = 0;
};

// One block of a layer.
struct CutBlock {
  int frame = 0;  // number in the FramePool
  // The entries that have bytes in it: [first_entry, last_entry] in layer
  // order, those without bytes among them not counted.
  size_t first_entry = 0;
  size_t last_entry = 0;
};

// One layer after the cut. `places` is parallel to `entries`.
struct CutLayer {
  LayerEntries entries;
  std::vector<EntryPlace> places;
  std::vector<CutBlock> blocks;
};

}  // namespace bottled

#endif  // BOTTLED_PACK_CUT_LAYER_H_
