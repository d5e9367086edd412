// The files of a bottle's directory.
//
//   <state>/bottles/<slug>/            0700
//     plan.json  metadata.json  compose.yaml
//     agent/prompt.txt
//     pipelock/  git-gate/  egress/  supervise/   as the gates have it
//
// Files are 0600. A directory is changed so that a reader never sees half a
// file, and so that plan.json, which comes last, never names a file that is not
// there, though the daemon is killed. Nothing is synced: everything follows
// from the index and the manifest, and a sync of each file would take most of
// the time of a plan. After a power failure a file may be empty; the next
// resume of the bottle compares and writes it again. Thread-safe for different
// bottles.

#ifndef BOTTLED_BOTTLE_BOTTLE_FILES_H_
#define BOTTLED_BOTTLE_BOTTLE_FILES_H_

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace bottled {

inline constexpr std::string_view kPlanFile = "plan.json";

struct BottleFile {
  // Relative to the bottle's directory, without "..".
  std::string path;
  std::string content;
  // Where the bundle's container sees it; may be empty.
  std::string target;
  // Of the content, 64 hexadecimal digits. Only plans need it.
  std::string sha256 = {};
};

// Makes `dir` hold exactly `files` and plan.json, and the (0700) `directories`,
// whose content is left alone. Files whose content is the same are not touched.
// Blocks on the disk; reasons as platform/file.h.
absl::Status WriteBottleFiles(const std::filesystem::path& dir,
                              const std::vector<BottleFile>& files,
                              const std::vector<std::string>& directories,
                              std::string_view plan_json);

}  // namespace bottled

#endif  // BOTTLED_BOTTLE_BOTTLE_FILES_H_
