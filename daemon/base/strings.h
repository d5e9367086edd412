// Small text functions that need no domain word.

#ifndef BOTTLED_BASE_STRINGS_H_
#define BOTTLED_BASE_STRINGS_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace bottled {

// Lower-case hexadecimal of `bytes`.
std::string HexEncode(std::string_view bytes);

// `text` made safe for a terminal or a log line: control characters, C1
// controls and invalid UTF-8 become "\xNN", and what exceeds `max_bytes` is cut
// off with "…".
std::string Printable(std::string_view text, size_t max_bytes = 8192);

// 2^10-based, three significant digits: "512 B", "1.50 GiB".
std::string FormatBytes(int64_t bytes);

// UTC, milliseconds since the epoch, as "2026-01-02T03:04:05.678Z".
std::string FormatTimeMs(int64_t ms);

// `bytes` random bytes from the kernel as hexadecimal.
std::string RandomHex(size_t bytes);

}  // namespace bottled

#endif  // BOTTLED_BASE_STRINGS_H_
