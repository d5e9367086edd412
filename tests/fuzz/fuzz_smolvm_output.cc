// The output of smolvm's packer: whatever is printed, lines are bounded, not
// too many, and progress stays within itself and never goes back.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz/bytes.h"
#include "pack/smolvm_output.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr size_t kMaxBytes = 4096;
  constexpr size_t kMaxLines = 1000;
  const std::string_view bytes = bottled::AsText(data, size);
  bottled::SmolvmOutput output;
  bottled::SmolvmProgress before;
  size_t shown = 0;
  const auto check = [&](const std::vector<std::string>& lines) {
    shown += lines.size();
    for (const std::string& line : lines) {
      if (line.size() > kMaxBytes || line.empty()) {
        std::abort();
      }
    }
    const bottled::SmolvmProgress& now = output.progress();
    if (shown > kMaxLines || output.error().size() > kMaxBytes ||
        output.last_line().size() > kMaxBytes || now.done < 0 ||
        now.phase < before.phase ||
        (now.phase == before.phase && now.done < before.done) ||
        (now.total > 0 && now.done > now.total)) {
      std::abort();
    }
    before = now;
  };
  const size_t half = size / 2;
  check(output.Add(bytes.substr(0, half)));
  check(output.Add(bytes.substr(half)));
  check(output.Finish());
  return 0;
}
