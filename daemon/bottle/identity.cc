#include "bottle/identity.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/strings.h"

namespace bottled {
namespace {

constexpr size_t kSuffixBytes = 5;
constexpr std::string_view kBase36 = "0123456789abcdefghijklmnopqrstuvwxyz";
// The largest multiple of 36 that a byte can hold: bytes from here on would
// make some characters likelier than others.
constexpr int kFairBytes = 252;

bool IsSlugChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

int Nibble(char c) { return c <= '9' ? c - '0' : c - 'a' + 10; }

std::string RandomBase36(size_t count) {
  std::string text;
  while (text.size() < count) {
    const std::string hex = RandomHex(count);
    for (size_t i = 0; i + 1 < hex.size() && text.size() < count; i += 2) {
      const int byte = Nibble(hex[i]) * 16 + Nibble(hex[i + 1]);
      if (byte < kFairBytes) {
        text.push_back(kBase36[static_cast<size_t>(byte % 36)]);
      }
    }
  }
  return text;
}

// At most `max_bytes`, and no hyphen at the end.
std::string Cut(std::string slug, size_t max_bytes) {
  slug.resize(std::min(slug.size(), max_bytes));
  while (!slug.empty() && slug.back() == '-') {
    slug.pop_back();
  }
  return slug;
}

}  // namespace

std::string Slugify(std::string_view text) {
  std::string slug;
  for (char c : text) {
    if (c >= 'A' && c <= 'Z') {
      c = static_cast<char>(c - 'A' + 'a');
    }
    if (IsSlugChar(c)) {
      slug.push_back(c);
    } else if (!slug.empty() && slug.back() != '-') {
      slug.push_back('-');
    }
    if (slug.size() > kMaxSlugBytes) {
      break;
    }
  }
  slug = Cut(std::move(slug), kMaxSlugBytes);
  return slug.empty() ? "agent" : slug;
}

std::string MakeSlug(std::string_view agent) {
  return Cut(Slugify(agent), kMaxSlugBytes - kSuffixBytes - 1) + "-" +
         RandomBase36(kSuffixBytes);
}

bool IsSlug(std::string_view text) {
  if (text.empty() || text.size() > kMaxSlugBytes || text.front() == '-' ||
      text.back() == '-') {
    return false;
  }
  char last = '\0';
  for (const char c : text) {
    if (!IsSlugChar(c) && (c != '-' || last == '-')) {
      return false;
    }
    last = c;
  }
  return true;
}

Identity::Identity(std::string_view name)
    : slug(name),
      machine("claude-bottle-" + slug),
      network(std::string(kNetworkPrefix) + slug),
      container("claude-bottle-sidecars-" + slug),
      compose_project("claude-bottle-" + slug) {}

}  // namespace bottled
