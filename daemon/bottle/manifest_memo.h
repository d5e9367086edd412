// ManifestMemo: what files of a manifest were parsed to, so that a file that
// did not change is not parsed again. It knows a file by its path and its whole
// content, which is read each time: times of files do not matter.

#ifndef BOTTLED_BOTTLE_MANIFEST_MEMO_H_
#define BOTTLED_BOTTLE_MANIFEST_MEMO_H_

#include <cstddef>
#include <map>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "bottle/manifest_files.h"
#include "bottle/manifest_parse.h"

namespace bottled {

// Thread-safe. Holds at most 256 files of at most 16 KiB each; larger ones are
// parsed each time.
class ManifestMemo {
 public:
  // As ParseAgent() and ParseBottle(); errors are not remembered.
  absl::StatusOr<std::shared_ptr<const PartialAgent>> Agent(
      const ManifestText& text);
  absl::StatusOr<std::shared_ptr<const PartialBottle>> Bottle(
      const ManifestText& text, const std::string& home);

 private:
  template <typename Parsed>
  struct Entry {
    std::string content;
    std::shared_ptr<const Parsed> parsed;
  };
  template <typename Parsed>
  using Entries = std::map<std::string, Entry<Parsed>>;

  template <typename Parsed, typename Parse>
  absl::StatusOr<std::shared_ptr<const Parsed>> Get(
      Entries<Parsed> ManifestMemo::* entries, const std::string& key,
      const std::string& content, Parse parse);

  Mutex mu_;
  Entries<PartialAgent> agents_ ABSL_GUARDED_BY(mu_);
  Entries<PartialBottle> bottles_ ABSL_GUARDED_BY(mu_);
};

}  // namespace bottled

#endif  // BOTTLED_BOTTLE_MANIFEST_MEMO_H_
