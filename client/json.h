// Messages as JSON text: the standard protobuf mapping (lowerCamelCase names,
// enums by name, 64-bit integers as strings), with every field that has no
// presence printed even when it is empty. Pure.

#ifndef BOTTLED_CLIENT_JSON_H_
#define BOTTLED_CLIENT_JSON_H_

#include <string>
#include <string_view>
#include <vector>

#include "bottled/v1/bottle.pb.h"
#include "google/protobuf/message.h"

namespace bottled::client {

// One line without its end.
std::string ToJson(const google::protobuf::Message& message);

// As the file plan.json has it, docs/plan.schema.json: names as in the proto
// file, and numbers as numbers.
std::string PlanToJson(const v1::Plan& plan);

// `text` in quotes; invalid UTF-8 is made printable.
std::string JsonString(std::string_view text);

// {"key":value}; `value` is JSON.
std::string JsonObject(std::string_view key, std::string_view value);

// [a,b,…] of a repeated message field.
template <typename Messages>
std::string JsonArray(const Messages& messages) {
  std::string out = "[";
  for (const auto& message : messages) {
    if (out.size() > 1) {
      out += ',';
    }
    out += ToJson(message);
  }
  return out + "]";
}

}  // namespace bottled::client

#endif  // BOTTLED_CLIENT_JSON_H_
