#include "image/json.h"

#include <set>
#include <utility>

namespace bottled {
namespace {

using nlohmann::json;

constexpr int kMaxDepth = 32;
constexpr int kMaxValues = 500'000;

}  // namespace

std::optional<json> ParseJson(std::string_view text) {
  bool good = true;
  int values = 0;
  std::vector<std::set<std::string>> keys;
  const json::parser_callback_t check =
      [&](int depth, json::parse_event_t event, json& parsed) {
        if (depth > kMaxDepth || (good && ++values > kMaxValues)) {
          good = false;
        }
        if (!good) {
          return false;
        }
        if (event == json::parse_event_t::object_start) {
          keys.emplace_back();
        } else if (event == json::parse_event_t::object_end && !keys.empty()) {
          keys.pop_back();
        } else if (event == json::parse_event_t::key && !keys.empty()) {
          good = keys.back().insert(parsed.get<std::string>()).second;
        }
        return true;
      };
  json document = json::parse(text, check, /*allow_exceptions=*/false);
  if (!good || document.is_discarded()) {
    return std::nullopt;
  }
  return document;
}

const json& Member(const json& object, const char* name) {
  static const json null;
  if (!object.is_object()) {
    return null;
  }
  const auto it = object.find(name);
  return it == object.end() ? null : *it;
}

bool ReadText(const json& value, std::string* out) {
  if (value.is_null()) {
    out->clear();
    return true;
  }
  if (!value.is_string()) {
    return false;
  }
  *out = value.get<std::string>();
  return true;
}

bool ReadTexts(const json& value, std::vector<std::string>* out) {
  out->clear();
  if (value.is_null()) {
    return true;
  }
  if (!value.is_array()) {
    return false;
  }
  for (const json& item : value) {
    std::string text;
    if (!item.is_string() || !ReadText(item, &text)) {
      return false;
    }
    out->push_back(std::move(text));
  }
  return true;
}

}  // namespace bottled
