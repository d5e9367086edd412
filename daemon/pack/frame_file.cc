#include "pack/frame_file.h"

#include <zlib.h>

#include <string>

#include "base/status_macros.h"
#include "pack/errors.h"
#include "platform/file.h"

namespace bottled {

uint32_t Crc32(std::string_view data) {
  return static_cast<uint32_t>(
      crc32_z(0, reinterpret_cast<const Bytef*>(data.data()), data.size()));
}

uint32_t JoinCrc32(uint32_t first, uint32_t second, size_t second_bytes) {
  return static_cast<uint32_t>(
      crc32_combine(first, second, static_cast<z_off_t>(second_bytes)));
}

absl::StatusOr<uint32_t> ReadFrame(int spool_fd, const Frame& frame,
                                   std::span<char> out) {
  if (frame.kept_fd < 0) {
    RETURN_IF_ERROR(PreadAll(spool_fd, out, frame.offset));
    return Crc32({out.data(), out.size()});
  }
  const absl::Status read = PreadAll(frame.kept_fd, out, frame.offset);
  if (!read.ok()) {
    return KeptLayerDamagedError(std::string(read.message()));
  }
  const uint32_t crc = Crc32({out.data(), out.size()});
  if (crc != frame.kept_crc32) {
    return KeptLayerDamagedError("a frame has another checksum");
  }
  return crc;
}

}  // namespace bottled
