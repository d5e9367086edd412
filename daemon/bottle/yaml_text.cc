#include "bottle/yaml_text.h"

#include <cstddef>
#include <cstdint>

#include "fmt/format.h"

namespace bottled {
namespace {

struct Decoded {
  uint32_t code = 0;
  size_t bytes = 0;  // 0: not UTF-8
};

// The first character, by the table of RFC 3629 §4: no overlong forms, no
// surrogates, nothing above U+10FFFF.
Decoded DecodeFirst(std::string_view text) {
  const auto at = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = at(0);
  if (lead < 0x80) {
    return {lead, 1};
  }
  size_t bytes = 0;
  uint32_t code = 0;
  uint32_t least = 0;
  if ((lead & 0xe0) == 0xc0) {
    bytes = 2, code = lead & 0x1f, least = 0x80;
  } else if ((lead & 0xf0) == 0xe0) {
    bytes = 3, code = lead & 0x0f, least = 0x800;
  } else if ((lead & 0xf8) == 0xf0) {
    bytes = 4, code = lead & 0x07, least = 0x10000;
  }
  if (bytes == 0 || text.size() < bytes) {
    return {};
  }
  for (size_t i = 1; i < bytes; ++i) {
    if ((at(i) & 0xc0) != 0x80) {
      return {};
    }
    code = code << 6 | (at(i) & 0x3f);
  }
  if (code < least || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) {
    return {};
  }
  return {code, bytes};
}

// Not printable in YAML 1.2 §5.1, or something else than itself to some parser.
bool MustEscape(uint32_t code) {
  return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x2028 ||
         code == 0x2029 || code == 0xfeff || (code & 0xfffe) == 0xfffe;
}

std::string Escaped(uint32_t code) {
  if (code <= 0xff) {
    return fmt::format("\\x{:02X}", code);
  }
  return code <= 0xffff ? fmt::format("\\u{:04X}", code)
                        : fmt::format("\\U{:08X}", code);
}

}  // namespace

bool IsYamlText(std::string_view text) {
  while (!text.empty()) {
    const Decoded first = DecodeFirst(text);
    if (first.bytes == 0) {
      return false;
    }
    text.remove_prefix(first.bytes);
  }
  return true;
}

std::string YamlQuoted(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const Decoded first = DecodeFirst(text);
    if (first.bytes == 0) {
      out += "\xef\xbf\xbd";
      text.remove_prefix(1);
      continue;
    }
    if (first.code == '"' || first.code == '\\') {
      out += '\\';
    }
    if (MustEscape(first.code)) {
      out += Escaped(first.code);
    } else {
      out += text.substr(0, first.bytes);
    }
    text.remove_prefix(first.bytes);
  }
  return out + '"';
}

}  // namespace bottled
