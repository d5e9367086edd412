#include "engine/error_text.h"

#include "base/strings.h"
#include "nlohmann/json.hpp"

namespace bottled {
namespace {

constexpr size_t kMaxErrorText = 2048;
constexpr int kMaxErrorDepth = 8;

bool EndsPath(char c) {
  return c == ' ' || c == ':' || c == ',' || c == ';' || c == '"' ||
         c == '\'' || c == ')' || c == ']' || c == '}' || c == '>' ||
         c == '\n' || c == '\r' || c == '\t' || c == '`';
}

bool StartsToken(std::string_view text, size_t at) {
  if (at == 0) {
    return true;
  }
  const char before = text[at - 1];
  return EndsPath(before) || before == '(' || before == '[' || before == '{' ||
         before == '=' || before == '<';
}

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

std::string JsonMessage(std::string_view body) {
  const auto shallow = [](int depth, nlohmann::json::parse_event_t,
                          nlohmann::json&) { return depth <= kMaxErrorDepth; };
  const nlohmann::json parsed =
      nlohmann::json::parse(body.begin(), body.end(), shallow,
                            /*allow_exceptions=*/false);
  if (!parsed.is_object()) {
    return {};
  }
  for (const char* key : {"message", "cause", "error"}) {
    const auto it = parsed.find(key);
    if (it != parsed.end() && it->is_string()) {
      const auto& text = it->get_ref<const std::string&>();
      if (!Trim(text).empty()) {
        return text;
      }
    }
  }
  return {};
}

}  // namespace

std::string RedactPaths(std::string_view text) {
  std::string out;
  size_t at = 0;
  while (at < text.size()) {
    const bool url =
        text.substr(at).starts_with("//") && at > 0 && text[at - 1] == ':';
    if (url && !text.substr(at).starts_with("///")) {
      // The authority and path of a URL name no file of the host.
      while (at < text.size() && (text[at] == ':' || !EndsPath(text[at]))) {
        out += text[at++];
      }
      continue;
    }
    if (text[at] != '/' || !StartsToken(text, at)) {
      out += text[at++];
      continue;
    }
    size_t end = at;
    while (end < text.size() && !EndsPath(text[end])) {
      ++end;
    }
    std::string_view path = text.substr(at, end - at);
    while (path.size() > 1 && path.ends_with('/')) {
      path.remove_suffix(1);
    }
    out += path.size() == 1 ? path : path.substr(path.rfind('/') + 1);
    at = end;
  }
  return out;
}

std::string EngineErrorText(std::string_view body) {
  std::string message = JsonMessage(body);
  if (message.empty()) {
    message = body;
  }
  // Cut before anything else: the body may be megabytes.
  const std::string_view text =
      Trim(std::string_view(message).substr(0, 2 * kMaxErrorText));
  if (text.empty()) {
    return "no message";
  }
  return Printable(RedactPaths(text), kMaxErrorText);
}

}  // namespace bottled
