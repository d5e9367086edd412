#include "bottle/gate_errors.h"

#include <string>

#include "base/error.h"
#include "base/strings.h"
#include "fmt/format.h"

namespace bottled {
namespace {

constexpr size_t kMaxQuoted = 200;

std::string Place(const Origin& origin) {
  if (origin.file.empty()) {
    return "";
  }
  const std::string file = Printable(origin.file, 1000);
  return origin.line > 0 ? fmt::format("{}:{}: ", file, origin.line)
                         : file + ": ";
}

}  // namespace

absl::Status GateUnrenderable(std::string_view gate, std::string_view value,
                              std::string_view why, const Origin& origin) {
  return MakeError(
      absl::StatusCode::kInvalidArgument, "GATE_UNRENDERABLE",
      fmt::format("{}\"{}\" cannot be given to {}: {}", Place(origin),
                  Printable(value, kMaxQuoted), gate, why),
      "Change the value in the bottle; docs/gates.md says what each gate "
      "takes.");
}

}  // namespace bottled
