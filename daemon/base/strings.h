// Small text functions that need no domain word.

#ifndef BOTTLED_BASE_STRINGS_H_
#define BOTTLED_BASE_STRINGS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace bottled {

// Lower-case hexadecimal of `bytes`.
std::string HexEncode(std::string_view bytes);

// `text` made safe for a terminal or a log line: C0 and C1 controls, line
// separators, bidirectional controls and invalid UTF-8 become "\xNN" per byte.
// A result longer than `max_bytes` is cut between characters and ends with "…",
// which the limit includes.
std::string Printable(std::string_view text, size_t max_bytes = 8192);

// `line` without the sequences (ECMA-48 CSI) by which programs colour their
// output and wipe what they wrote.
std::string WithoutTerminalCodes(std::string_view line);

// 2^10-based, three significant digits (four from 1000 to 1023): "512 B",
// "1.50 GiB", "1023 KiB".
std::string FormatBytes(int64_t bytes);

// UTC, milliseconds since the epoch, as "2026-01-02T03:04:05.678Z". Times
// outside of the years 0 to 9999 are shown as the nearest one within.
std::string FormatTimeMs(int64_t ms);

// `bytes` random bytes from the kernel as hexadecimal. Ends the process when
// the kernel has none to give.
std::string RandomHex(size_t bytes);

}  // namespace bottled

#endif  // BOTTLED_BASE_STRINGS_H_
