#include "bottle/front_matter.h"

#include <string>
#include <vector>

#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bottled {
namespace {

using testing::HasSubstr;

std::string Reason(const std::string& text) {
  const auto result = SplitFrontMatter(text, "/m.md");
  return result.ok() ? "OK" : GetErrorDetail(result.status()).reason;
}

TEST(FrontMatter, SplitsAndKeepsTheBodyByteForByte) {
  struct Case {
    std::string text;
    std::string yaml;
    std::string body;
  };
  const std::string odd("\r\n\xff\x01 ---\n---\n", 13);
  for (const Case& c : std::vector<Case>{
           {"---\na: b\n---\nhello\n", "a: b\n", "hello\n"},
           {"---\na: b\n...\nhello", "a: b\n", "hello"},
           {"---\n---\n", "", ""},
           {"---\n---", "", ""},
           {"---\na: b\n---", "a: b\n", ""},
           {"\xef\xbb\xbf---\na: b\n---\nx", "a: b\n", "x"},
           {"---\r\na: b\r\nc: d\r\n---\r\nx\r\ny", "a: b\nc: d\n", "x\r\ny"},
           {"---\na: b\n---\n\n  x\n---\nmore\n", "a: b\n",
            "\n  x\n---\nmore\n"},
           {"---\na: \xc3\xa4\xe2\x82\xac\xf0\x9f\x8d\xbe\n---\n",
            "a: \xc3\xa4\xe2\x82\xac\xf0\x9f\x8d\xbe\n", ""},
           {"---\n---\n" + odd, "", odd}}) {
    const auto result = SplitFrontMatter(c.text, "/m.md");
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->yaml, c.yaml);
    EXPECT_EQ(result->body, c.body);
    EXPECT_EQ(result->yaml_line, 2);
  }
}

TEST(FrontMatter, RefusesWithItsOwnReason) {
  struct Case {
    std::string text;
    std::string reason;
  };
  const std::string nul(1, '\0');
  const std::string megabyte(1000000, 'x');
  for (const Case& c : std::vector<Case>{
           {"", "MANIFEST_NO_FRONT_MATTER"},
           {"hello\n", "MANIFEST_NO_FRONT_MATTER"},
           {"\n---\na: b\n---\n", "MANIFEST_NO_FRONT_MATTER"},
           {"--- \na: b\n---\n", "MANIFEST_NO_FRONT_MATTER"},
           {" ---\na: b\n---\n", "MANIFEST_NO_FRONT_MATTER"},
           {"----\na: b\n---\n", "MANIFEST_NO_FRONT_MATTER"},
           {"---", "MANIFEST_FRONT_MATTER_OPEN"},
           {"---\na: b\n", "MANIFEST_FRONT_MATTER_OPEN"},
           {"---\na: b\n ---\n", "MANIFEST_FRONT_MATTER_OPEN"},
           {"---\na: b\n--- \n", "MANIFEST_FRONT_MATTER_OPEN"},
           {"---\na: " + nul + "\n---\n", "MANIFEST_NUL_BYTE"},
           {"---\n---\nbody" + nul, "MANIFEST_NUL_BYTE"},
           {"---\na: \xff\n---\n", "MANIFEST_NOT_UTF8"},
           {"---\na: \xc0\xaf\n---\n", "MANIFEST_NOT_UTF8"},
           {"---\na: \xe0\x80\xaf\n---\n", "MANIFEST_NOT_UTF8"},
           {"---\na: \xed\xa0\x80\n---\n", "MANIFEST_NOT_UTF8"},
           {"---\na: \xf4\x90\x80\x80\n---\n", "MANIFEST_NOT_UTF8"},
           {"---\na: \xf0\x9f\n---\n", "MANIFEST_NOT_UTF8"},
           {"---\na: \x04 b\n---\n", "MANIFEST_CONTROL_CHARACTER"},
           {"---\na: \x1b[31m\n---\n", "MANIFEST_CONTROL_CHARACTER"},
           {"---\na: b\rc: d\n---\n", "MANIFEST_CONTROL_CHARACTER"},
           {"---\na: \x7f\n---\n", "MANIFEST_CONTROL_CHARACTER"},
           {"---\n\xef\xbb\xbf"
            "a: b\n---\n",
            "MANIFEST_CONTROL_CHARACTER"},
           {"---\na: " + megabyte + "\n---\n", "MANIFEST_LINE_TOO_LONG"},
           {"---\n---\n" + megabyte, "MANIFEST_LINE_TOO_LONG"},
           {"---\n---\n" + megabyte + megabyte, "MANIFEST_LINE_TOO_LONG"}}) {
    EXPECT_EQ(Reason(c.text), c.reason) << c.text.substr(0, 40);
  }
}

TEST(FrontMatter, AllowsExactlyTheLimits) {
  std::string text = "---\n---\n";
  while (text.size() + 1000 < kMaxManifestBytes) {
    text += std::string(999, 'x') + "\n";
  }
  text += std::string(kMaxManifestBytes - text.size(), 'x');
  EXPECT_EQ(Reason(text), "OK");
  EXPECT_EQ(Reason(text + "x"), "MANIFEST_TOO_LARGE");
  const std::string line(kMaxManifestLineBytes, 'x');
  EXPECT_EQ(Reason("---\n---\n" + line + "\nx"), "OK");
  EXPECT_EQ(Reason("---\n---\nx" + line + "\nx"), "MANIFEST_LINE_TOO_LONG");
}

TEST(FrontMatter, NamesThePlace) {
  const auto result = SplitFrontMatter("---\na: b\nc: \x01\n---\n", "/d/m.md");
  EXPECT_THAT(std::string(result.status().message()),
              HasSubstr("/d/m.md:3:4: "));
  EXPECT_NE(GetErrorDetail(result.status()).remedy, "");
}

}  // namespace
}  // namespace bottled
