// The output of a build: whatever is printed, lines are bounded and a value
// that is to be kept out stays out.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "engine/build_output.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::string secret = "0123456789";
  bottled::BuildOutput output({secret});
  const auto check = [&](const std::vector<std::string>& lines) {
    for (const std::string& line : lines) {
      if (line.size() > 8 << 10 || line.find(secret) != std::string::npos) {
        std::abort();
      }
    }
    const bottled::BuildOutput::Steps steps = output.steps();
    if (steps.done < 0 || steps.done > steps.total) {
      std::abort();
    }
  };
  const size_t half = size / 2;
  check(output.Add(bytes.substr(0, half)));
  check(output.Add(bytes.substr(half)));
  check(output.Finish());
  return 0;
}
