// LayerCheck: the rules that a flattened layer must keep so that smolvm takes
// it and loses nothing of it. Private to the verifier.

#ifndef BOTTLED_PACK_LAYER_CHECK_H_
#define BOTTLED_PACK_LAYER_CHECK_H_

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "pack/tar_scanner.h"

namespace bottled {

// Give it the members of the layer in order. Not thread-safe. Needs about 60
// bytes a member, however long the names are: they are kept as 128 bits of
// their SHA-256.
class LayerCheck {
 public:
  // SIDECAR_INVALID for a member that breaks a rule: names relative, without
  // "." and ".." but for a leading "./", within smolvm's lengths; each once;
  // its directory before it; hard links after a name that is no directory;
  // symbolic links that SafeSymlinkTarget() leaves alone; no whiteouts; no more
  // members than smolvm takes.
  absl::Status OnMember(const TarMember& member);

  int64_t entry_count() const { return static_cast<int64_t>(names_.size()); }

 private:
  using Key = std::pair<uint64_t, uint64_t>;
  struct Hash {
    size_t operator()(const Key& key) const { return key.first; }
  };

  static Key KeyOf(std::string_view path);

  // True: a directory.
  std::unordered_map<Key, bool, Hash> names_;
};

// A name in the form of Entry::path; SIDECAR_INVALID when smolvm would refuse
// it. Empty for the root itself.
absl::StatusOr<std::string_view> CheckedName(std::string_view raw);

}  // namespace bottled

#endif  // BOTTLED_PACK_LAYER_CHECK_H_
