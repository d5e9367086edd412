// BuildOutput: what a build prints becomes log lines and a count of steps.
//
// Reads `docker buildx build --progress=plain` ("#7 [app 2/4] RUN …",
// "#7 DONE 0.3s", "#7 CACHED") and the classic builder ("Step 2/4 : RUN …").
// Nothing but these forms is relied on; other lines are only passed on.
// Sources: docker/cli and moby/buildkit, util/progress/progressui/printer.go.
//
// Pure, not thread-safe. Its input is foreign: lines are bounded and made
// printable, and values that were given as build arguments are taken out.

#ifndef BOTTLED_ENGINE_BUILD_OUTPUT_H_
#define BOTTLED_ENGINE_BUILD_OUTPUT_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace bottled {

class BuildOutput {
 public:
  // `redacted`: values that must not appear; those under 8 bytes are left, as
  // "1" or "true" would take half of the output with them.
  explicit BuildOutput(std::vector<std::string> redacted);

  // Takes bytes as they come; returns the lines that they complete.
  std::vector<std::string> Add(std::string_view bytes);

  // The last line, if it had no end.
  std::vector<std::string> Finish();

  // Steps that were begun, and how many there are as far as is known; 0, 0
  // before the first. `done` counts a stage's steps by their number, as a
  // cached one is not always mentioned.
  struct Steps {
    int64_t done = 0;
    int64_t total = 0;
    bool operator==(const Steps&) const = default;
  };
  Steps steps() const;

  // The step that was begun last, as the builder names it; "" before it.
  const std::string& last_step() const { return last_step_; }

 private:
  struct Stage {
    int64_t reached = 0;
    int64_t total = 0;
  };

  std::string TakeLine();
  void Note(std::string_view line);
  void Reach(const std::string& stage, std::string_view of,
             std::string_view line);

  std::vector<std::string> redacted_;
  std::string buffer_;
  std::map<std::string, Stage> stages_;
  std::string last_step_;
};

}  // namespace bottled

#endif  // BOTTLED_ENGINE_BUILD_OUTPUT_H_
