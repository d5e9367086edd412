// What a process did to its files, written down where the process's death does
// not reach it: memory that is shared over fork().

#ifndef BOTTLED_TESTS_FAULT_TRACE_H_
#define BOTTLED_TESTS_FAULT_TRACE_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "platform/fault_calls.h"

namespace bottled::testing {

struct TraceOp {
  // A mark is what a test wrote down itself.
  bool mark = false;
  FaultOp op = FaultOp::kOpen;
  // Identity of what the call was about, after the call; 0 when it is gone.
  uint64_t inode = 0;
  std::string path;
  std::string to;
  int64_t offset = 0;
  int64_t size = 0;
  int64_t mtime_ns = 0;
  uint32_t mode = 0;
  // "publish.cc MoveIn: fsync cache/obj/<aa>"
  std::string site;
  // kWrite: the bytes. A mark: its text.
  std::string data;
};

// An append-only list in MAP_SHARED memory. One process at a time writes to it.
class Trace {
 public:
  Trace();
  ~Trace();
  Trace(const Trace&) = delete;
  Trace& operator=(const Trace&) = delete;

  void Append(const TraceOp& op);
  void Mark(std::string_view text);
  std::vector<TraceOp> Read() const;
  void Clear();

 private:
  struct Header;
  char* memory_;
  Header& header() const;
};

// Records the successful calls below `root` that change something, in paths
// relative to it; and may fail calls, counting those that have the right kind.
class Recorder : public FaultObserver {
 public:
  // `trace` may be nullptr: then it only counts and fails.
  Recorder(Trace* trace, std::string root)
      : trace_(trace), root_(std::move(root)) {}

  // Returns the errno that the call fails with, or 0.
  using Fail = std::function<int(FaultCall& call)>;
  void set_fail(Fail fail) { fail_ = std::move(fail); }

  int Before(FaultCall& call) override;
  void After(const FaultCall& call, int64_t result) override;

 private:
  Trace* trace_;
  const std::string root_;
  Fail fail_;
  bool existed_ = false;
};

// Sets an observer for the life of a scope.
class Observed {
 public:
  explicit Observed(FaultObserver& observer) { SetFaultObserver(&observer); }
  ~Observed() { SetFaultObserver(nullptr); }
  Observed(const Observed&) = delete;
  Observed& operator=(const Observed&) = delete;
};

// The path of a call, also when it is made by descriptor.
std::string PathOf(const FaultCall& call);
// `path` below `root` with what differs from run to run replaced: <hex>, <aa>,
// <job>, <tmp>, <random>. "" when it is not below.
std::string KindOfPath(std::string_view root, std::string_view path);
std::string_view NameOf(FaultOp op);
// TraceOp::site.
std::string SiteOf(std::string_view root, const FaultCall& call);

}  // namespace bottled::testing

#endif  // BOTTLED_TESTS_FAULT_TRACE_H_
