#include "platform/host_load.h"

#include <charconv>

namespace bottled {

double PressureOf(std::string_view text, std::string_view line) {
  const std::string begin = std::string(line) + " avg10=";
  const size_t at = text.find(begin);
  if (at == std::string_view::npos || (at > 0 && text[at - 1] != '\n')) {
    return 0;
  }
  text.remove_prefix(at + begin.size());
  double share = 0;
  const auto read =
      std::from_chars(text.data(), text.data() + text.size(), share);
  return read.ec == std::errc() && share >= 0 && share <= 100 ? share : 0;
}

}  // namespace bottled
