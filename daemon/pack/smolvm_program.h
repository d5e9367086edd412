// SmolvmPrograms: finds smolvm on a caller's PATH and remembers what it is.
//
// Launching and the foreign packer need to know which release they deal with
// before they rely on it: below 1.8.0 a machine that is made from an artifact
// silently loses its allow list (ecosystem.md §4.1). A file is run once and
// then recognised by path, device, inode, size and times, so that asking again
// costs a few stat() calls. One that hangs or fails is only left alone for a
// while, as what it lacks may come without a change of the file.

#ifndef BOTTLED_PACK_SMOLVM_PROGRAM_H_
#define BOTTLED_PACK_SMOLVM_PROGRAM_H_

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "base/cancel.h"
#include "base/mutex.h"
#include "pack/smolvm_probe.h"

namespace bottled {

// Thread-safe. Two threads that ask for a program that is not known yet may
// both run it.
class SmolvmPrograms {
 public:
  struct Options {
    // What the program gets as HOME: wrapper scripts and version managers do
    // not work without it. Empty = none.
    std::string home;
    // The only program that is looked at, by its absolute path; empty: those on
    // the caller's PATH.
    std::string program = {};
    // For each of the two runs of a probe.
    std::chrono::milliseconds limit{5'000};
    // How long SMOLVM_UNUSABLE of a file is remembered, by the steady clock and
    // from the end of its run on; 0 = not at all.
    std::chrono::milliseconds failure_memory{60'000};
  };

  // With the HOME of this process, which is the user's.
  SmolvmPrograms();
  explicit SmolvmPrograms(Options options) : options_(std::move(options)) {}

  // The configured program, or the first of `smolvm` and `smol-vmm` on `path`
  // (PATH's text) that is the smol-machines one. When there is none, the error
  // of the first one that was found: SMOLVM_FOREIGN, SMOLVM_UNUSABLE;
  // SMOLVM_NOT_FOUND when none was. Also CANCELLED, and TOO_MANY_FILES of this
  // process. Blocks for a few stat() calls, or, for a file that is new or
  // changed, for two short runs of it; so too for one whose SMOLVM_UNUSABLE is
  // older than failure_memory or came with another `path`. CANCELLED and
  // TOO_MANY_FILES are never remembered. The program gets `path`, HOME and
  // nothing else of any environment.
  absl::StatusOr<SmolvmProgram> Find(const std::string& path,
                                     const CancelToken& cancel);

  // The same, but runs it in any case, and remembers what came of it: behind a
  // version manager's shim another release may have taken over without a change
  // of the file.
  absl::StatusOr<SmolvmProgram> Refresh(const std::string& path,
                                        const CancelToken& cancel);

 private:
  // Which content a path leads to.
  struct FileId {
    uint64_t device = 0;
    uint64_t inode = 0;
    int64_t size = -1;
    int64_t modified_ns = 0;
    int64_t changed_ns = 0;
    bool operator==(const FileId&) const = default;
  };
  struct Known {
    FileId file;
    absl::StatusOr<SmolvmProgram> result;
    // Of a failure that may pass: what the program got, and how long it counts.
    std::vector<std::string> env = {};
    std::chrono::steady_clock::time_point until = {};
  };

  // Whether `known` answers for `file` now.
  static bool Holds(const Known& known, const FileId& file,
                    const std::vector<std::string>& env);
  static FileId Identify(const std::string& program);
  absl::StatusOr<SmolvmProgram> Search(const std::string& path, bool fresh,
                                       const CancelToken& cancel);
  absl::StatusOr<SmolvmProgram> Check(const std::string& program,
                                      const std::vector<std::string>& env,
                                      bool fresh, const CancelToken& cancel);

  // Constant after construction.
  const Options options_;

  Mutex mu_;
  // By path.
  std::map<std::string, Known> known_ ABSL_GUARDED_BY(mu_);
};

}  // namespace bottled

#endif  // BOTTLED_PACK_SMOLVM_PROGRAM_H_
