#include "base/strings.h"

#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <span>

#include "fmt/format.h"

namespace bottled {
namespace {

constexpr char kHex[] = "0123456789abcdef";
constexpr std::string_view kEllipsis = "\xe2\x80\xa6";

void AppendHex(std::string& out, unsigned char byte) {
  out.push_back(kHex[byte >> 4]);
  out.push_back(kHex[byte & 15]);
}

// A decoded character; `length` 0 = invalid UTF-8 (Unicode 15, table 3-7).
struct Character {
  char32_t code = 0;
  size_t length = 0;
};

Character Decode(std::string_view text) {
  const auto byte = [text](size_t i) {
    return static_cast<unsigned char>(text[i]);
  };
  const unsigned char first = byte(0);
  if (first < 0x80) {
    return {first, 1};
  }
  size_t length = 0;
  char32_t code = 0;
  char32_t smallest = 0;
  if (first >= 0xc2 && first <= 0xdf) {
    length = 2, code = first & 0x1f, smallest = 0x80;
  } else if (first >= 0xe0 && first <= 0xef) {
    length = 3, code = first & 0x0f, smallest = 0x800;
  } else if (first >= 0xf0 && first <= 0xf4) {
    length = 4, code = first & 0x07, smallest = 0x10000;
  }
  if (length == 0 || text.size() < length) {
    return {};
  }
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) {
      return {};
    }
    code = (code << 6) | (byte(i) & 0x3f);
  }
  const bool surrogate = code >= 0xd800 && code <= 0xdfff;
  if (code < smallest || code > 0x10ffff || surrogate) {
    return {};
  }
  return {code, length};
}

// C0, C1, the line separators and the bidirectional controls, which reorder
// what a reader sees.
bool IsUnsafe(char32_t code) {
  return code < 0x20 || (code >= 0x7f && code <= 0x9f) || code == 0x200e ||
         code == 0x200f || (code >= 0x2028 && code <= 0x202e) ||
         (code >= 0x2066 && code <= 0x2069);
}

}  // namespace

std::string HexEncode(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    AppendHex(out, static_cast<unsigned char>(c));
  }
  return out;
}

std::string Printable(std::string_view text, size_t max_bytes) {
  std::string out;
  // Where to cut, should the text turn out to be too long.
  size_t cut = 0;
  const size_t cut_limit =
      max_bytes >= kEllipsis.size() ? max_bytes - kEllipsis.size() : 0;
  std::string unit;
  while (!text.empty()) {
    const Character character = Decode(text);
    const size_t length = std::max<size_t>(character.length, 1);
    unit.clear();
    if (character.length == 0 || IsUnsafe(character.code)) {
      for (const char c : text.substr(0, length)) {
        unit += "\\x";
        AppendHex(unit, static_cast<unsigned char>(c));
      }
    } else {
      unit = text.substr(0, length);
    }
    if (out.size() + unit.size() > max_bytes) {
      out.resize(cut);
      if (max_bytes >= kEllipsis.size()) {
        out += kEllipsis;
      }
      return out;
    }
    out += unit;
    if (out.size() <= cut_limit) {
      cut = out.size();
    }
    text.remove_prefix(length);
  }
  return out;
}

std::string WithoutTerminalCodes(std::string_view line) {
  std::string out;
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\x1b' && i + 1 < line.size() && line[i + 1] == '[') {
      i += 2;
      while (i < line.size() && (line[i] < '@' || line[i] > '~')) {
        ++i;
      }
      continue;
    }
    out += line[i];
  }
  return out;
}

std::string FormatBytes(int64_t bytes) {
  static constexpr std::array<const char*, 7> kUnits = {
      "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  const char* const sign = bytes < 0 ? "-" : "";
  // Negated as unsigned, so that INT64_MIN has a magnitude.
  const uint64_t magnitude = bytes < 0 ? 0 - static_cast<uint64_t>(bytes)
                                       : static_cast<uint64_t>(bytes);
  if (magnitude < 1024) {
    return fmt::format("{}{} B", sign, magnitude);
  }
  auto value = static_cast<double>(magnitude);
  size_t unit = 0;
  // 1023.5 would be printed as 1024.
  while (value >= 1023.5 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  // The number of decimals follows from the rounded value: 9.996 is 10.0.
  const int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return fmt::format("{}{:.{}f} {}", sign, value, decimals, kUnits[unit]);
}

std::string FormatTimeMs(int64_t ms) {
  using std::chrono::days;
  using std::chrono::milliseconds;
  constexpr int64_t kFirst = -62167219200000;  // 0000-01-01T00:00:00.000Z
  constexpr int64_t kLast = 253402300799999;   // 9999-12-31T23:59:59.999Z
  const std::chrono::sys_time<milliseconds> time{
      milliseconds(std::clamp(ms, kFirst, kLast))};
  const auto day = std::chrono::floor<days>(time);
  const std::chrono::year_month_day date(day);
  const int64_t rest = (time - day).count();
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
                     static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()),
                     static_cast<unsigned>(date.day()), rest / 3600000,
                     rest / 60000 % 60, rest / 1000 % 60, rest % 1000);
}

std::string RandomHex(size_t bytes) {
  std::string raw(bytes, '\0');
  // getentropy() gives at most 256 bytes per call.
  for (size_t done = 0; done < bytes;) {
    const size_t part = std::min<size_t>(bytes - done, 256);
    if (::getentropy(raw.data() + done, part) != 0) {
      // Names and tokens without randomness would collide: better to stop.
      std::abort();
    }
    done += part;
  }
  return HexEncode(raw);
}

}  // namespace bottled
