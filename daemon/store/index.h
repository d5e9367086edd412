// Index: what the daemon remembers, in SQLite. Every method is one short
// transaction; none does other I/O. After an I/O error, damage or a commit of
// unknown result it refuses further writes (reason INDEX_DEGRADED) until a
// restart; reads go on. A full disk (NO_SPACE) only fails the one write.
//
// Thread-safe: one mutex around one connection. Every method may return the
// reasons of SqliteError(), see store/errors.h.

#ifndef BOTTLED_STORE_INDEX_H_
#define BOTTLED_STORE_INDEX_H_

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "image/digest.h"
#include "platform/instance_lock.h"
#include "store/records.h"

namespace bottled {

// In bytes; 0 = none is known. Collected ones count too.
struct ArtifactSizes {
  // Of the last artifact of a key.
  int64_t same = 0;
  // Of the artifact of what a reference meant last.
  int64_t similar = 0;
  // The same unpacked, if that artifact is still there.
  int64_t similar_unpacked = 0;
};

struct ArtifactTotals {
  int64_t count = 0;
  int64_t bytes = 0;
};

class Index {
 public:
  // Opens and migrates; before the latter, a copy goes to backup/ beside it.
  // The lock proves that no other daemon has it open. Reasons as
  // Database::Open(), and INDEX_TOO_NEW. A small database is always checked
  // thoroughly, a large one after an unclean stop, else with quick_check.
  // Blocks for that.
  static absl::StatusOr<std::unique_ptr<Index>> Open(
      const std::filesystem::path& path, const InstanceLock& lock);
  // Notes that it was closed, unless it is degraded.
  ~Index();

  // Called when a write met a full disk; true = there may be room now, so that
  // it is tried once more. Called under the index's mutex: must not call it,
  // and return soon.
  void set_on_full(std::function<bool(const std::string& why)> on_full);

  // The last one that had the database open was killed, or the machine stopped.
  // True for a new database, too: nothing is known then.
  bool after_crash() const;

  // Made once with the database: names this installation.
  const std::string& instance_id() const;

  // True from the creation of a database until SetRebuilt(): what lies in obj/
  // has not been adopted yet.
  absl::StatusOr<bool> RebuildPending();
  absl::Status SetRebuilt();
  // For a copy that was put back: obj/ may have more than it knows.
  absl::Status SetRebuildPending();

  absl::StatusOr<WatchedTime> GetWatchedTime();
  absl::Status SetWatchedTime(const WatchedTime& time);

  // --- artifacts ---------------------------------------------------------
  // Several keys may lead to one artifact; the record carries the one that was
  // asked for.
  absl::StatusOr<std::optional<ArtifactRecord>> FindByKey(const Digest& key);
  absl::StatusOr<std::optional<ArtifactRecord>> FindByDigest(
      const Digest& digest);
  // Digests that begin with `hex_prefix`, in order; at most `limit` (0 = all).
  // None for a prefix that is not lower-case hexadecimal.
  absl::StatusOr<std::vector<Digest>> FindByPrefix(std::string_view hex_prefix,
                                                   int limit);
  // Most recently used first. `limit` 0 = all.
  absl::StatusOr<std::vector<ArtifactRecord>> ListArtifacts(int limit);
  absl::StatusOr<ArtifactTotals> Totals();

  // Notes a hit: last use and the reference, each written at most once a
  // minute, and that somebody has asked for it. `reference` may be empty.
  absl::Status Touch(const Digest& digest, const std::string& reference,
                     int64_t now_ms);

  // Inserts or replaces the artifact, points its key at it, and, when `job_id`
  // is not empty, ends that job as succeeded, all in one transaction (P10). A
  // job that was cancelled meanwhile stays cancelled; the artifact is kept.
  absl::Status InsertArtifact(const ArtifactRecord& record,
                              const std::string& job_id, int64_t now_ms);
  // Inserts an artifact that was found; its key stays with an artifact that is
  // newer.
  absl::Status AdoptArtifact(const ArtifactRecord& record, int64_t now_ms);
  // Sets device, inode and mtime of a file that was checked in full.
  absl::Status UpdateFile(const ArtifactRecord& record);
  // Deletes the row, if there is one. `why` ("REMOVED", "QUARANTINED",
  // "MISSING") and `rule`, the details, are kept with its keys, as the answer
  // to a later miss.
  absl::Status DeleteArtifact(const Digest& digest, std::string_view why,
                              int64_t now_ms, std::string_view rule = "");

  // --- leases and pins ---------------------------------------------------
  // A lease that cannot be written, as the disk is full or broken, is kept in
  // memory and counts like the others; so is its end. The next write that
  // succeeds takes it along; a daemon that ends before loses it.
  // Reason ARTIFACT_NOT_FOUND when there is no such artifact (any more): so
  // that looking up and leasing are one step, look up, lease, and on this
  // reason look up again.
  absl::Status AddLease(const ArtifactLease& lease);
  // A kTtl lease's new end. False when there is no such lease.
  absl::StatusOr<bool> RenewLease(const std::string& id, int64_t expires_ms);
  // Moves the ends of all kTtl leases.
  absl::Status ShiftLeases(int64_t by_ms);
  // False when there is no such lease.
  absl::StatusOr<bool> RemoveLease(const std::string& id);
  // All of them in one transaction; those that are not there are no error.
  // Without ids nothing is written.
  absl::Status RemoveLeases(std::span<const std::string> ids);
  // All, those that have expired too; the oldest first.
  absl::StatusOr<std::vector<ArtifactLease>> ListLeases();
  absl::StatusOr<std::optional<ArtifactLease>> FindLease(const std::string& id);
  // The kPid lease of which all of this is true; the oldest, if several.
  absl::StatusOr<std::optional<ArtifactLease>> FindPidLease(
      const Digest& artifact, const std::string& holder, int64_t pid,
      const std::string& identity);
  // Inserts, or replaces the note. Reason ARTIFACT_NOT_FOUND.
  absl::Status SetPin(const ArtifactPin& pin);
  // False when it was not pinned.
  absl::StatusOr<bool> RemovePin(const Digest& artifact);
  absl::StatusOr<std::vector<ArtifactPin>> ListPins();
  // DeleteArtifact(), unless somebody holds it: then nothing is changed and the
  // result has a sentence for each holder ("pinned: NOTE", "leased by HOLDER
  // until TIME", "leased by HOLDER (process 123)", "leased by HOLDER while
  // connected"). One transaction, so that no
  // lease can come between. Expired leases do not count; those of processes and
  // streams do until their rows are removed.
  //
  // With `judged`, what the decision to delete was made on: when created_ms or
  // last_used_ms is another one now, nothing is changed either, and the only
  // sentence is "used meanwhile". No sentence when the row was gone already.
  // Touch() does not note every hit.
  absl::StatusOr<std::vector<std::string>> DeleteArtifactUnlessHeld(
      const Digest& digest, std::string_view why, int64_t now_ms,
      const ArtifactRecord* judged = nullptr, std::string_view rule = "");

  // Why there is nothing for a key: what became of its last artifact, or that
  // `reference` (may be empty) had another key, with what differs, or that it
  // was never made. `inputs` are the key's; without them, no changes. Never
  // "FORCED". What is older than 90 days is forgotten.
  absl::StatusOr<Miss> Explain(const Digest& key, const std::string& inputs,
                               const std::string& reference, int64_t now_ms);
  // The reason alone.
  absl::StatusOr<std::string> MissReason(const Digest& key,
                                         const std::string& reference);

  // The sizes of what was made before; see ArtifactSizes.
  absl::StatusOr<ArtifactSizes> KnownSizes(const Digest& key,
                                           const std::string& reference);

  // --- scrubbing ---------------------------------------------------------
  // Artifacts that were neither made nor scrubbed in the last `interval_ms`,
  // the longest ago first. `after_crash`: those as well that were never
  // scrubbed, and the most recently published first.
  absl::StatusOr<std::vector<Digest>> ScrubDue(int64_t now_ms,
                                               int64_t interval_ms,
                                               bool after_crash);
  // An artifact that is gone by now is no error.
  absl::Status NoteScrubbed(const Digest& digest, int64_t now_ms);
  absl::Status SetScrubRound(const ScrubRound& round);
  absl::StatusOr<std::optional<ScrubRound>> LastScrubRound();

  // --- upkeep ------------------------------------------------------------
  // MakeBackup(). Other calls wait while SQLite writes, not while the copy is
  // synced and checked.
  absl::Status BackUp(const std::filesystem::path& dir, int64_t now_ms);
  // Once a week the check of Open() after a crash, of what the file has now.
  // INDEX_CORRUPT: nothing is written from now on, and the next start repairs
  // it. INDEX_DEGRADED: it has come to that before. Other calls wait meanwhile,
  // a fifth of a second with 100 000 artifacts.
  absl::Status CheckIfDue(int64_t now_ms);
  // Gives some unused pages back to the file system.
  absl::Status Shrink();

  // Forgets what is known of keys that have had no artifact for 90 days, of
  // references and archives that meant such keys, and of as old quarantines.
  absl::Status TrimKeys(int64_t now_ms);

  // --- references --------------------------------------------------------
  // Remembers that `reference` meant `key`.
  absl::Status RecordReference(const std::string& reference, const Digest& key,
                               int64_t now_ms);

  // --- archive files -----------------------------------------------------
  // The content key of a file that has not changed since it was read whole.
  // `options_json` are the pack options that went into the key.
  absl::StatusOr<std::optional<Digest>> FindArchive(
      const ArchiveIdentity& identity, const std::string& options_json);
  absl::Status RecordArchive(const ArchiveIdentity& identity,
                             const std::string& options_json, const Digest& key,
                             int64_t now_ms);

  // --- builds ------------------------------------------------------------
  // The image that the engine at `engine` (its host) made when the build had
  // this fingerprint, if that is remembered; at most 1000 are.
  absl::StatusOr<std::optional<Digest>> FindBuild(
      const std::string& engine, const std::string& fingerprint);
  absl::Status RecordBuild(const std::string& engine,
                           const std::string& fingerprint, const Digest& image,
                           int64_t now_ms);

  // --- jobs --------------------------------------------------------------
  // Open jobs are those that are queued, running or publishing. A change to a
  // job that is not open is refused with JOB_NOT_OPEN.

  // At most one open job per key (a unique index): else JOB_EXISTS, here and in
  // SetJobKey(). So the row of a dying job must end before its successor's is
  // inserted. With `request_key`, NoteRequest() in the same transaction.
  absl::Status InsertJob(const JobRecord& job,
                         const std::string& request_key = "");
  absl::Status MarkRunning(const std::string& id, int64_t now_ms);
  // It waits again, without a key, as if it had never run.
  absl::Status MarkQueued(const std::string& id);
  absl::Status SetJobKey(const std::string& id, const Digest& key);
  absl::Status SetJobMiss(const std::string& id, const Miss& miss);
  // P7: the artifact is complete and synced in the stage directory. `record`
  // is kept so that a restart can finish the publication.
  absl::Status MarkPublishing(const std::string& id,
                              const ArtifactRecord& record);
  // A terminal state other than succeeded-with-a-new-artifact. When the disk is
  // full (NO_SPACE) the change is kept in memory and made with the next write
  // that succeeds, so that a job that is over does not block its key.
  absl::Status FinishJob(const std::string& id, JobRowState state,
                         const Digest& artifact,
                         const std::string& failure_json, int64_t now_ms);
  absl::StatusOr<std::optional<JobRecord>> FindJob(const std::string& id);
  // Newest first. `limit` 0 = all.
  absl::StatusOr<std::vector<JobRecord>> ListJobs(bool include_finished,
                                                  int limit);
  // Open jobs, oldest first, with the record of MarkPublishing() if any; for
  // recovery.
  struct OpenJob {
    JobRecord job;
    std::optional<ArtifactRecord> publishing;
  };
  absl::StatusOr<std::vector<OpenJob>> OpenJobs();
  // Deletes terminal jobs beyond the newest 5000 or older than 30 days, and
  // requests and crashes that do not count any more.
  absl::Status TrimJobs(int64_t now_ms);

  // --- jobs over restarts -------------------------------------------------
  // A job that the daemon's death cut off waits again, without a key, as run
  // number `attempt`. JOB_NOT_OPEN.
  absl::Status RestartJob(const std::string& id, int attempt);
  // The daemon run `boot_id` owns it from now on. JOB_NOT_OPEN.
  absl::Status TakeUpJob(const std::string& id, const std::string& boot_id);
  // Keeps the greater of its wish and this one. JOB_NOT_OPEN.
  absl::Status SetJobWish(const std::string& id, JobWish wish);
  // It is not asked for again after a crash.
  absl::Status ForgetRepeat(const std::string& id);
  // The daemon has died `count` times now, or more by what another job of this
  // flight has told, while jobs of this flight ran.
  absl::Status NoteCrashes(const std::string& flight, int count,
                           int64_t now_ms);
  // 0 also when the last time is more than a day away.
  absl::StatusOr<int> CrashesOf(const std::string& flight, int64_t now_ms);
  // A job of the flight came to an end of its own.
  absl::Status ForgetCrashes(const std::string& flight);

  // --- requests -----------------------------------------------------------
  // The request of this key (PackSpec::request_key) is answered by a job, for
  // 24 hours.
  absl::Status NoteRequest(const std::string& key, const std::string& job_id,
                           int64_t now_ms);
  // The job's ID, which need not be known any more; empty = never heard of it.
  absl::StatusOr<std::string> JobOfRequest(const std::string& key,
                                           int64_t now_ms);

  // --- bottles -----------------------------------------------------------
  // Chooses the addresses of a bottle: `own` is what it has, `others` what all
  // other bottles have. Only subnet, prefix and loopback of the result count.
  // Runs under the index's mutex and in its transaction: must be pure and fast,
  // and must not call the index. Its error is returned as it is.
  using ChooseLease = std::function<absl::StatusOr<AddressLease>(
      const std::optional<AddressLease>& own,
      std::span<const AddressLease> others)>;

  // Makes the plan for the addresses that were chosen. Runs where ChooseLease
  // does, and under the same conditions.
  using MakeStamp =
      std::function<absl::StatusOr<PlanStamp>(const AddressLease& lease)>;

  // Inserts or updates a bottle, gives it its addresses and numbers its plan,
  // in one transaction; after an error nothing has changed. Times are those of
  // `wanted`. An update keeps started_ms. A lease that stays where it is keeps
  // its state, one that moves is reserved. The plan has NextRevision(); without
  // an artifact the last one is kept. Reasons
  // BOTTLE_EXISTS (`must_be_new`), BOTTLE_NOT_FOUND (not), and those of
  // `choose` and `make_stamp`. Addresses that another bottle has are an
  // INDEX_ERROR.
  absl::StatusOr<PreparedBottle> PrepareBottle(const BottleRecord& wanted,
                                               bool must_be_new,
                                               const ChooseLease& choose,
                                               const MakeStamp& make_stamp);

  absl::StatusOr<std::optional<StoredBottle>> FindBottle(
      const std::string& slug);
  // The last started first.
  absl::StatusOr<std::vector<StoredBottle>> ListBottles();
  // Its lease goes with it. Reason BOTTLE_NOT_FOUND.
  absl::Status RemoveBottle(const std::string& slug);

  // Reserved leases of these bottles become active; the rest is left alone.
  absl::Status MarkLeasesActive(const std::vector<std::string>& slugs,
                                int64_t now_ms);
  // Deletes leases that are reserved and were last changed before
  // `older_than_ms`; their bottles stay. Returns their slugs, sorted.
  absl::StatusOr<std::vector<std::string>> ExpireLeases(int64_t older_than_ms);

  // --- engines -----------------------------------------------------------
  // Notes an object before it is made; again is no error.
  absl::Status NoteEngineObject(const EngineObject& object);
  // Once it is gone.
  absl::Status ForgetEngineObject(const EngineObject& object);
  // The oldest first.
  absl::StatusOr<std::vector<EngineObject>> ListEngineObjects();

  // --- warm targets ------------------------------------------------------
  // Inserts it, or gives the one with the same ID its name and spec; that one
  // goes on as if new: not paused, without failures and unused artifacts.
  // Returns the row.
  absl::StatusOr<WarmTarget> AddWarmTarget(const WarmTarget& target);
  // Replaces all that changes in a target's life. False when it is gone.
  absl::StatusOr<bool> UpdateWarmTarget(const WarmTarget& target);
  // False when there is none of this ID.
  absl::StatusOr<bool> RemoveWarmTarget(const std::string& id);
  // The oldest first.
  absl::StatusOr<std::vector<WarmTarget>> ListWarmTargets();

 private:
  struct State;
  explicit Index(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace bottled

#endif  // BOTTLED_STORE_INDEX_H_
