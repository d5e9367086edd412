#include "store/miss_json.h"

#include "nlohmann/json.hpp"

namespace bottled {
namespace {

using nlohmann::json;

std::string MemberText(const json& object, const char* member) {
  const auto it = object.find(member);
  return it != object.end() && it->is_string() ? it->get<std::string>() : "";
}

int64_t MemberNumber(const json& object, const char* member) {
  const auto it = object.find(member);
  return it != object.end() && it->is_number_integer() ? it->get<int64_t>() : 0;
}

}  // namespace

std::string EncodeMiss(const Miss& miss) {
  json changes = json::array();
  for (const InputChange& change : miss.changes) {
    changes.push_back({{"name", change.name},
                       {"before", change.before},
                       {"after", change.after}});
  }
  const json object = {{"reason", miss.reason},
                       {"at_ms", miss.at_ms},
                       {"rule", miss.rule},
                       {"changes", changes},
                       {"quarantines", miss.quarantines}};
  return object.dump(-1, ' ', false, json::error_handler_t::replace);
}

Miss DecodeMiss(std::string_view text) {
  Miss miss;
  const json object = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) {
    return miss;
  }
  miss.reason = MemberText(object, "reason");
  miss.at_ms = MemberNumber(object, "at_ms");
  miss.rule = MemberText(object, "rule");
  miss.quarantines = static_cast<int>(MemberNumber(object, "quarantines"));
  const auto changes = object.find("changes");
  if (changes == object.end() || !changes->is_array()) {
    return miss;
  }
  for (const json& change : *changes) {
    if (change.is_object()) {
      miss.changes.push_back({.name = MemberText(change, "name"),
                              .before = MemberText(change, "before"),
                              .after = MemberText(change, "after")});
    }
  }
  return miss;
}

}  // namespace bottled
