#include "image/key_changes.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "base/strings.h"
#include "fmt/format.h"
#include "nlohmann/json.hpp"

namespace bottled {
namespace {

using nlohmann::json;
using Values = std::map<std::string, std::string>;

constexpr size_t kMaxValueBytes = 256;

std::string Show(const json& value) {
  return Printable(
      value.is_string()
          ? value.get<std::string>()
          : value.dump(-1, ' ', false, json::error_handler_t::replace),
      kMaxValueBytes);
}

const json* Find(const json& object, const std::string& name) {
  const auto it = object.find(name);
  return it != object.end() ? &*it : nullptr;
}

Values Members(const json* object) {
  Values out;
  if (object != nullptr && object->is_object()) {
    for (const auto& [name, value] : object->items()) {
      out[Printable(name, kMaxValueBytes)] = Show(value);
    }
  }
  return out;
}

// Variables, hidden; the last of a name counts, as in a process.
Values Variables(const json* list, const HideValue& hide) {
  Values out;
  if (list == nullptr || !list->is_array()) {
    return out;
  }
  for (const json& item : *list) {
    if (!item.is_string()) {
      continue;
    }
    const auto& text = item.get_ref<const std::string&>();
    const size_t end = text.find('=');
    const std::string name = text.substr(0, end);
    const std::string value =
        end == std::string::npos ? "" : text.substr(end + 1);
    out[Printable(name, kMaxValueBytes)] = hide(name, value);
  }
  return out;
}

void AddDifferences(const std::string& prefix, const Values& before,
                    const Values& after, std::vector<InputChange>& out) {
  std::set<std::string> names;
  for (const Values* values : {&before, &after}) {
    for (const auto& [name, value] : *values) {
      names.insert(name);
    }
  }
  for (const std::string& name : names) {
    const auto old_one = before.find(name);
    const auto new_one = after.find(name);
    InputChange change{.name = prefix + name,
                       .before = old_one != before.end() ? old_one->second : "",
                       .after = new_one != after.end() ? new_one->second : ""};
    if (change.before != change.after) {
      out.push_back(std::move(change));
    }
  }
}

void AddLayers(const json* before, const json* after,
               std::vector<InputChange>& out) {
  const auto at = [](const json* list, size_t i) {
    return list != nullptr && list->is_array() && i < list->size()
               ? Show((*list)[i])
               : std::string();
  };
  const size_t count = std::max(before != nullptr ? before->size() : size_t{0},
                                after != nullptr ? after->size() : size_t{0});
  for (size_t i = 0; i < count; ++i) {
    InputChange change{.name = fmt::format("layer {}", i + 1),
                       .before = at(before, i),
                       .after = at(after, i)};
    if (change.before != change.after) {
      out.push_back(std::move(change));
    }
  }
}

// One input of the key, whose values are not equal.
void AddInput(const std::string& name, const json* before, const json* after,
              const HideValue& hide, std::vector<InputChange>& out) {
  const size_t count = out.size();
  if (name == "diff_ids") {
    AddLayers(before, after, out);
  } else if (name == "env") {
    AddDifferences("env.", Variables(before, hide), Variables(after, hide),
                   out);
    if (out.size() == count) {
      out.push_back({.name = "env", .before = "", .after = "another order"});
    }
  } else if (name == "options") {
    AddDifferences("options.", Members(before), Members(after), out);
  } else {
    out.push_back({.name = Printable(name, kMaxValueBytes),
                   .before = before != nullptr ? Show(*before) : "",
                   .after = after != nullptr ? Show(*after) : ""});
  }
}

// "native" of "native/1".
std::string_view PackerKindOf(std::string_view packer) {
  return packer.substr(0, packer.find('/'));
}

}  // namespace

std::vector<InputChange> CompareKeyInputs(std::string_view before,
                                          std::string_view after,
                                          const HideValue& hide) {
  const json old_inputs = json::parse(before, nullptr, false);
  const json new_inputs = json::parse(after, nullptr, false);
  std::vector<InputChange> out;
  if (!old_inputs.is_object() || !new_inputs.is_object()) {
    return out;
  }
  std::set<std::string> names;
  for (const json* inputs : {&old_inputs, &new_inputs}) {
    for (const auto& [name, value] : inputs->items()) {
      names.insert(name);
    }
  }
  for (const std::string& name : names) {
    const json* const old_value = Find(old_inputs, name);
    const json* const new_value = Find(new_inputs, name);
    if (old_value == nullptr || new_value == nullptr ||
        *old_value != *new_value) {
      AddInput(name, old_value, new_value, hide, out);
    }
  }
  return out;
}

bool IsFormatChange(std::span<const InputChange> changes) {
  return changes.size() == 1 && changes.front().name == "packer" &&
         PackerKindOf(changes.front().before) ==
             PackerKindOf(changes.front().after);
}

}  // namespace bottled
