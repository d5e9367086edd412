#include "client/json.h"

#include "base/strings.h"
#include "fmt/format.h"
#include "google/protobuf/util/json_util.h"
#include "nlohmann/json.hpp"

namespace bottled::client {

std::string ToJson(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.always_print_primitive_fields = true;
  std::string out;
  // It fails only for a timestamp out of range, which a broken daemon can send.
  if (!google::protobuf::util::MessageToJsonString(message, &out, options)
           .ok()) {
    return "null";
  }
  return out;
}

std::string JsonString(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false,
                                   nlohmann::json::error_handler_t::replace);
}

std::string JsonObject(std::string_view key, std::string_view value) {
  return fmt::format("{{{}:{}}}", JsonString(key), value);
}

}  // namespace bottled::client
