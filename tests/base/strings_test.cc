#include "base/strings.h"

#include <cstdint>
#include <limits>
#include <set>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bottled {
namespace {

using testing::MatchesRegex;

TEST(Strings, HexEncode) {
  EXPECT_EQ(HexEncode(""), "");
  EXPECT_EQ(HexEncode(std::string("\x00\x7f\x80\xff", 4)), "007f80ff");
}

TEST(Printable, KeepsText) {
  EXPECT_EQ(Printable("plain text \\ ~"), "plain text \\ ~");
  EXPECT_EQ(Printable("gr\u00fc\u00df \u65e5\u672c \U0001f600"),
            "gr\u00fc\u00df \u65e5\u672c \U0001f600");
}

TEST(Printable, EscapesControls) {
  EXPECT_EQ(Printable("a\nb\tc\r"), "a\\x0ab\\x09c\\x0d");
  EXPECT_EQ(Printable(std::string("\0\x1b[2J\x7f", 6)), "\\x00\\x1b[2J\\x7f");
  // U+009B is the one-byte form of ESC [ in a terminal.
  EXPECT_EQ(Printable("\xc2\x9b"), "\\xc2\\x9b");
  // A right-to-left override and a line separator.
  EXPECT_EQ(Printable("\xe2\x80\xae"), "\\xe2\\x80\\xae");
  EXPECT_EQ(Printable("\xe2\x80\xa8"), "\\xe2\\x80\\xa8");
}

TEST(Printable, EscapesInvalidUtf8) {
  EXPECT_EQ(Printable("\x80"), "\\x80");
  EXPECT_EQ(Printable("\xff\xfe"), "\\xff\\xfe");
  EXPECT_EQ(Printable("\xc0\xaf"), "\\xc0\\xaf") << "overlong";
  EXPECT_EQ(Printable("\xe0\x80\xaf"), "\\xe0\\x80\\xaf") << "overlong";
  EXPECT_EQ(Printable("\xed\xa0\x80"), "\\xed\\xa0\\x80") << "surrogate";
  EXPECT_EQ(Printable("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");
  EXPECT_EQ(Printable("x\xe2\x82"), "x\\xe2\\x82") << "cut off";
  EXPECT_EQ(Printable("\xe2\x28\xa1"), "\\xe2(\\xa1");
}

TEST(Printable, CutsBetweenCharacters) {
  EXPECT_EQ(Printable("abcdef", 6), "abcdef");
  EXPECT_EQ(Printable("abcdefg", 6), "abc\u2026");
  // "\x0a" is one unit of four bytes.
  EXPECT_EQ(Printable("ab\n1234", 8), "ab\u2026");
  EXPECT_EQ(Printable("\u65e5\u672c\u8a9e", 8), "\u65e5\u2026");
  EXPECT_EQ(Printable("abc", 2), "");
  EXPECT_EQ(Printable("", 0), "");
}

TEST(Printable, NeverExceedsTheLimit) {
  const std::string text = "a\u00e9\n\u65e5\xff\U0001f600z\x1b";
  for (size_t limit = 0; limit < 40; ++limit) {
    EXPECT_LE(Printable(text, limit).size(), limit);
  }
}

TEST(Strings, FormatBytes) {
  EXPECT_EQ(FormatBytes(0), "0 B");
  EXPECT_EQ(FormatBytes(512), "512 B");
  EXPECT_EQ(FormatBytes(1023), "1023 B");
  EXPECT_EQ(FormatBytes(1024), "1.00 KiB");
  EXPECT_EQ(FormatBytes(1536LL << 20), "1.50 GiB");
  EXPECT_EQ(FormatBytes(10235), "10.0 KiB") << "9.995 rounds up";
  EXPECT_EQ(FormatBytes(15 << 20), "15.0 MiB");
  EXPECT_EQ(FormatBytes(150 << 20), "150 MiB");
  EXPECT_EQ(FormatBytes(1023 << 10), "1023 KiB");
  EXPECT_EQ(FormatBytes((1 << 20) - 1), "1.00 MiB");
  EXPECT_EQ(FormatBytes(-2048), "-2.00 KiB");
  EXPECT_EQ(FormatBytes(std::numeric_limits<int64_t>::max()), "8.00 EiB");
  EXPECT_EQ(FormatBytes(std::numeric_limits<int64_t>::min()), "-8.00 EiB");
}

TEST(Strings, FormatTimeMs) {
  EXPECT_EQ(FormatTimeMs(0), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(FormatTimeMs(1767323045678), "2026-01-02T03:04:05.678Z");
  EXPECT_EQ(FormatTimeMs(1709210096000), "2024-02-29T12:34:56.000Z");
  EXPECT_EQ(FormatTimeMs(-1), "1969-12-31T23:59:59.999Z");
  EXPECT_EQ(FormatTimeMs(std::numeric_limits<int64_t>::max()),
            "9999-12-31T23:59:59.999Z");
  EXPECT_EQ(FormatTimeMs(std::numeric_limits<int64_t>::min()),
            "0000-01-01T00:00:00.000Z");
}

TEST(Strings, RandomHex) {
  EXPECT_EQ(RandomHex(0), "");
  EXPECT_THAT(RandomHex(16), MatchesRegex("[0-9a-f]+"));
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    seen.insert(RandomHex(8));
  }
  EXPECT_EQ(seen.size(), 100U);
  // More than one getentropy() call; the tail must be random, too.
  const std::string longer = RandomHex(600);
  ASSERT_EQ(longer.size(), 1200U);
  EXPECT_NE(longer.substr(1100), std::string(100, '0'));
}

TEST(WithoutTerminalCodes, LeavesTheText) {
  EXPECT_EQ(WithoutTerminalCodes("\x1b[1;31mred\x1b[0m and \x1b[Kplain"),
            "red and plain");
  EXPECT_EQ(WithoutTerminalCodes("\x1b[12"), "");
  EXPECT_EQ(WithoutTerminalCodes("\x1b"), "\x1b");
  EXPECT_EQ(WithoutTerminalCodes(""), "");
}

}  // namespace
}  // namespace bottled
