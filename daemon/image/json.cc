#include "image/json.h"

#include <set>
#include <utility>

namespace bottled {
namespace {

using nlohmann::json;

constexpr size_t kMaxDepth = 32;
constexpr int kMaxValues = 500'000;

// Looks at a document without keeping it. A parser callback could do the same,
// but with one nlohmann::json takes quadratic time for arrays of objects.
class Checker : public json::json_sax_t {
 public:
  bool null() override { return Count(); }
  bool boolean(bool /*value*/) override { return Count(); }
  bool number_integer(number_integer_t /*value*/) override { return Count(); }
  bool number_unsigned(number_unsigned_t /*value*/) override { return Count(); }
  bool number_float(number_float_t /*value*/,
                    const string_t& /*text*/) override {
    return Count();
  }
  bool string(string_t& /*value*/) override { return Count(); }
  bool binary(binary_t& /*value*/) override { return false; }

  bool start_object(size_t /*size*/) override { return Enter(); }
  bool key(string_t& name) override {
    return Count() && keys_.back().insert(std::move(name)).second;
  }
  bool end_object() override { return Leave(); }
  bool start_array(size_t /*size*/) override { return Enter(); }
  bool end_array() override { return Leave(); }

  bool parse_error(size_t /*position*/, const std::string& /*token*/,
                   const json::exception& /*error*/) override {
    return false;
  }

 private:
  bool Count() { return ++values_ <= kMaxValues; }
  bool Enter() {
    keys_.emplace_back();
    return Count() && keys_.size() <= kMaxDepth;
  }
  bool Leave() {
    keys_.pop_back();
    return true;
  }

  int values_ = 0;
  std::vector<std::set<std::string>> keys_;  // one per level
};

}  // namespace

std::optional<json> ParseJson(std::string_view text) {
  Checker checker;
  if (!json::sax_parse(text, &checker)) {
    return std::nullopt;
  }
  json document = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (document.is_discarded()) {
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
