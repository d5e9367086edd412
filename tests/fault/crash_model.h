// What a disk may hold after the power went, given what was written to it.
//
// The file system promises no more than POSIX says: fsync() of a file makes its
// data and mode last, fsync() of a directory its entries. Everything else may
// be there or not, in any combination:
//   - a write that was not synced: kept, lost, or, beyond the old end, zeros;
//   - a create, unlink, link: kept or lost, by directory;
//   - a rename between directories, in one half of the states: kept or lost as
//     a whole, and certain only when both directories were synced; in the other
//     half: each of its ends by its own directory, so that a file may be in
//     both places or in none.
// Later changes to one directory entry override earlier ones that were lost.

#ifndef BOTTLED_TESTS_FAULT_CRASH_MODEL_H_
#define BOTTLED_TESTS_FAULT_CRASH_MODEL_H_

#include <cstdint>
#include <filesystem>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "fault/trace.h"

namespace bottled::testing {

using Random = std::mt19937_64;

struct CrashState {
  struct Node {
    bool directory = false;
    std::string content;
    uint32_t mode = 0;
    uint64_t inode = 0;
    int64_t mtime_ns = 0;
    std::map<std::string, int> entries;
  };
  // The first one is the root; some may be without a name.
  std::vector<Node> nodes;

  uint64_t Fingerprint() const;
};

class CrashModel {
 public:
  // The root directory is empty before the first of `ops`.
  explicit CrashModel(const std::vector<TraceOp>& ops);

  // One state that a crash before ops[position] may leave.
  CrashState Draw(size_t position, Random& random) const;

 private:
  struct Change {  // of data or mode
    size_t at = 0;
    FaultOp op = FaultOp::kWrite;
    int64_t offset = 0;
    const std::string* data = nullptr;
    int64_t size = 0;
    uint32_t mode = 0;
    int64_t mtime_ns = 0;
  };
  struct Entry {  // of a directory: a name gets another meaning
    size_t at = 0;
    int directory = 0;
    std::string name;
    int target = -1;  // -1: none
  };
  struct Node {
    bool directory = false;
    uint32_t mode = 0;
    uint64_t inode = 0;
    std::vector<Change> changes;
    std::vector<size_t> syncs;
    std::map<std::string, int> live;  // entries, if nothing is ever lost
  };

  // The last sync of a node before `position`, 0 if there is none; changes at
  // smaller indices last.
  size_t SyncedUpTo(int node, size_t position) const;
  std::pair<int, std::string> Locate(const std::string& path) const;
  int Target(const std::string& path) const;
  int Known(const TraceOp& op);
  void Link(size_t at, const std::string& path, int target);
  void Play(size_t at, const TraceOp& op);

  std::vector<Node> nodes_;
  std::vector<Entry> entries_;
  std::map<uint64_t, int> by_inode_;
};

// Makes the state real below `root`, which exists and is empty. Returns what
// stat() is to say of its files instead of the truth, so that the store takes
// them for those that it knew: real inode → {inode, mtime}.
std::map<uint64_t, std::pair<uint64_t, int64_t>> Materialise(
    const CrashState& state, const std::filesystem::path& root);

}  // namespace bottled::testing

#endif  // BOTTLED_TESTS_FAULT_CRASH_MODEL_H_
