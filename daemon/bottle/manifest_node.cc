#include "bottle/manifest_node.h"

#include <algorithm>
#include <span>
#include <utility>

#include "base/status_macros.h"
#include "bottle/manifest_errors.h"
#include "bottle/suggest.h"
#include "fmt/format.h"
#include "fmt/ranges.h"

namespace bottled {
namespace {

const YamlNode& NoMap() {
  static const YamlNode kNothing;
  return kNothing;
}

}  // namespace

ManifestMap::ManifestMap(const YamlNode& node, std::string_view file,
                         std::string what)
    : node_(&node), file_(file), what_(std::move(what)) {}

absl::StatusOr<ManifestMap> ManifestMap::Of(const YamlNode& node,
                                            std::string_view file,
                                            std::string what) {
  ManifestMap map(node, file, std::move(what));
  if (node.kind != YamlNode::Kind::kMap && node.kind != YamlNode::Kind::kNull) {
    return ManifestWrongType(map.At(),
                             map.what_.empty() ? "the front matter" : map.what_,
                             "a map of keys and values");
  }
  return map;
}

absl::Status ManifestMap::OnlyKeys(
    std::initializer_list<std::string_view> allowed) const {
  for (const YamlNode& child : children()) {
    if (std::find(allowed.begin(), allowed.end(), child.key) == allowed.end()) {
      return ManifestUnknownKey(
          AtKey(child), child.key, what_,
          Suggest(child.key, std::span<const std::string_view>(allowed.begin(),
                                                               allowed.size())),
          fmt::format("{}", fmt::join(allowed, ", ")));
    }
  }
  return absl::OkStatus();
}

const YamlNode* ManifestMap::Find(std::string_view key) const {
  const YamlNode* child = node_->Find(key);
  return child == nullptr || child->kind == YamlNode::Kind::kNull ? nullptr
                                                                  : child;
}

absl::StatusOr<std::optional<std::string>> ManifestMap::Text(
    std::string_view key) const {
  const YamlNode* child = Find(key);
  if (child == nullptr) {
    return std::nullopt;
  }
  return TextOf(*child);
}

absl::StatusOr<std::optional<std::string>> ManifestMap::TextOf(
    const YamlNode& child) const {
  if (child.kind == YamlNode::Kind::kNull) {
    return std::nullopt;
  }
  if (child.kind != YamlNode::Kind::kText) {
    return ManifestWrongType(At(child), Path(child.key), "a text");
  }
  return child.text;
}

absl::StatusOr<std::optional<bool>> ManifestMap::Bool(
    std::string_view key) const {
  const YamlNode* child = Find(key);
  if (child == nullptr) {
    return std::nullopt;
  }
  const bool is_true = child->text == "true";
  if (child->kind != YamlNode::Kind::kText || child->quoted ||
      (!is_true && child->text != "false")) {
    return ManifestWrongType(At(*child), Path(key), "exactly true or false");
  }
  return is_true;
}

absl::StatusOr<std::optional<std::vector<std::string>>> ManifestMap::Texts(
    std::string_view key) const {
  ASSIGN_OR_RETURN(const YamlNode* list, List(key));
  if (list == nullptr) {
    return std::nullopt;
  }
  std::vector<std::string> out;
  for (const YamlNode& item : list->children) {
    if (item.kind != YamlNode::Kind::kText) {
      return ManifestWrongType(At(item), Path(key), "a list of texts");
    }
    out.push_back(item.text);
  }
  return out;
}

absl::StatusOr<ManifestMap> ManifestMap::Map(std::string_view key) const {
  const YamlNode* child = Find(key);
  return Of(child == nullptr ? NoMap() : *child, file_, Path(key));
}

absl::StatusOr<ManifestMap> ManifestMap::MapOf(const YamlNode& child) const {
  return Of(child, file_, Path(child.key));
}

absl::StatusOr<const YamlNode*> ManifestMap::List(std::string_view key) const {
  const YamlNode* child = Find(key);
  if (child != nullptr && child->kind != YamlNode::Kind::kList) {
    return ManifestWrongType(At(*child), Path(key), "a list");
  }
  return child;
}

std::string ManifestMap::Path(std::string_view key) const {
  return what_.empty() ? std::string(key) : fmt::format("{}.{}", what_, key);
}

Origin ManifestMap::At(const YamlNode& node) const {
  return {std::string(file_), node.line, node.column};
}

Origin ManifestMap::AtKey(const YamlNode& node) const {
  return {std::string(file_), node.key_line, node.key_column};
}

Origin ManifestMap::At(std::string_view key) const {
  const YamlNode* child = Find(key);
  return child == nullptr ? At() : At(*child);
}

}  // namespace bottled
