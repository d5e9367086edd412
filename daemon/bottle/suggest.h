// "Did you mean …?": the nearest of a few words. Pure, thread-safe.

#ifndef BOTTLED_BOTTLE_SUGGEST_H_
#define BOTTLED_BOTTLE_SUGGEST_H_

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace bottled {

// Insertions, deletions, replacements and swaps of neighbours, in bytes, that
// make `b` of `a`, no byte changed twice (optimal string alignment). Quadratic
// in the lengths.
size_t EditDistance(std::string_view a, std::string_view b);

// The candidate at the smallest distance from `word`, at most 2 and less than
// half of the longer word's length or 1; the first of several. Empty when there
// is none, or when `word` has more than 64 bytes: nobody meant that.
std::string Suggest(std::string_view word,
                    std::span<const std::string_view> candidates);
std::string Suggest(std::string_view word,
                    std::span<const std::string> candidates);

}  // namespace bottled

#endif  // BOTTLED_BOTTLE_SUGGEST_H_
