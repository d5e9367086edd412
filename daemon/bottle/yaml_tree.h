// A strict subset of YAML as a tree: maps, lists and texts, each with its place
// in the file.
//
// yaml-cpp scans; this decides. YAML's traps are left out rather than
// explained: no anchors, aliases, tags, directives, merge keys, second
// documents, keys that are no text, or keys twice in a map. Nothing has a type:
// yes, on, null, ~, 1e3 and 0x10 are texts, and the schema says what it takes.
// Pure, thread-safe.

#ifndef BOTTLED_BOTTLE_YAML_TREE_H_
#define BOTTLED_BOTTLE_YAML_TREE_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace bottled {

inline constexpr size_t kMaxYamlDepth = 16;
inline constexpr size_t kMaxYamlNodes = 20000;

struct YamlNode {
  enum class Kind { kNull, kText, kMap, kList };

  // kNull: nothing was written ("key:"); `""` is a text.
  Kind kind = Kind::kNull;
  // Of kText: valid UTF-8, perhaps with control characters from escapes.
  std::string text;
  // It was quoted, or a block (| or >).
  bool quoted = false;
  int line = 0;    // of the file, from 1
  int column = 0;  // from 1, in bytes

  // Of a map's child.
  std::string key;
  int key_line = 0;
  int key_column = 0;

  // Of kMap and kList, in the order of the file.
  std::vector<YamlNode> children;

  // The child with this key, or null.
  const YamlNode* Find(std::string_view name) const;
};

// Parses one document. `yaml` is UTF-8 without carriage returns and control
// characters (front_matter.h), begins in line `first_line` of `file`. An empty
// document is kNull. At most kMaxYamlDepth levels, kMaxYamlNodes values and
// keys. Reasons: MANIFEST_YAML_SYNTAX, MANIFEST_YAML_ANCHOR, MANIFEST_YAML_TAG,
// MANIFEST_YAML_DIRECTIVE, MANIFEST_YAML_MERGE_KEY, MANIFEST_YAML_DOCUMENTS,
// MANIFEST_YAML_COMPLEX_KEY, MANIFEST_YAML_TOO_DEEP,
// MANIFEST_YAML_TOO_MANY_NODES, MANIFEST_DUPLICATE_KEY.
absl::StatusOr<YamlNode> ParseYamlTree(std::string_view yaml,
                                       std::string_view file, int first_line);

}  // namespace bottled

#endif  // BOTTLED_BOTTLE_YAML_TREE_H_
