#include "jobs/source_json.h"

#include "nlohmann/json.hpp"

namespace bottled {
namespace {

using nlohmann::json;

std::string Text(const json& object, const char* member) {
  const auto it = object.find(member);
  return it != object.end() && it->is_string() ? it->get<std::string>() : "";
}

}  // namespace

std::string EncodeSource(const SourceVariant& source) {
  json object;
  if (const auto* image = std::get_if<std::string>(&source)) {
    object = {{"image", *image}};
  } else if (const auto* file = std::get_if<ArchiveFileSource>(&source)) {
    object = {{"archive", file->path}, {"reference", file->reference}};
  } else {
    return "";
  }
  return object.dump(-1, ' ', false, json::error_handler_t::replace);
}

SourceVariant DecodeSource(std::string_view text) {
  const json object = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) {
    return {};
  }
  if (std::string image = Text(object, "image"); !image.empty()) {
    return image;
  }
  if (std::string path = Text(object, "archive"); !path.empty()) {
    return ArchiveFileSource{.path = std::move(path),
                             .reference = Text(object, "reference")};
  }
  return {};
}

}  // namespace bottled
