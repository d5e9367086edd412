// One layer from tar to entries, cut, merged with itself and written again:
// whatever is accepted must give a tar that the strict check accepts.

#include <cstdlib>
#include <string>
#include <vector>

#include "fuzz/bytes.h"
#include "image/layer_reader.h"
#include "image/merge.h"
#include "image/tar_writer.h"
#include "pack/layer_check.h"
#include "pack/tar_scanner.h"

namespace bottled {
namespace {

class Collect : public EntryVisitor {
 public:
  absl::Status OnEntry(const Entry& entry) override {
    entries.push_back(entry);
    contents.emplace_back();
    return absl::OkStatus();
  }
  absl::Status OnData(std::string_view data) override {
    contents.back().append(data);
    return absl::OkStatus();
  }

  LayerEntries entries;
  std::vector<std::string> contents;
};

LayerBudget SmallBudget() {
  LayerBudget budget;
  budget.limits.max_entries = 1000;
  budget.limits.max_unpacked_bytes = 1 << 20;
  return budget;
}

void Append(const Entry& header, const std::string& content, std::string& tar) {
  tar += TarHeader(header);
  if (header.kind == EntryKind::kFile) {
    tar += content;
    tar.append(static_cast<size_t>(TarPadding(header.size)), '\0');
  }
}

}  // namespace
}  // namespace bottled

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace bottled;
  BytesSource source(AsText(data, size), 700);
  Collect layer;
  LayerBudget budget = SmallBudget();
  if (!ReadLayer(source, budget, layer, CancelToken()).ok()) {
    return 0;
  }
  const std::vector<const LayerEntries*> stack = {&layer.entries,
                                                  &layer.entries};
  const absl::StatusOr<MergedTree> tree = MergeLayers(stack);
  if (!tree.ok()) {
    return 0;
  }
  std::string tar;
  for (size_t l = 0; l < tree->layers.size(); ++l) {
    for (const auto& [directory, since] : tree->directories) {
      if (since == l) {
        tar += TarHeader(directory);
      }
    }
    const LayerPlan& plan = tree->layers[l];
    for (size_t i = 0; i < plan.fates.size(); ++i) {
      if (plan.fates[i] == Fate::kKept) {
        Append(layer.entries[i], layer.contents[i], tar);
      } else if (plan.fates[i] == Fate::kRewritten) {
        for (const Entry& header : plan.rewritten.at(i)) {
          Append(header, layer.contents[i], tar);
        }
      }
    }
  }
  tar.append(kTarEndBytes, '\0');
  LayerCheck check;
  TarScanner scanner("the layer", [&](const TarMember& member) {
    return check.OnMember(member);
  });
  if (!scanner.Feed(tar).ok() || !scanner.Finish().ok()) {
    std::abort();
  }
  return 0;
}
