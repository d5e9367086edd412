#include "store/recovery.h"

#include <cerrno>
#include <cstdio>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "fmt/format.h"
#include "platform/fault_calls.h"
#include "platform/fault_points.h"
#include "platform/file.h"
#include "store/backup.h"
#include "store/errors.h"
#include "store/recovery_jobs.h"
#include "store/repair.h"

namespace bottled {
namespace {

namespace fs = std::filesystem;

// The database and what lies beside it, under names that SQLite would still
// open together.
absl::Status MoveDatabaseAside(const fs::path& path, int64_t now_ms) {
  const std::string aside = fmt::format("{}.corrupt-{}", path.native(), now_ms);
  // The database last: as long as it is there, this is repeated.
  for (const char* suffix : {"-wal", "-shm", "-journal", ""}) {
    const std::string from = path.native() + suffix;
    const std::string to = aside + suffix;
    if (sys::Rename(from.c_str(), to.c_str()) != 0 && errno != ENOENT) {
      const int error = errno;
      return ErrnoError(error, "move " + from + " away");
    }
    CRASH_POINT("rebuild.file_moved");
  }
  return SyncDir(path.parent_path());
}

// OK for NO_SPACE, which is logged; else the status itself.
absl::Status TolerateFullDisk(const absl::Status& status) {
  if (HasReason(status, "NO_SPACE")) {
    Log("store")->error("{}", Printable(std::string(status.message())));
  }
  return UnlessFull(status);
}

absl::Status RecoverJob(Index& index, Objects& objects, const Clock& clock,
                        bool rebuild, const Index::OpenJob& open,
                        RecoveryReport& report) {
  if (open.publishing.has_value()) {
    const fs::path file = objects.Path(*open.publishing);
    const bool was_there = PathExists(file);
    const absl::Status status =
        objects.ResumePublish(open.job.id, *open.publishing).status();
    if (status.ok()) {
      CRASH_POINT("recovery.publication_finished");
      ++report.finished_publications;
      return open.job.attempt == 1
                 ? absl::OkStatus()
                 : TolerateFullDisk(index.ForgetCrashes(open.job.flight));
    }
    Log("store")->warn("job {} cannot be finished: {}", open.job.id,
                       std::string(status.message()));
    report.quarantined += was_there && !PathExists(file) ? 1 : 0;
  }
  CRASH_POINT("recovery.job_given_up");
  return rebuild ? InterruptJob(index, open.job, clock.NowMs(), report)
                 : SettleJob(index, open.job, clock.NowMs(), report);
}

// What lies in stage/ goes; a rest that resists is no reason not to start.
absl::StatusOr<int> DropStages(const Places& places, Objects& objects) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names,
                   ListDir(places.stage()));
  int removed = 0;
  for (const std::string& name : names) {
    // Spools are large, and somebody waits for the start.
    absl::Status status = objects.trash().Take(places.stage() / name).status();
    if (!status.ok()) {
      status = RemoveTree(places.stage() / name);
    }
    if (status.ok()) {
      CRASH_POINT("recovery.rest_removed");
      ++removed;
    } else {
      Log("store")->warn("{}", std::string(status.message()));
    }
  }
  return removed;
}

void Count(const std::vector<RepairAction>& actions, RecoveryReport& report) {
  for (const RepairAction& action : actions) {
    switch (action.kind) {
      case RepairAction::Kind::kAdopted:
        ++report.adopted;
        break;
      case RepairAction::Kind::kQuarantined:
        ++report.quarantined;
        break;
      case RepairAction::Kind::kRowRemoved:
        ++report.missing;
        break;
      case RepairAction::Kind::kRecordRemoved:
        break;
      case RepairAction::Kind::kNoRow:
        ++report.without_row;
        break;
      case RepairAction::Kind::kLeftAlone:
        Log("store")->warn("left alone: {}: {}", action.subject, action.detail);
        ++report.left_alone;
        break;
    }
  }
}

// The newest copy that opens, in the place of the database; null when there is
// none.
absl::StatusOr<std::unique_ptr<Index>> OpenBackup(const Places& places,
                                                  const InstanceLock& lock,
                                                  RecoveryReport& report) {
  ASSIGN_OR_RETURN(const std::vector<BackupFile> backups,
                   ListBackups(places.backups()));
  for (const BackupFile& backup : backups) {
    absl::Status status = Database::CheckCopy(backup.path);
    if (status.ok()) {
      RETURN_IF_ERROR(PutBackInPlace(backup, places.database()));
      absl::StatusOr<std::unique_ptr<Index>> index =
          Index::Open(places.database(), lock);
      status = index.status();
      if (status.ok()) {
        status = (*index)->SetRebuildPending();
      }
      if (status.ok()) {
        report.backup_ms = backup.made_ms;
        return index;
      }
      index = nullptr;
      for (const char* suffix : {"-wal", "-journal", ""}) {
        RETURN_IF_ERROR(RemoveTree(places.database().native() + suffix));
      }
    }
    Log("store")->error("the copy {} is of no use: {}", backup.path.native(),
                        Printable(std::string(status.message())));
  }
  return nullptr;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Index>> OpenIndex(const Places& places,
                                                 const InstanceLock& lock,
                                                 const Clock& clock,
                                                 RecoveryReport& report) {
  // The database lasts no longer than the name of its directory.
  RETURN_IF_ERROR(SyncDir(places.state_dir.parent_path()));
  absl::StatusOr<std::unique_ptr<Index>> index =
      Index::Open(places.database(), lock);
  if (!HasReason(index.status(), kIndexCorrupt)) {
    return index;
  }
  Log("store")->error("{}; it is rebuilt from the records in {}",
                      std::string(index.status().message()),
                      places.objects().native());
  RETURN_IF_ERROR(MoveDatabaseAside(places.database(), clock.NowMs()));
  CRASH_POINT("rebuild.index_moved");
  report.index_rebuilt = true;
  ASSIGN_OR_RETURN(index, OpenBackup(places, lock, report));
  if (*index != nullptr) {
    return index;
  }
  return Index::Open(places.database(), lock);
}

absl::Status Recover(const Places& places, Index& index, Objects& objects,
                     const Clock& clock, RecoveryReport& report) {
  ASSIGN_OR_RETURN(const bool rebuild, index.RebuildPending());
  ASSIGN_OR_RETURN(const std::vector<Index::OpenJob> jobs, index.OpenJobs());
  for (const Index::OpenJob& job : jobs) {
    RETURN_IF_ERROR(RecoverJob(index, objects, clock, rebuild, job, report));
  }
  CRASH_POINT("recovery.jobs_settled");
  ASSIGN_OR_RETURN(const int stages, DropStages(places, objects));
  report.stages_removed += stages;
  if (const absl::Status status = objects.trash().Empty(); !status.ok()) {
    Log("store")->warn("{}", std::string(status.message()));
  }
  CRASH_POINT("recovery.swept");
  if (!rebuild) {
    return absl::OkStatus();
  }
  return SettleObjects(
             places, index, objects, [](int64_t) { return absl::OkStatus(); },
             report)
      .status();
}

absl::StatusOr<std::vector<RepairAction>> SettleObjects(
    const Places& places, Index& index, Objects& objects, const OnRead& on_read,
    RecoveryReport& report) {
  ASSIGN_OR_RETURN(const bool rebuild, index.RebuildPending());
  ASSIGN_OR_RETURN(
      std::vector<RepairAction> actions,
      Repair(places, index, objects, on_read,
             rebuild ? ManyOrphans::kTakeIn : ManyOrphans::kLeaveAlone));
  Count(actions, report);
  if (rebuild) {
    CRASH_POINT("rebuild.objects_settled");
    RETURN_IF_ERROR(TolerateFullDisk(index.SetRebuilt()));
  }
  return actions;
}

void LogRecovery(const RecoveryReport& report) {
  if (report.index_rebuilt) {
    Log("store")->warn("the index was damaged and has been rebuilt from {}",
                       report.backup_ms == 0
                           ? "the files"
                           : "its copy of " + FormatTimeMs(report.backup_ms));
  }
  const int repaired = report.interrupted_jobs + report.restarted_jobs +
                       report.poisoned_jobs + report.finished_publications +
                       report.adopted + report.quarantined + report.missing +
                       report.stages_removed;
  if (repaired > 0) {
    Log("store")->info(
        "recovered: {} jobs wait again, {} interrupted, {} given up, {} "
        "publications finished, {} files adopted, {} quarantined, {} missing, "
        "{} stages removed",
        report.restarted_jobs, report.interrupted_jobs, report.poisoned_jobs,
        report.finished_publications, report.adopted, report.quarantined,
        report.missing, report.stages_removed);
  }
  if (report.without_row > 0) {
    Log("store")->error(
        "{} files in the cache have no row and were left alone: the index may "
        "be older than the cache. To take them in, run bottlectl cache verify "
        "--repair.",
        report.without_row);
  }
}

}  // namespace bottled
