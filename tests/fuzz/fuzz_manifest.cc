// Manifests: front matter, the YAML tree, and both schemas.

#include "bottle/front_matter.h"
#include "bottle/manifest_merge.h"
#include "bottle/manifest_parse.h"
#include "bottle/yaml_tree.h"
#include "fuzz/bytes.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace bottled;
  const std::string_view text = AsText(data, size);
  (void)ParseAgent(text, "/r/a.md");
  const absl::StatusOr<PartialBottle> bottle =
      ParseBottle(text, "/h/b.md", "/h");
  if (bottle.ok()) {
    PartialBottle merged = *bottle;
    MergeBottle(*bottle, merged);
    const absl::StatusOr<BottleSpec> spec = FinishBottle(merged, {});
    if (spec.ok()) {
      (void)ManifestDigest({}, *spec);
    }
  }
  // Most inputs have no front matter: reach the tree without it.
  const absl::StatusOr<FrontMatter> parts =
      SplitFrontMatter("---\n" + std::string(text) + "\n---\n", "/h/b.md");
  if (parts.ok()) {
    (void)ParseYamlTree(parts->yaml, "/h/b.md", parts->yaml_line);
    (void)ParseBottle("---\n" + std::string(text) + "\n---\n", "/h/b.md", "/h");
  }
  return 0;
}
