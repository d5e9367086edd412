// LayerCheck: the rules that a flattened layer must keep. Private to pack/.

#ifndef BOTTLED_PACK_LAYER_CHECK_H_
#define BOTTLED_PACK_LAYER_CHECK_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "absl/status/status.h"
#include "image/layer_reader.h"

namespace bottled {

// Give it to ReadLayer(). An entry that breaks a rule ends the reading with
// SIDECAR_INVALID. Not thread-safe.
class LayerCheck : public EntryVisitor {
 public:
  absl::Status OnEntry(const Entry& entry) override;
  absl::Status OnData(std::string_view data) override;

  int64_t entry_count() const { return static_cast<int64_t>(kinds_.size()); }

 private:
  std::unordered_map<std::string, EntryKind> kinds_;
};

}  // namespace bottled

#endif  // BOTTLED_PACK_LAYER_CHECK_H_
