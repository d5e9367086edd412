// Reads compressed frames from the file that has them, and knows their CRC-32.
// Private to pack/.

#ifndef BOTTLED_PACK_FRAME_FILE_H_
#define BOTTLED_PACK_FRAME_FILE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "absl/status/statusor.h"
#include "pack/frame_pool.h"

namespace bottled {

uint32_t Crc32(std::string_view data);
// Of two pieces behind each other, the second of `second_bytes`.
uint32_t JoinCrc32(uint32_t first, uint32_t second, size_t second_bytes);

// Fills `out`, of frame.size bytes, and returns their CRC-32. A kept frame that
// cannot be read, or does not have its CRC-32, is KEPT_LAYER_DAMAGED. Blocks.
absl::StatusOr<uint32_t> ReadFrame(int spool_fd, const Frame& frame,
                                   std::span<char> out);

}  // namespace bottled

#endif  // BOTTLED_PACK_FRAME_FILE_H_
