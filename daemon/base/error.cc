#include "base/error.h"

#include <cerrno>
#include <system_error>
#include <utility>

#include "absl/strings/cord.h"
#include "fmt/format.h"
#include "nlohmann/json.hpp"

namespace bottled {
namespace {

using nlohmann::json;

constexpr char kDetailUrl[] = "bottled.dev/error-detail";

std::string Serialize(const ErrorDetail& detail) {
  const json value = {{"reason", detail.reason},
                      {"remedy", detail.remedy},
                      {"stage", detail.stage},
                      {"log_tail", detail.log_tail}};
  // Log lines and paths need not be UTF-8; the default handler would throw.
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string StringField(const json& object, const char* name) {
  const auto it = object.find(name);
  return it != object.end() && it->is_string() ? it->get<std::string>() : "";
}

std::optional<ErrorDetail> Parse(const std::string& text) {
  const json value = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!value.is_object()) {
    return std::nullopt;
  }
  ErrorDetail detail;
  detail.reason = StringField(value, "reason");
  detail.remedy = StringField(value, "remedy");
  detail.stage = StringField(value, "stage");
  if (const auto it = value.find("log_tail");
      it != value.end() && it->is_array()) {
    for (const json& line : *it) {
      if (line.is_string()) {
        detail.log_tail.push_back(line.get<std::string>());
      }
    }
  }
  if (detail.reason.empty()) {
    return std::nullopt;
  }
  return detail;
}

struct ErrnoMeaning {
  absl::StatusCode code;
  const char* reason;
  const char* remedy;
};

ErrnoMeaning Meaning(int errnum) {
  switch (errnum) {
    case ENOSPC:
    case EDQUOT:
      return {absl::StatusCode::kResourceExhausted, "NO_SPACE",
              "Free some disk space and try again."};
    case EACCES:
    case EPERM:
      return {absl::StatusCode::kPermissionDenied, "PERMISSION_DENIED",
              "Check the owner and the mode of the path."};
    case ENOENT:
      return {absl::StatusCode::kNotFound, "NOT_FOUND", ""};
    case EMFILE:
    case ENFILE:
      return {absl::StatusCode::kResourceExhausted, "TOO_MANY_FILES",
              "Raise the limit on open files (ulimit -n) and try again."};
    case EEXIST:
      return {absl::StatusCode::kAlreadyExists, "IO_ERROR", ""};
    case EINVAL:
    case ENAMETOOLONG:
      return {absl::StatusCode::kInvalidArgument, "IO_ERROR", ""};
    case ENOTDIR:
    case EISDIR:
    case ENOTEMPTY:
    case ELOOP:
    case EXDEV:
      return {absl::StatusCode::kFailedPrecondition, "IO_ERROR", ""};
    case EROFS:
      return {
          absl::StatusCode::kFailedPrecondition, "IO_ERROR",
          "The file system is mounted read-only: see why (dmesg), and mount "
          "it for writing again."};
    case ENOMEM:
      return {absl::StatusCode::kResourceExhausted, "IO_ERROR", ""};
    case EPIPE:
    case ECONNREFUSED:
    case ECONNRESET:
    case EAGAIN:
    case EBUSY:
      return {absl::StatusCode::kUnavailable, "IO_ERROR", ""};
    case ETIMEDOUT:
      return {absl::StatusCode::kDeadlineExceeded, "IO_ERROR", ""};
    default:
      return {absl::StatusCode::kUnknown, "IO_ERROR", ""};
  }
}

}  // namespace

absl::Status MakeError(absl::StatusCode code, std::string_view reason,
                       std::string_view message, std::string_view remedy) {
  ErrorDetail detail;
  detail.reason = std::string(reason);
  detail.remedy = std::string(remedy);
  return WithDetail(absl::Status(code, std::string(message)), detail);
}

absl::Status WithDetail(absl::Status status, const ErrorDetail& detail) {
  const std::string text = Serialize(detail);
  // Not the constructor from std::string: a template, which newer compilers
  // mangle otherwise than the one that built Debian's abseil.
  status.SetPayload(kDetailUrl,
                    absl::Cord(absl::string_view(text.data(), text.size())));
  return status;
}

ErrorDetail GetErrorDetail(const absl::Status& status) {
  if (const auto payload = status.GetPayload(kDetailUrl); payload.has_value()) {
    if (std::optional<ErrorDetail> detail = Parse(std::string(*payload))) {
      return *std::move(detail);
    }
  }
  ErrorDetail detail;
  detail.reason = absl::StatusCodeToString(status.code());
  return detail;
}

bool HasReason(const absl::Status& status, std::string_view reason) {
  return !status.ok() && GetErrorDetail(status).reason == reason;
}

absl::Status Annotate(const absl::Status& status, std::string_view context) {
  if (status.ok()) {
    return status;
  }
  absl::Status result(
      status.code(),
      fmt::format("{}: {}", context, std::string(status.message())));
  status.ForEachPayload(
      [&result](absl::string_view url, const absl::Cord& payload) {
        result.SetPayload(url, payload);
      });
  return result;
}

absl::Status ErrnoError(int errnum, std::string_view what) {
  const ErrnoMeaning meaning = Meaning(errnum);
  // std::error_code, as strerror() is not thread-safe.
  return MakeError(
      meaning.code, meaning.reason,
      fmt::format("{}: {}", what,
                  std::error_code(errnum, std::generic_category()).message()),
      meaning.remedy);
}

absl::Status CancelledError() {
  return MakeError(absl::StatusCode::kCancelled, "CANCELLED", "cancelled", "");
}

}  // namespace bottled
