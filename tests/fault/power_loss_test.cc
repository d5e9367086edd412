// The power goes at every call of random workloads (reliability.md, test 3),
// and the proof that each fsync is needed and missed: see MUTATIONS below.
//
//   BOTTLED_FAULT_TRACES   workloads per test (CI: 3; full size: 200)
//   BOTTLED_FAULT_STATES   states drawn at each position (CI: 6; full: 64)
//   BOTTLED_FAULT_SEED     the first seed; printed
//   BOTTLED_FAULT_PRINT    set: print the calls before a violation
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "fault/crash_model.h"
#include "fault/trace.h"
#include "fault/workload.h"
#include "fmt/format.h"
#include "gtest/gtest.h"
#include "platform/fault_points.h"
#include "platform/temp_dir.h"
#include "store/store_env.h"

namespace bottled::testing {
namespace {

// No directory is there at first, and state and cache have no parent in common:
// else the sync of one would hide that the other's is missing.
Places PlacesApart(const TempDir& dir) {
  Places places = PlacesIn(dir / "home/user");
  places.state_dir = dir / "var/state/bottled";
  return places;
}

int FromEnvironment(const char* name, int otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : std::atoi(value);
}

uint64_t FirstSeed() {
  static const uint64_t seed = [] {
    const auto fixed =
        static_cast<uint64_t>(FromEnvironment("BOTTLED_FAULT_SEED", 0));
    const uint64_t drawn = fixed != 0 ? fixed : std::random_device()();
    std::printf("BOTTLED_FAULT_SEED=%llu\n",
                static_cast<unsigned long long>(drawn));
    return drawn;
  }();
  return seed;
}

Trace* marked = nullptr;
int marks_left = 0;

void MarkPoint(const char* name) {
  marked->Mark(fmt::format("point {}", name));
  if (--marks_left == 0) {
    ::kill(::getpid(), SIGKILL);
  }
}

// Runs `steps` in children that are recorded, each on what the one before has
// left: a killed process loses nothing that it wrote. `kills` are numbers of
// crash points; the last child ends by itself.
std::vector<TraceOp> Record(const std::vector<Step>& steps,
                            const std::vector<int>& kills) {
  const TempDir dir;
  Trace trace;
  size_t next = 0;
  for (size_t life = 0; life <= kills.size(); ++life) {
    const size_t begun = next;
    const int status = InChildProcess([&] {
      Recorder recorder(&trace, dir.path().native());
      const Observed observed(recorder);
      marked = &trace;
      marks_left = life < kills.size() ? kills[life] : 0;
      SetCrashHandler(&MarkPoint);
      StoreEnv env(PlacesApart(dir));
      // Time goes on over a restart.
      env.clock().Advance(static_cast<int64_t>(life) * 1'000'000);
      if (const absl::Status started = env.Start(); !started.ok()) {
        std::fprintf(stderr, "start: %s\n", started.ToString().c_str());
        return 1;
      }
      trace.Mark(life == 0 ? "started" : TruthMark(env));
      for (size_t i = begun; i < steps.size(); ++i) {
        const int number = static_cast<int>(i + 1000 * life);
        if (const absl::Status done = RunStep(env, steps[i], number, &trace);
            !done.ok()) {
          std::fprintf(stderr, "step: %s\n", done.ToString().c_str());
          return 2;
        }
      }
      // Not closed: a checkpoint at the end would hide what the log holds.
      ::_exit(0);
    });
    if (WIFEXITED(status)) {
      EXPECT_EQ(WEXITSTATUS(status), 0);
      break;
    }
    EXPECT_EQ(WTERMSIG(status), SIGKILL);
    next = 0;
    for (const TraceOp& op : trace.Read()) {
      next += op.mark && op.data.starts_with("begin") ? 1 : 0;
    }
  }
  return trace.Read();
}

// Says of a file what it was before the power went.
class Identities : public FaultObserver {
 public:
  explicit Identities(std::map<uint64_t, std::pair<uint64_t, int64_t>> of)
      : of_(std::move(of)) {}
  int Before(FaultCall& /*call*/) override { return 0; }
  void After(const FaultCall& call, int64_t /*result*/) override {
    if (call.op != FaultOp::kStat) {
      return;
    }
    if (const auto found = of_.find(call.info->st_ino); found != of_.end()) {
      call.info->st_ino = found->second.first;
      call.info->st_mtim = {.tv_sec = found->second.second / 1'000'000'000,
                            .tv_nsec = found->second.second % 1'000'000'000};
    }
  }

 private:
  const std::map<uint64_t, std::pair<uint64_t, int64_t>> of_;
};

// What is wrong with the store that starts from `state`, or "".
std::string Violation(const CrashState& state, const Told& told) {
  const TempDir dir;
  Identities identities(Materialise(state, dir.path()));
  const Observed observed(identities);
  StoreEnv env(PlacesApart(dir));
  if (const absl::Status status = env.Start(); !status.ok()) {
    return "it does not start: " + status.ToString();
  }
  return told.Broken(env);
}

// Within a run of writes nothing is at stake that is not at its end, where any
// of them may be lost: the positions are those of the other calls, and the end.
std::vector<size_t> Positions(const std::vector<TraceOp>& ops, size_t from) {
  std::vector<size_t> positions;
  for (size_t at = from; at <= ops.size(); ++at) {
    if (at == ops.size() || ops[at].data == EndMark() ||
        (!ops[at].mark && ops[at].op != FaultOp::kWrite)) {
      positions.push_back(at);
    }
  }
  return positions;
}

struct Found {
  std::string violation;  // "" = none
  int states = 0;
};

// For whoever looks into a violation.
void PrintIfWanted(const std::vector<TraceOp>& ops, size_t upto) {
  if (std::getenv("BOTTLED_FAULT_PRINT") == nullptr) {
    return;
  }
  for (size_t at = 0; at < std::min(upto, ops.size()); ++at) {
    const TraceOp& op = ops[at];
    std::printf("%4zu %s%s%s %lld+%zu\n", at, op.site.c_str(),
                op.mark ? op.data.c_str() : "",
                op.to.empty() ? "" : (" to " + op.to).c_str(),
                static_cast<long long>(op.offset), op.data.size());
  }
}

// Draws states at all positions, in random order, until one is bad.
Found Search(const std::vector<TraceOp>& ops, size_t from, int per_position,
             uint64_t seed) {
  Random random(seed);
  const CrashModel model(ops);
  std::vector<size_t> positions = Positions(ops, from);
  std::shuffle(positions.begin(), positions.end(), random);
  Found found;
  std::unordered_set<uint64_t> seen;
  for (const size_t position : positions) {
    const Told told = Told::Upto(ops, position);
    for (int i = 0; i < per_position; ++i) {
      const CrashState state = model.Draw(position, random);
      // The same state may be right before a step is acknowledged, not after.
      if (!seen.insert(state.Fingerprint() ^ told.Fingerprint()).second) {
        continue;
      }
      ++found.states;
      found.violation = Violation(state, told);
      if (!found.violation.empty()) {
        PrintIfWanted(ops, position + 1);
        found.violation +=
            fmt::format(" (before call {}: {})", position,
                        position < ops.size() ? ops[position].site : "the end");
        return found;
      }
    }
  }
  return found;
}

// The calls of the first start, which make the database, are searched in the
// first trace only: they are many, and the same each time.
size_t AfterStart(const std::vector<TraceOp>& ops) {
  for (size_t at = 0; at < ops.size(); ++at) {
    if (ops[at].data == "started") {
      return at;
    }
  }
  return ops.size();
}

struct Recorded {
  uint64_t seed = 0;
  std::vector<TraceOp> ops;
};

Recorded RecordRandom(uint64_t seed) {
  Random random(seed);
  std::vector<int> kills;
  while (random() % 2 == 0 && kills.size() < 3) {
    kills.push_back(1 + static_cast<int>(random() % 120));
  }
  return {.seed = seed, .ops = Record(RandomSteps(seed, 8), kills)};
}

TEST(PowerLoss, NothingAcknowledgedIsLostAndNothingWrongIsServed) {
  const int traces = FromEnvironment("BOTTLED_FAULT_TRACES", 3);
  const int states = FromEnvironment("BOTTLED_FAULT_STATES", 6);
  int64_t drawn = 0;
  for (int i = 0; i <= traces; ++i) {
    // The first one has every kind of step.
    const Recorded recorded =
        i == 0 ? Recorded{.seed = FirstSeed(), .ops = Record(FixedSteps(), {})}
               : RecordRandom(FirstSeed() + static_cast<uint64_t>(i));
    const size_t from = i == 0 ? 0 : AfterStart(recorded.ops);
    const Found found = Search(recorded.ops, from, states, recorded.seed);
    ASSERT_EQ(found.violation, "") << "trace " << i << ", seed " << FirstSeed();
    drawn += found.states;
  }
  std::printf("%d traces, %lld different states\n", traces + 1,
              static_cast<long long>(drawn));
}

// MUTATIONS: each sync that the store makes is left out of the traces in turn;
// then a bad state must be found.
std::set<std::string> SyncSites(const std::vector<Recorded>& traces) {
  std::set<std::string> sites;
  for (const Recorded& recorded : traces) {
    for (const TraceOp& op : recorded.ops) {
      // SQLite's own, of the first seconds of a database: with the first table
      // it has a log, and nothing is acknowledged before.
      const bool journal = op.site.ends_with("bottled.db-journal");
      // A publication that a power cut interrupts may be resumed with it, and
      // is given up without: both are right.
      const bool resumes = op.site ==
                           "publish.cc WriteStagedRecord: fsync "
                           "home/user/cache/stage/<job>";
      // Copies of the index: a bad one is not put back, and none is promised.
      const bool copy = op.site.find("/backup") != op.site.npos;
      if (!op.mark && op.op == FaultOp::kFsync && !journal && !resumes &&
          !copy) {
        sites.insert(op.site);
      }
    }
  }
  return sites;
}

TEST(PowerLoss, EverySyncIsMissedWhenItIsLeftOut) {
  std::vector<Recorded> traces;
  traces.push_back({.seed = FirstSeed(), .ops = Record(FixedSteps(), {})});
  for (uint64_t i = 1; i <= 8; ++i) {
    traces.push_back(RecordRandom(FirstSeed() + i));
  }
  for (const std::string& site : SyncSites(traces)) {
    std::string violation;
    int states = 0;
    for (int round = 0; round < 6 && violation.empty(); ++round) {
      for (const Recorded& recorded : traces) {
        std::vector<TraceOp> ops = recorded.ops;
        if (std::erase_if(ops, [&](const TraceOp& op) {
              return !op.mark && op.op == FaultOp::kFsync && op.site == site;
            }) == 0) {
          continue;
        }
        const Found found =
            Search(ops, 0, 4, recorded.seed + static_cast<uint64_t>(round));
        states += found.states;
        violation = found.violation;
        if (!violation.empty()) {
          break;
        }
      }
    }
    std::printf("| %s | %s | %d |\n", site.c_str(),
                violation.empty() ? "NOT MISSED" : violation.c_str(), states);
    std::fflush(stdout);
    EXPECT_NE(violation, "") << site;
  }
}

// The calls of each publication in another order.
bool IsPoint(const TraceOp& op, std::string_view name) {
  return op.mark && op.data == fmt::format("point {}", name);
}

// The row is committed before the files are in their place.
std::vector<TraceOp> CommitBeforeRename(const std::vector<TraceOp>& ops) {
  std::vector<TraceOp> moved;
  size_t before_renames = 0;
  std::vector<TraceOp> commit;
  bool committing = false;
  for (const TraceOp& op : ops) {
    if (IsPoint(op, "publish.directory_synced")) {
      before_renames = moved.size();
    }
    if (IsPoint(op, "publish.committed") && committing) {
      moved.insert(moved.begin() + static_cast<std::ptrdiff_t>(before_renames),
                   commit.begin(), commit.end());
      commit.clear();
      committing = false;
    }
    committing |= IsPoint(op, "publish.dirs_synced");
    (committing ? commit : moved).push_back(op);
  }
  // A process that was killed in between did not commit.
  moved.insert(moved.end(), commit.begin(), commit.end());
  return moved;
}

// The artifact is synced when its row is there already.
std::vector<TraceOp> CommitBeforeSync(const std::vector<TraceOp>& ops) {
  std::vector<TraceOp> moved;
  std::vector<TraceOp> late;
  for (const TraceOp& op : ops) {
    if (op.site.starts_with("publish.cc PrepareStage: fsync")) {
      late.push_back(op);
      continue;
    }
    moved.push_back(op);
    if (IsPoint(op, "publish.committed")) {
      moved.insert(moved.end(), late.begin(), late.end());
      late.clear();
    }
  }
  return moved;
}

TEST(PowerLoss, EveryOrderIsMissedWhenItIsChanged) {
  const std::vector<TraceOp> ops = Record(FixedSteps(), {});
  const std::pair<const char*, std::vector<TraceOp>> changed[] = {
      {"commit before rename", CommitBeforeRename(ops)},
      {"commit before fsync", CommitBeforeSync(ops)},
  };
  for (const auto& [name, reordered] : changed) {
    Found found;
    for (uint64_t round = 0; round < 10 && found.violation.empty(); ++round) {
      found = Search(reordered, AfterStart(reordered), 8, FirstSeed() + round);
    }
    std::printf("| %s | %s | %d |\n", name, found.violation.c_str(),
                found.states);
    EXPECT_NE(found.violation, "") << name;
  }
}

}  // namespace
}  // namespace bottled::testing
