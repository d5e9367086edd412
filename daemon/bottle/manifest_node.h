// A map of a manifest while the schema reads it: finds keys, checks types, and
// knows file, line and path of keys for what it refuses.
//
// Views into a tree and names that outlive it. Not shared between threads.

#ifndef BOTTLED_BOTTLE_MANIFEST_NODE_H_
#define BOTTLED_BOTTLE_MANIFEST_NODE_H_

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bottle/manifest.h"
#include "bottle/yaml_tree.h"

namespace bottled {

class ManifestMap {
 public:
  // `what` is the path of keys, "egress.routes[0]"; empty for the whole. A null
  // node is an empty map. Reason MANIFEST_WRONG_TYPE for lists and texts.
  static absl::StatusOr<ManifestMap> Of(const YamlNode& node,
                                        std::string_view file,
                                        std::string what);

  // Reason MANIFEST_UNKNOWN_KEY for the first other one.
  absl::Status OnlyKeys(std::initializer_list<std::string_view> allowed) const;

  // Null when the key is absent or has no value.
  const YamlNode* Find(std::string_view key) const;
  const std::vector<YamlNode>& children() const { return node_->children; }

  // nullopt when Find() is null; reason MANIFEST_WRONG_TYPE.
  absl::StatusOr<std::optional<std::string>> Text(std::string_view key) const;
  // The same of a child: Find() is linear.
  absl::StatusOr<std::optional<std::string>> TextOf(
      const YamlNode& child) const;
  // Exactly true or false, not quoted.
  absl::StatusOr<std::optional<bool>> Bool(std::string_view key) const;
  absl::StatusOr<std::optional<std::vector<std::string>>> Texts(
      std::string_view key) const;
  // An empty map when Find() is null.
  absl::StatusOr<ManifestMap> Map(std::string_view key) const;
  absl::StatusOr<ManifestMap> MapOf(const YamlNode& child) const;
  // Null when Find() is.
  absl::StatusOr<const YamlNode*> List(std::string_view key) const;

  // "egress.routes" of "routes".
  std::string Path(std::string_view key) const;
  const std::string& what() const { return what_; }
  std::string_view file() const { return file_; }
  // The place of this map, of a node, of a node's key, of a key's value (of the
  // map when that is absent).
  Origin At() const { return At(*node_); }
  Origin At(const YamlNode& node) const;
  Origin AtKey(const YamlNode& node) const;
  Origin At(std::string_view key) const;

 private:
  ManifestMap(const YamlNode& node, std::string_view file, std::string what);

  const YamlNode* node_;
  std::string_view file_;
  std::string what_;
};

}  // namespace bottled

#endif  // BOTTLED_BOTTLE_MANIFEST_NODE_H_
