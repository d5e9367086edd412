#include "client/argv_text.h"

#include <string>

#include "client/capture.h"
#include "gtest/gtest.h"

namespace bottled::client {
namespace {

TEST(ArgvTextTest, QuotesWhatAShellWouldRead) {
  struct Case {
    const char* word;
    const char* quoted;
  };
  const Case cases[] = {
      {"smolvm", "smolvm"},
      {"--allow-cidr", "--allow-cidr"},
      {"172.16.192.18/32", "172.16.192.18/32"},
      {"", "''"},
      {"a b", "'a b'"},
      {"A=b", "'A=b'"},
      {"=ls", "'=ls'"},
      {"~/x", "'~/x'"},
      {"$(id)", "'$(id)'"},
      {"`id`", "'`id`'"},
      {"it's", "'it'\\''s'"},
      {"'", "''\\'''"},
      {"a\nb", "'a\nb'"},
      {"a\\b", "'a\\b'"},
      {"*", "'*'"},
      {"#x", "'#x'"},
      {"!x", "'!x'"},
      {"{a,b}", "'{a,b}'"},
      {"\xc3\xa9", "'\xc3\xa9'"},
  };
  for (const Case& each : cases) {
    EXPECT_EQ(QuoteForShell(each.word), each.quoted);
  }
}

TEST(ArgvTextTest, AShellReadsTheWordsBack) {
  const std::vector<std::string> argv = {
      "printf", "%s\\0", "",       "a b",        "it's", "$HOME `id` \\n",
      "a\nb",   "*",     "''\\''", "\x01\x7f\"", "-e",   "X=1 2"};
  const auto output = CaptureOutput({.argv = {"sh", "-c", ShellLine(argv)},
                                     .env = {"PATH=/usr/bin:/bin"},
                                     .timeout = std::chrono::seconds(30),
                                     .max_bytes = 4096});
  ASSERT_TRUE(output.ok()) << output.status();
  EXPECT_EQ(*output, NulWords({argv.begin() + 2, argv.end()}));
}

TEST(ArgvTextTest, Lines) {
  EXPECT_EQ(ShellLine({"smolvm", "a b", ""}), "smolvm 'a b' ''\n");
  EXPECT_EQ(ShellLine({"", "x"}), "'' x\n");
  EXPECT_EQ(NulWords({"a", "", "b c"}), std::string("a\0\0b c\0", 7));
}

}  // namespace
}  // namespace bottled::client
