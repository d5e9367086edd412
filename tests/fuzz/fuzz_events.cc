// An engine's stream of events, in pieces that the input chooses: what comes
// out is bounded, and does not depend on the pieces.

#include <algorithm>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "engine/events.h"
#include "fuzz/bytes.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = bottled::AsText(data, size);
  std::vector<bottled::ImageEvent> whole;
  bottled::ImageEventLines().Add(text, whole);
  std::vector<bottled::ImageEvent> pieces;
  bottled::ImageEventLines lines;
  for (std::string_view rest = text; !rest.empty();) {
    const size_t piece = std::min<size_t>(
        rest.size(), 1 + static_cast<unsigned char>(rest.front()));
    lines.Add(rest.substr(0, piece), pieces);
    rest.remove_prefix(piece);
  }
  if (whole != pieces) {
    std::abort();
  }
  for (const bottled::ImageEvent& event : whole) {
    if (event.action.size() > 64 || event.reference.size() > 512) {
      std::abort();
    }
  }
  return 0;
}
