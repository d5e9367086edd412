// Domain events of a job. The rpc layer turns them into bottled.v1.JobEvent.

#ifndef BOTTLED_JOBS_EVENT_H_
#define BOTTLED_JOBS_EVENT_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "absl/status/status.h"
#include "store/records.h"

namespace bottled {

enum class Stage {
  kNone,
  kIdentify,
  kBuild,
  kRead,
  kMerge,
  kAssemble,
  kPush,
  kPack,
  kVerify,
  kPublish,
};

// "read" … for error details and logs; "" for kNone.
std::string_view StageName(Stage stage);
// The inverse; kNone for an unknown word.
Stage ParseStage(std::string_view name);

enum class Unit { kBytes, kEntries, kSteps };

struct StageStarted {
  Stage stage = Stage::kNone;
};

struct Progress {
  Stage stage = Stage::kNone;
  int64_t current = 0;
  int64_t total = 0;  // 0 = unknown
  Unit unit = Unit::kBytes;
  bool total_is_estimate = false;
};

struct LogLine {
  std::string text;
  bool warning = false;
};

// How much of a job's work is done at this point of this stage, from 0 to 1: a
// guess that is good enough to decide whether stopping would be a waste.
double ShareDone(Stage stage, const Progress& progress);

// How a job ended: an artifact, or an error (code CANCELLED when it was
// stopped).
struct Finished {
  absl::Status status;
  ArtifactRecord artifact;  // when status is OK
};

struct JobEvent {
  int64_t seq = 0;
  int64_t time_ms = 0;
  std::variant<StageStarted, Progress, LogLine, Finished> what;
};

}  // namespace bottled

#endif  // BOTTLED_JOBS_EVENT_H_
