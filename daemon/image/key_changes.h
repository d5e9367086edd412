// What differs between the inputs of two content keys, for people: the answer
// to "why is it made again?". Pure, so thread-safe.

#ifndef BOTTLED_IMAGE_KEY_CHANGES_H_
#define BOTTLED_IMAGE_KEY_CHANGES_H_

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bottled {

// One input. A value that was not there is empty.
struct InputChange {
  std::string name;  // "layer 3", "env.PATH", "options.cpus", "packer" …
  std::string before;
  std::string after;

  bool operator==(const InputChange&) const = default;
};

// What is shown in place of the value of a variable, which may be a secret:
// equal for equal values, and nothing from which to guess it.
using HideValue =
    std::function<std::string(std::string_view name, std::string_view value)>;

// Every input that differs, sorted by name, layers by number. Both texts are
// ContentKeyInputs(); nothing differs from a text that is no JSON object. Long
// values are cut. Values of variables only show as `hide` has them.
std::vector<InputChange> CompareKeyInputs(std::string_view before,
                                          std::string_view after,
                                          const HideValue& hide);

// True when nothing differs but the revision of the same packer.
bool IsFormatChange(std::span<const InputChange> changes);

}  // namespace bottled

#endif  // BOTTLED_IMAGE_KEY_CHANGES_H_
