#include "client/json.h"

#include "base/strings.h"
#include "fmt/format.h"
#include "google/protobuf/util/json_util.h"
#include "nlohmann/json.hpp"

namespace bottled::client {
namespace {

std::string Print(const google::protobuf::Message& message, bool proto_names) {
  google::protobuf::util::JsonPrintOptions options;
  options.always_print_primitive_fields = true;
  options.preserve_proto_field_names = proto_names;
  std::string out;
  // It fails only for a timestamp out of range, which a broken daemon can send.
  if (!google::protobuf::util::MessageToJsonString(message, &out, options)
           .ok()) {
    return "null";
  }
  return out;
}

}  // namespace

std::string ToJson(const google::protobuf::Message& message) {
  return Print(message, false);
}

std::string PlanToJson(const v1::Plan& plan) {
  using Json = nlohmann::ordered_json;
  Json json = Json::parse(Print(plan, true), nullptr, false);
  if (!json.is_object()) {
    return "null";
  }
  json["revision"] = plan.revision();
  if (plan.has_artifact()) {
    json["artifact"]["size_bytes"] = plan.artifact().size_bytes();
  }
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string JsonString(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false,
                                   nlohmann::json::error_handler_t::replace);
}

std::string JsonObject(std::string_view key, std::string_view value) {
  return fmt::format("{{{}:{}}}", JsonString(key), value);
}

}  // namespace bottled::client
