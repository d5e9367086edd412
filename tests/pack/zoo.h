// Programs that stand for smolvm and misbehave: small shell scripts that a test
// writes, and a look at what they leave running.

#ifndef BOTTLED_TESTS_PACK_ZOO_H_
#define BOTTLED_TESTS_PACK_ZOO_H_

#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/cancel.h"
#include "pack/pack_tools.h"
#include "pack/smolvm_packer.h"

namespace bottled {

class Zoo {
 public:
  // `script` is run by sh, with the path after -o in $out and that of Give()'s
  // file in $GOOD.
  explicit Zoo(const std::string& script);

  // What the script may hand out; else it is a good sidecar.
  void Give(const std::string& bytes);

  absl::StatusOr<std::filesystem::path> Run(const CancelToken& cancel = {});

  // Processes that it started and that still run.
  std::vector<std::string> Survivors() const;

  const std::filesystem::path& dir() const { return dir_.path(); }

  // For Run(). Limits are wide, no test should meet them by accident.
  SmolvmPackSpec spec;
  // Called for each line, after it was kept.
  std::function<void(const std::string& line)> on_line;
  // What Run() was told.
  std::vector<std::string> lines;
  std::vector<SmolvmProgress> progress;

 private:
  const TestDir dir_;
  const std::string mark_;
};

}  // namespace bottled

#endif  // BOTTLED_TESTS_PACK_ZOO_H_
