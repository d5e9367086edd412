// The stream of a push or a pull, in pieces that the input chooses: whatever is
// counted stays within its total, and the words for people stay bounded.

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "engine/push.h"
#include "fuzz/bytes.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view rest = bottled::AsText(data, size);
  bottled::TransferStream stream;
  while (!rest.empty()) {
    const size_t piece = std::min<size_t>(
        rest.size(), 1 + static_cast<unsigned char>(rest.front()));
    stream.Add(rest.substr(0, piece));
    rest.remove_prefix(piece);
    if (stream.done_bytes() < 0 || stream.done_bytes() > stream.total_bytes()) {
      std::abort();
    }
  }
  stream.Finish();
  if (stream.error().size() > 2048) {
    std::abort();
  }
  return 0;
}
