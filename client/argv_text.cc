#include "client/argv_text.h"

namespace bottled::client {
namespace {

// Not "=": "A=b" in front is an assignment, and zsh expands "=b".
constexpr std::string_view kPlain =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    "_-./:,@%+";

}  // namespace

std::string QuoteForShell(std::string_view word) {
  if (!word.empty() &&
      word.find_first_not_of(kPlain) == std::string_view::npos) {
    return std::string(word);
  }
  std::string out = "'";
  for (const char c : word) {
    if (c == '\'') {
      // Nothing escapes a quote within quotes.
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out + "'";
}

std::string ShellLine(const std::vector<std::string>& argv) {
  std::string out;
  for (const std::string& word : argv) {
    out += (out.empty() ? "" : " ") + QuoteForShell(word);
  }
  return out + "\n";
}

std::string NulWords(const std::vector<std::string>& argv) {
  std::string out;
  for (const std::string& word : argv) {
    out += word;
    out += '\0';
  }
  return out;
}

}  // namespace bottled::client
