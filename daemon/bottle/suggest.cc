#include "bottle/suggest.h"

#include <algorithm>
#include <vector>

namespace bottled {
namespace {

constexpr size_t kMaxDistance = 2;
constexpr size_t kMaxWord = 64;

template <typename Candidate>
std::string Nearest(std::string_view word,
                    std::span<const Candidate> candidates) {
  if (word.size() > kMaxWord) {
    return "";
  }
  std::string_view best;
  size_t best_distance = kMaxDistance + 1;
  for (const std::string_view candidate : candidates) {
    const size_t longer = std::max(word.size(), candidate.size());
    const size_t shorter = std::min(word.size(), candidate.size());
    if (candidate.empty() || longer - shorter > kMaxDistance) {
      continue;
    }
    const size_t distance = EditDistance(word, candidate);
    const bool alike = distance <= 1 ? longer > 1 : distance * 2 < longer;
    if (alike && distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return std::string(best);
}

}  // namespace

size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> before(b.size() + 1);
  std::vector<size_t> last(b.size() + 1);
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) {
    row[j] = j;
  }
  for (size_t i = 1; i <= a.size(); ++i) {
    std::swap(before, last);
    std::swap(last, row);
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replace = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, replace});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
  }
  return row[b.size()];
}

std::string Suggest(std::string_view word,
                    std::span<const std::string_view> candidates) {
  return Nearest(word, candidates);
}

std::string Suggest(std::string_view word,
                    std::span<const std::string> candidates) {
  return Nearest(word, candidates);
}

}  // namespace bottled
