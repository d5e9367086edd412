#include "jobs/dockerignore.h"

#include <algorithm>
#include <optional>

#include "absl/strings/ascii.h"
#include "base/error.h"
#include "base/status_macros.h"
#include "platform/file.h"

namespace bottled {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxIgnoreBytes = size_t{1} << 20;
// Beyond it matching could take long; then nothing is left out.
constexpr size_t kMaxPatterns = 1000;
constexpr size_t kMaxPatternBytes = 1024;

// One path element against a pattern of "*", "?" and plain bytes.
bool MatchesElement(std::string_view pattern, std::string_view name) {
  size_t p = 0;
  size_t n = 0;
  std::optional<size_t> star;
  size_t star_name = 0;
  while (n < name.size()) {
    // A "?" is one character, of which a byte may be only a part.
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_name = n;
    } else if (p < pattern.size() &&
               (pattern[p] == name[n] ||
                (pattern[p] == '?' &&
                 absl::ascii_isascii(static_cast<unsigned char>(name[n]))))) {
      ++p;
      ++n;
    } else if (star.has_value()) {
      p = *star + 1;
      n = ++star_name;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') {
    ++p;
  }
  return p == pattern.size();
}

using Elements = std::vector<std::string_view>;

Elements Split(std::string_view text, char separator) {
  Elements parts;
  while (true) {
    const size_t at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) {
      return parts;
    }
    text.remove_prefix(at + 1);
  }
}

std::string_view Trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\v\f";
  const size_t begin = text.find_first_not_of(kSpace);
  return begin == std::string_view::npos
             ? std::string_view()
             : text.substr(begin, text.find_last_not_of(kSpace) + 1 - begin);
}

// Whether the pattern matches the path or the beginning of it, which is a
// directory above it. `reached` are the numbers of leading path elements that
// the pattern so far can match.
bool MatchesPath(const Elements& pattern, const Elements& path) {
  std::vector<bool> reached(path.size() + 1, false);
  reached[0] = true;
  for (auto element = pattern.begin(); element != pattern.end(); ++element) {
    std::vector<bool> next(path.size() + 1, false);
    for (size_t i = 0; i <= path.size(); ++i) {
      if (!reached[i]) {
        continue;
      }
      if (*element == "**") {
        // At the end it is what is below, not the directory itself.
        const size_t least = std::next(element) == pattern.end() ? 1 : 0;
        for (size_t to = i + least; to <= path.size(); ++to) {
          next[to] = true;
        }
        break;
      }
      if (i < path.size() && MatchesElement(*element, path[i])) {
        next[i + 1] = true;
      }
    }
    reached = std::move(next);
  }
  return std::find(reached.begin() + 1, reached.end(), true) != reached.end();
}

// As the builder cleans a line; nullopt when it is of no use here.
std::optional<std::string> CleanPattern(std::string_view line) {
  std::string pattern = fs::path(std::string(line)).lexically_normal().native();
  while (pattern.starts_with('/')) {
    pattern.erase(0, 1);
  }
  while (pattern.ends_with('/')) {
    pattern.pop_back();
  }
  const bool plain = pattern.find_first_of("[\\") == std::string::npos &&
                     !pattern.starts_with("..");
  if (pattern.empty() || pattern == "." || !plain ||
      pattern.size() > kMaxPatternBytes) {
    return std::nullopt;
  }
  for (const std::string_view element : Split(pattern, '/')) {
    // "a**b" crosses directories for some builders and not for others.
    if (element != "**" && element.find("**") != std::string_view::npos) {
      return std::nullopt;
    }
  }
  return pattern;
}

}  // namespace

DockerIgnore::DockerIgnore(std::string_view text) : text_(text) {
  if (text.starts_with("\xEF\xBB\xBF")) {
    text.remove_prefix(3);
  }
  for (std::string_view line : Split(text, '\n')) {
    if (line.starts_with('#')) {
      continue;
    }
    line = Trimmed(line);
    if (line.starts_with('!') || patterns_.size() >= kMaxPatterns) {
      patterns_.clear();
      return;
    }
    if (std::optional<std::string> pattern = CleanPattern(line)) {
      patterns_.push_back(*std::move(pattern));
    }
  }
}

bool DockerIgnore::Ignores(std::string_view path) const {
  if (patterns_.empty()) {
    return false;
  }
  const Elements elements = Split(path, '/');
  return std::any_of(patterns_.begin(), patterns_.end(),
                     [&elements](const std::string& pattern) {
                       return MatchesPath(Split(pattern, '/'), elements);
                     });
}

absl::StatusOr<DockerIgnore> ReadDockerIgnore(const BuildSpec& spec) {
  const fs::path context = spec.context;
  const fs::path dockerfile = spec.dockerfile.empty()
                                  ? context / "Dockerfile"
                                  : fs::path(spec.dockerfile);
  if (PathExists(dockerfile.native() + ".dockerignore")) {
    return DockerIgnore();
  }
  absl::StatusOr<std::string> text =
      ReadSmallFile(context / ".dockerignore", kMaxIgnoreBytes);
  if (!text.ok()) {
    return HasReason(text.status(), "NOT_FOUND")
               ? absl::StatusOr<DockerIgnore>(DockerIgnore())
               : text.status();
  }
  return DockerIgnore(*text);
}

}  // namespace bottled
