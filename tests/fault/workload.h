// What is done to a store while it is killed, cut off or failed, and what must
// be true afterwards.

#ifndef BOTTLED_TESTS_FAULT_WORKLOAD_H_
#define BOTTLED_TESTS_FAULT_WORKLOAD_H_

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "fault/trace.h"
#include "store/store_env.h"

namespace bottled::testing {

// One operation; artifacts and keys go by small numbers (SidecarLike, KeyOf).
struct Step {
  enum Kind {
    kPublish,     // `artifact` under `key`
    kRemove,      // `artifact`
    kQuarantine,  // `artifact`
    kDamage,      // `artifact`: other bytes, and a hit that notices
    kAbandon,     // a job that stages `artifact` under `key`, and fails
    kPin,         // `artifact`
    kForeign,     // `artifact` is copied into obj/ while nobody serves
    kCopied,      // the same, while somebody serves, who need not notice
    kRestart,
  };
  Kind kind = kPublish;
  int artifact = 0;
  int key = 0;
};

// What the caller of the store was told: a mark before each step, and one after
// its success. Replayed from a trace, it says what a restart must find.
class Told {
 public:
  // The marks among ops[0..position).
  static Told Upto(const std::vector<TraceOp>& ops, size_t position);

  // Why the store that is open in `env` breaks its word, or "":
  //   - a key whose publication was acknowledged leads to that artifact, whole;
  //   - what was removed stays away, what was quarantined keeps its bytes
  //   there;
  //   - an operation under way has happened or not;
  //   - whatever is served has the bytes of its name;
  //   - no job is open; no file is in obj/ without a row; stage/ and trash/ are
  //     empty.
  std::string Broken(StoreEnv& env) const;

  // Differs when what must be true differs.
  uint64_t Fingerprint() const;

 private:
  struct World {
    std::map<int, int> keys;  // key → artifact
    std::set<int> present;    // certainly, that is: there may be more
    std::set<int> quarantined;
    std::set<int> pinned;
    std::set<int> unsure;  // keys that need not have their artifact
    void Apply(const Step& step);
  };
  World before_;
  // With the step that was under way.
  World after_;
};

// Begin and end of a step, as marks; and what a store leads to after somebody
// was killed in the middle of a step, which settles whether that has happened.
std::string BeginMark(const Step& step);
std::string EndMark();
std::string TruthMark(StoreEnv& env);

// A job that is running, its stage, and `artifact` in it, written by calls that
// an observer sees.
absl::StatusOr<StoreEnv::Staged> StageArtifact(StoreEnv& env,
                                               const std::string& job_id,
                                               int artifact, int key);

// Runs a step against an open store. `trace` gets the marks and may be nullptr.
absl::Status RunStep(StoreEnv& env, const Step& step, int number, Trace* trace);

// As the daemon does after a failed job.
void EndJob(StoreEnv& env, const std::string& job_id);

// All kinds, each in the state where it does something.
std::vector<Step> FixedSteps();
std::vector<Step> RandomSteps(uint64_t seed, size_t count);

// The wait status of a child that runs `body` and exits with its result.
int InChildProcess(const std::function<int()>& body);

}  // namespace bottled::testing

#endif  // BOTTLED_TESTS_FAULT_WORKLOAD_H_
