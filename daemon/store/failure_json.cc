#include "store/failure_json.h"

#include <cstdint>

#include "base/error.h"
#include "nlohmann/json.hpp"

namespace bottled {
namespace {

using nlohmann::json;

std::string Text(const json& object, const char* member) {
  const auto it = object.find(member);
  return it != object.end() && it->is_string() ? it->get<std::string>() : "";
}

// What recovery writes has a reason, but no code.
absl::StatusCode CodeOf(const json& object) {
  const auto it = object.find("code");
  if (it == object.end() || !it->is_number_integer()) {
    return absl::StatusCode::kAborted;
  }
  const int64_t code = it->get<int64_t>();
  const bool known =
      code >= static_cast<int64_t>(absl::StatusCode::kCancelled) &&
      code <= static_cast<int64_t>(absl::StatusCode::kUnauthenticated);
  return known ? static_cast<absl::StatusCode>(code)
               : absl::StatusCode::kUnknown;
}

}  // namespace

std::string EncodeFailure(const absl::Status& status) {
  const ErrorDetail detail = GetErrorDetail(status);
  const json object = {{"code", static_cast<int>(status.code())},
                       {"reason", detail.reason},
                       {"message", std::string(status.message())},
                       {"remedy", detail.remedy},
                       {"stage", detail.stage},
                       {"log_tail", detail.log_tail}};
  return object.dump(-1, ' ', false, json::error_handler_t::replace);
}

absl::Status DecodeFailure(std::string_view text) {
  const json object = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object() || Text(object, "reason").empty()) {
    return MakeError(absl::StatusCode::kInternal, "FAILURE_UNKNOWN",
                     "The job did not succeed, and its error was not kept",
                     "Ask for the artifact again.");
  }
  ErrorDetail detail{.reason = Text(object, "reason"),
                     .remedy = Text(object, "remedy"),
                     .stage = Text(object, "stage"),
                     .log_tail = {}};
  if (const auto tail = object.find("log_tail");
      tail != object.end() && tail->is_array()) {
    for (const json& line : *tail) {
      if (line.is_string()) {
        detail.log_tail.push_back(line.get<std::string>());
      }
    }
  }
  return WithDetail(absl::Status(CodeOf(object), Text(object, "message")),
                    detail);
}

}  // namespace bottled
