#include "rpc/convert_plan.h"

#include <algorithm>
#include <utility>

#include "google/protobuf/message.h"
#include "google/protobuf/util/json_util.h"
#include "nlohmann/json.hpp"
#include "rpc/errors.h"

namespace bottled {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using Json = nlohmann::ordered_json;

void Fill(const Json& object, Message& message);

// A message's texts must be UTF-8.
std::string Utf8(const Json& value) {
  const auto& text = value.get_ref<const std::string&>();
  if (std::all_of(text.begin(), text.end(),
                  [](unsigned char c) { return c < 0x80; })) {
    return text;
  }
  return Json::parse(value.dump(-1, ' ', /*ensure_ascii=*/false,
                                Json::error_handler_t::replace))
      .get<std::string>();
}

void Set(const Json& value, const FieldDescriptor& field, Message& message) {
  const Reflection& reflection = *message.GetReflection();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return Fill(value, *reflection.MutableMessage(&message, &field));
    case FieldDescriptor::CPPTYPE_STRING:
      return reflection.SetString(&message, &field, Utf8(value));
    case FieldDescriptor::CPPTYPE_BOOL:
      return reflection.SetBool(&message, &field, value.get<bool>());
    case FieldDescriptor::CPPTYPE_INT32:
      return reflection.SetInt32(&message, &field, value.get<int32_t>());
    default:
      return reflection.SetInt64(&message, &field, value.get<int64_t>());
  }
}

void AddMapEntry(const std::string& key, const Json& value,
                 const FieldDescriptor& field, Message& message) {
  Message& entry = *message.GetReflection()->AddMessage(&message, &field);
  const auto& type = *entry.GetDescriptor();
  Set(key, *type.FindFieldByName("key"), entry);
  Set(value, *type.FindFieldByName("value"), entry);
}

void Fill(const Json& object, Message& message) {
  const Reflection& reflection = *message.GetReflection();
  for (const auto& [name, value] : object.items()) {
    const FieldDescriptor* field =
        message.GetDescriptor()->FindFieldByName(name);
    if (field == nullptr) {
      continue;
    }
    if (field->is_map()) {
      for (const auto& [key, mapped] : value.items()) {
        AddMapEntry(key, mapped, *field, message);
      }
    } else if (!field->is_repeated()) {
      Set(value, *field, message);
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      for (const Json& element : value) {
        Fill(element, *reflection.AddMessage(&message, field));
      }
    } else {
      for (const Json& element : value) {
        reflection.AddString(&message, field, Utf8(element));
      }
    }
  }
}

}  // namespace

v1::Plan ToProto(const Plan& plan) {
  v1::Plan message;
  Fill(PlanDocument(plan), message);
  return message;
}

absl::StatusOr<v1::Plan> PlanFromJson(const std::string& plan_json) {
  v1::Plan plan;
  // What a newer release wrote and this one does not know is left out.
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;
  const auto status =
      google::protobuf::util::JsonStringToMessage(plan_json, &plan, options);
  if (!status.ok()) {
    return PlanDamaged(status.ToString());
  }
  return plan;
}

}  // namespace bottled
