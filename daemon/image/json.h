// Reading JSON that comes from outside: bounded depth, no duplicates, no
// exceptions. For what engines and archives send.

#ifndef BOTTLED_IMAGE_JSON_H_
#define BOTTLED_IMAGE_JSON_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nlohmann/json.hpp"

namespace bottled {

// The document, or nullopt when it is not JSON, is nested deeper than 32
// levels, has more than 500 000 values (one byte of text can cost 30 of memory)
// or has a key twice in one object.
std::optional<nlohmann::json> ParseJson(std::string_view text);

// A member; null when `object` is no object, the member is absent or null.
const nlohmann::json& Member(const nlohmann::json& object, const char* name);

// False when `value` is neither null nor a string; null gives "".
bool ReadText(const nlohmann::json& value, std::string* out);

// False when `value` is neither null nor an array of strings; null gives {}.
bool ReadTexts(const nlohmann::json& value, std::vector<std::string>* out);

}  // namespace bottled

#endif  // BOTTLED_IMAGE_JSON_H_
