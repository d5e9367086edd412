#include "fault/workload.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <sstream>

#include "base/error.h"
#include "base/status_macros.h"
#include "fmt/format.h"
#include "platform/fd.h"
#include "platform/file.h"
#include "store/errors.h"
#include "store/object_file.h"
#include "store/object_record.h"

namespace bottled::testing {
namespace {

namespace fs = std::filesystem;

// Thousands of states are made and synced here: in memory, if nobody objects.
[[maybe_unused]] const int in_memory =
    ::setenv("TMPDIR", "/dev/shm", /*overwrite=*/0);

constexpr int kKeys = 4;
constexpr int kArtifacts = 5;

absl::Status WriteThrough(const fs::path& path, const std::string& content,
                          mode_t mode) {
  const Fd fd(
      sys::Open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (!fd.valid()) {
    const int error = errno;
    return ErrnoError(error, "create " + path.native());
  }
  return WriteAll(fd.get(), content);
}

Digest DigestOf(int artifact) { return Sha256Of(SidecarLike(artifact)); }

// Other bytes of the same length, as a program that may write to everything
// leaves them.
absl::Status Damage(StoreEnv& env, int artifact) {
  const fs::path path = env.places().object(DigestOf(artifact).hex());
  const Fd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd.valid()) {
    return absl::OkStatus();  // nothing there to be damaged
  }
  RETURN_IF_ERROR(PwriteAll(fd.get(), "damage", 100));
  // So that a hit notices, however coarse the clock of the file system is.
  const timespec times[2] = {{.tv_sec = 1, .tv_nsec = 0},
                             {.tv_sec = 1, .tv_nsec = 0}};
  ::futimens(fd.get(), times);
  ASSIGN_OR_RETURN(const std::optional<ArtifactRecord> record,
                   env.index().FindByDigest(DigestOf(artifact)));
  return record.has_value() ? env.objects().Lookup(record->content_key).status()
                            : absl::OkStatus();
}

// A copy of an artifact and its record, by a program that syncs nothing.
absl::Status CopyIn(StoreEnv& env, int artifact) {
  const std::string content = SidecarLike(artifact);
  const std::string hex = Sha256Of(content).hex();
  RETURN_IF_ERROR(EnsurePrivateDir(env.places().object_dir(hex), 0700));
  if (PathExists(env.places().object(hex))) {
    return absl::OkStatus();
  }
  ArtifactRecord record = RecordOf(content, KeyOf(artifact % kKeys));
  record.created_ms = env.clock().NowMs();
  RETURN_IF_ERROR(WriteThrough(env.places().object(hex), content, 0400));
  return WriteThrough(env.places().object_record(hex),
                      EncodeObjectRecord(record), 0400);
}

absl::Status Do(StoreEnv& env, const Step& step, const std::string& job_id) {
  env.clock().Advance(1000);
  switch (step.kind) {
    case Step::kPublish: {
      ASSIGN_OR_RETURN(const StoreEnv::Staged staged,
                       StageArtifact(env, job_id, step.artifact, step.key));
      const absl::Status status =
          env.objects().Publish(job_id, staged.file, staged.record).status();
      env.objects().RemoveStage(job_id);
      return status;
    }
    case Step::kAbandon:
      RETURN_IF_ERROR(
          StageArtifact(env, job_id, step.artifact, step.key).status());
      EndJob(env, job_id);
      return absl::OkStatus();
    case Step::kRemove: {
      ArtifactRecord record;
      record.digest = DigestOf(step.artifact);
      return env.objects().Remove(record);
    }
    case Step::kQuarantine: {
      ArtifactRecord record;
      record.digest = DigestOf(step.artifact);
      return env.objects().Quarantine(record, "test");
    }
    case Step::kDamage:
      return Damage(env, step.artifact);
    case Step::kPin: {
      const absl::Status status =
          env.index().SetPin({.artifact = DigestOf(step.artifact),
                              .note = "test",
                              .created_ms = env.clock().NowMs()});
      return HasReason(status, kArtifactNotFound) ? absl::OkStatus() : status;
    }
    case Step::kForeign: {
      const Places places = env.places();
      env.Stop();
      RETURN_IF_ERROR(CopyIn(env, step.artifact));
      return env.Start();
    }
    case Step::kCopied:
      return CopyIn(env, step.artifact);
    case Step::kRestart:
      env.Stop();
      return env.Start();
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<StoreEnv::Staged> StageArtifact(StoreEnv& env,
                                               const std::string& job_id,
                                               int artifact, int key) {
  const std::string content = SidecarLike(artifact);
  JobRecord job;
  job.id = job_id;
  job.source = "test";
  job.content_key = KeyOf(key);
  job.created_ms = env.clock().NowMs();
  job.boot_id = "boot";
  RETURN_IF_ERROR(env.index().InsertJob(job));
  RETURN_IF_ERROR(env.index().MarkRunning(job_id, env.clock().NowMs()));
  ASSIGN_OR_RETURN(const fs::path stage, env.objects().MakeStage(job_id));
  StoreEnv::Staged staged{.job_id = job_id,
                          .file = stage / "out",
                          .record = RecordOf(content, KeyOf(key))};
  RETURN_IF_ERROR(WriteThrough(staged.file, content, 0600));
  return staged;
}

void EndJob(StoreEnv& env, const std::string& job_id) {
  env.objects().RemoveStage(job_id);
  // Fails when the job has no row, or a full disk defers it.
  env.index()
      .FinishJob(job_id, JobRowState::kFailed, Digest(), "{}",
                 env.clock().NowMs())
      .IgnoreError();
}

absl::Status RunStep(StoreEnv& env, const Step& step, int number,
                     Trace* trace) {
  if (trace != nullptr) {
    trace->Mark(BeginMark(step));
  }
  const absl::Status status = Do(env, step, fmt::format("job{}", number));
  if (status.ok() && trace != nullptr) {
    trace->Mark(EndMark());
  }
  return status;
}

std::string BeginMark(const Step& step) {
  return fmt::format("begin {} {} {}", static_cast<int>(step.kind),
                     step.artifact, step.key);
}
std::string EndMark() { return "end"; }

std::string TruthMark(StoreEnv& env) {
  std::string text = "truth";
  for (int key = 0; key < kKeys; ++key) {
    const auto found = env.objects().Lookup(KeyOf(key));
    for (int artifact = 0; artifact < kArtifacts; ++artifact) {
      if (found.ok() && found->has_value() &&
          (*found)->digest == DigestOf(artifact)) {
        text += fmt::format(" {}:{}", key, artifact);
      }
    }
  }
  return text;
}

void Told::World::Apply(const Step& step) {
  const auto forget = [&] {
    std::erase_if(keys,
                  [&](const auto& key) { return key.second == step.artifact; });
    pinned.erase(step.artifact);
    present.erase(step.artifact);
  };
  switch (step.kind) {
    case Step::kPublish:
      keys[step.key] = step.artifact;
      present.insert(step.artifact);
      unsure.erase(step.key);
      break;
    case Step::kRemove:
      forget();
      break;
    case Step::kQuarantine:
      if (present.contains(step.artifact)) {
        quarantined.insert(step.artifact);
      }
      forget();
      break;
    case Step::kDamage:
      forget();
      break;
    case Step::kPin:
      if (present.contains(step.artifact)) {
        pinned.insert(step.artifact);
      }
      break;
    case Step::kCopied:
      unsure.insert(step.artifact % kKeys);
      [[fallthrough]];
    case Step::kForeign:
      // Under the key that CopyIn() gives it; FixedSteps() leaves that free.
      keys[step.artifact % kKeys] = step.artifact;
      if (step.kind == Step::kForeign) {
        present.insert(step.artifact);
      }
      break;
    case Step::kAbandon:
    case Step::kRestart:
      break;
  }
}

Told Told::Upto(const std::vector<TraceOp>& ops, size_t position) {
  Told told;
  for (size_t at = 0; at < position; ++at) {
    if (!ops[at].mark) {
      continue;
    }
    Step step;
    int kind = 0;
    if (std::sscanf(ops[at].data.c_str(), "begin %d %d %d", &kind,
                    &step.artifact, &step.key) == 3) {
      step.kind = static_cast<Step::Kind>(kind);
      told.after_.Apply(step);
    } else if (ops[at].data == EndMark()) {
      told.before_ = told.after_;
    } else if (ops[at].data.starts_with("truth")) {
      std::erase_if(told.before_.pinned, [&](int artifact) {
        return !told.after_.pinned.contains(artifact);
      });
      told.before_.keys.clear();
      told.before_.present.clear();
      std::istringstream words(ops[at].data.substr(5));
      int artifact = 0;
      char colon = 0;
      for (int key = 0; words >> key >> colon >> artifact;) {
        told.before_.keys[key] = artifact;
        told.before_.present.insert(artifact);
      }
      told.after_ = told.before_;
    }
  }
  return told;
}

uint64_t Told::Fingerprint() const {
  std::string text;
  for (const World* world : {&before_, &after_}) {
    for (const auto& [key, artifact] : world->keys) {
      text += fmt::format("{}:{} ", key, artifact);
    }
    text += fmt::format("q{} p{};", fmt::join(world->quarantined, ","),
                        fmt::join(world->pinned, ","));
  }
  return std::hash<std::string>()(text);
}

std::string Told::Broken(StoreEnv& env) const {
  for (int key = 0; key < kKeys; ++key) {
    const auto found = env.objects().Lookup(KeyOf(key));
    if (!found.ok()) {
      return found.status().ToString();
    }
    if (found->has_value()) {
      const Digest& digest = (*found)->digest;
      if (Sha256Of(ReadAll(env.places().object(digest.hex()))) != digest) {
        return fmt::format("key {} is served with bad bytes", key);
      }
    }
    const auto wanted = [&](const World& world) -> std::optional<Digest> {
      const auto artifact = world.keys.find(key);
      return artifact == world.keys.end()
                 ? std::nullopt
                 : std::optional(DigestOf(artifact->second));
    };
    const std::optional<Digest> got =
        found->has_value() ? std::optional((*found)->digest) : std::nullopt;
    const bool may_lack =
        before_.unsure.contains(key) || after_.unsure.contains(key);
    if (got != wanted(before_) && got != wanted(after_) &&
        (got.has_value() || !may_lack)) {
      return fmt::format(
          "key {} has {}", key,
          got.has_value() ? "what it should not have" : "lost its artifact");
    }
  }
  for (const int artifact : before_.quarantined) {
    const std::string hex = DigestOf(artifact).hex();
    const std::vector<std::string> names = Names(env.places().quarantine());
    const bool kept =
        std::any_of(names.begin(), names.end(), [&](const std::string& name) {
          return name.substr(0, hex.size()) == hex &&
                 name.find(".smolmachine") != std::string::npos &&
                 Sha256Of(ReadAll(env.places().quarantine() / name)) ==
                     DigestOf(artifact);
        });
    if (!kept) {
      return "quarantine has lost an artifact";
    }
  }
  const auto pins = env.index().ListPins();
  if (!pins.ok()) {
    return pins.status().ToString();
  }
  for (const int artifact : before_.pinned) {
    const bool held =
        std::any_of(pins->begin(), pins->end(), [&](const ArtifactPin& pin) {
          return pin.artifact == DigestOf(artifact);
        });
    if (!held && after_.pinned.contains(artifact) &&
        env.index().FindByDigest(DigestOf(artifact))->has_value()) {
      return "a pin is gone";
    }
  }
  if (const auto jobs = env.index().OpenJobs(); !jobs.ok() || !jobs->empty()) {
    return "a job is open";
  }
  return Disagreement(env);
}

std::vector<Step> FixedSteps() {
  return {
      {.kind = Step::kPublish, .artifact = 0, .key = 0},
      {.kind = Step::kPublish, .artifact = 0, .key = 1},  // the same again
      {.kind = Step::kPin, .artifact = 0},
      {.kind = Step::kPublish, .artifact = 1, .key = 0},  // supersedes
      {.kind = Step::kAbandon, .artifact = 2, .key = 2},
      {.kind = Step::kRemove, .artifact = 0},
      {.kind = Step::kPublish, .artifact = 2, .key = 2},
      {.kind = Step::kQuarantine, .artifact = 2},
      {.kind = Step::kPublish, .artifact = 2, .key = 2},
      {.kind = Step::kForeign, .artifact = 3},
      {.kind = Step::kRemove, .artifact = 1},
      {.kind = Step::kCopied, .artifact = 4},
      {.kind = Step::kPublish, .artifact = 4, .key = 0},
      {.kind = Step::kDamage, .artifact = 4},
      {.kind = Step::kPublish, .artifact = 4, .key = 0},
  };
}

std::vector<Step> RandomSteps(uint64_t seed, size_t count) {
  std::mt19937_64 random(seed);
  constexpr Step::Kind kKinds[] = {
      Step::kPublish, Step::kPublish, Step::kPublish,
      Step::kPublish, Step::kRemove,  Step::kQuarantine,
      Step::kAbandon, Step::kPin,     Step::kRestart,
  };
  std::vector<Step> steps;
  while (steps.size() < count) {
    steps.push_back({.kind = kKinds[random() % std::size(kKinds)],
                     .artifact = static_cast<int>(random() % kArtifacts),
                     .key = static_cast<int>(random() % kKeys)});
  }
  return steps;
}

int InChildProcess(const std::function<int()>& body) {
  std::fflush(nullptr);
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::_exit(body());
  }
  int status = 0;
  if (::waitpid(pid, &status, 0) != pid) {
    std::abort();
  }
  return status;
}

}  // namespace bottled::testing
