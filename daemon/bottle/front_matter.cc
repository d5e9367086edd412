#include "bottle/front_matter.h"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "base/status_macros.h"
#include "bottle/manifest_errors.h"

namespace bottled {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

// Takes the first line off `rest`, without its end.
std::string_view TakeLine(std::string_view* rest) {
  const size_t end = rest->find('\n');
  std::string_view line = rest->substr(0, end);
  rest->remove_prefix(end == std::string_view::npos ? rest->size() : end + 1);
  if (line.ends_with('\r')) {
    line.remove_suffix(1);
  }
  return line;
}

// The length of the character at the front (Unicode 15, table 3-7); 0 when it
// is none.
size_t CharacterLength(std::string_view text) {
  const auto byte = [text](size_t i) -> unsigned {
    return static_cast<unsigned char>(text[i]);
  };
  const unsigned first = byte(0);
  size_t length = 0;
  unsigned low = 0x80;
  unsigned high = 0xbf;
  if (first < 0x80) {
    return 1;
  }
  if (first >= 0xc2 && first <= 0xdf) {
    length = 2;
  } else if (first >= 0xe0 && first <= 0xef) {
    length = 3;
    low = first == 0xe0 ? 0xa0 : 0x80;
    high = first == 0xed ? 0x9f : 0xbf;
  } else if (first >= 0xf0 && first <= 0xf4) {
    length = 4;
    low = first == 0xf0 ? 0x90 : 0x80;
    high = first == 0xf4 ? 0x8f : 0xbf;
  }
  if (length == 0 || text.size() < length) {
    return 0;
  }
  for (size_t i = 1; i < length; ++i) {
    if (byte(i) < low || byte(i) > high) {
      return 0;
    }
    low = 0x80;
    high = 0xbf;
  }
  return length;
}

absl::Status CheckLine(std::string_view line, Origin at) {
  for (size_t i = 0; i < line.size();) {
    const auto c = static_cast<unsigned char>(line[i]);
    at.column = static_cast<int>(i) + 1;
    if ((c < 0x20 && c != '\t') || c == 0x7f ||
        line.substr(i).starts_with(kByteOrderMark)) {
      return ManifestControlCharacter(at);
    }
    const size_t length = CharacterLength(line.substr(i));
    if (length == 0) {
      return ManifestNotUtf8(at);
    }
    i += length;
  }
  return absl::OkStatus();
}

absl::Status CheckSizes(std::string_view text, const std::string& file) {
  std::string_view rest = text;
  for (int number = 1; !rest.empty(); ++number) {
    const size_t length = std::min(rest.find('\n'), rest.size());
    if (length > kMaxManifestLineBytes) {
      return ManifestLineTooLong({file, number});
    }
    if (rest.substr(0, length).find('\0') != std::string_view::npos) {
      return ManifestNulByte({file, number});
    }
    rest.remove_prefix(std::min(length + 1, rest.size()));
  }
  if (text.size() > kMaxManifestBytes) {
    return ManifestTooLarge({file});
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<FrontMatter> SplitFrontMatter(std::string_view text,
                                             std::string_view file) {
  const std::string name(file);
  RETURN_IF_ERROR(CheckSizes(text, name));
  std::string_view rest = text;
  if (rest.starts_with(kByteOrderMark)) {
    rest.remove_prefix(kByteOrderMark.size());
  }
  if (TakeLine(&rest) != "---") {
    return ManifestNoFrontMatter({name, 1});
  }
  FrontMatter out;
  for (int number = out.yaml_line; !rest.empty(); ++number) {
    const std::string_view line = TakeLine(&rest);
    if (line == "---" || line == "...") {
      out.body = rest;
      return out;
    }
    RETURN_IF_ERROR(CheckLine(line, {name, number}));
    out.yaml += line;
    out.yaml += '\n';
  }
  return ManifestFrontMatterOpen({name, 1});
}

}  // namespace bottled
