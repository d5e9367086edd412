// What `smolvm pack create` prints, as stages and bytes. Private to pack/.
//
// Its progress lines end with "\r" and hold "\x1b[K"; a pull ends with "done."
// even when it failed (smolvm.md §1.3), so only the exit status tells success.

#ifndef BOTTLED_PACK_SMOLVM_OUTPUT_H_
#define BOTTLED_PACK_SMOLVM_OUTPUT_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace bottled {

// In the order in which smolvm passes through them.
enum class SmolvmPhase { kStart, kBoot, kPull, kCollect, kExport, kAssemble };

struct SmolvmProgress {
  SmolvmPhase phase = SmolvmPhase::kStart;
  // Of kPull percent, of kExport bytes; 0 = not told.
  int64_t done = 0;
  int64_t total = 0;

  bool operator==(const SmolvmProgress&) const = default;
};

// One of the two outputs of a run. Not thread-safe. Memory: one line of at most
// 4 KiB and the last lines for messages, however much is printed.
class SmolvmOutput {
 public:
  // The next bytes. Returns the lines that people may want to see, complete
  // ones, printable and bounded: those that are no progress and do not say
  // where the result is. A flood is thinned: at most 1000 lines in all, the
  // last of which says so.
  std::vector<std::string> Add(std::string_view bytes);
  std::vector<std::string> Finish();

  const SmolvmProgress& progress() const { return progress_; }
  // The text of the last "Error: …" line, or the message of the last
  // {"error":{"code","message"}} line with the code in parentheses behind it;
  // empty = none.
  const std::string& error() const { return error_; }
  // The last line of all; empty = none.
  const std::string& last_line() const { return last_line_; }

 private:
  void TakeLine(std::vector<std::string>& lines);

  std::string line_;
  bool line_cut_ = false;
  int shown_ = 0;
  SmolvmProgress progress_;
  std::string error_;
  std::string last_line_;
};

}  // namespace bottled

#endif  // BOTTLED_PACK_SMOLVM_OUTPUT_H_
