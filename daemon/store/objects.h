// Objects: the artifact files. Publication, the check on a hit, removal and
// quarantine; each keeps index and disk in agreement whenever the process or
// the machine dies.
//
// Publication, in this order and no other:
//   1. the finished file and its record are fsynced in the stage directory
//   2. job → publishing, with the record (one transaction)
//   3. rename record and file to obj/<aa>/, never over something
//   4. fsync obj/<aa> and the stage directory
//   5. artifact row, key and job → succeeded (one transaction, FULL)
//   6. only then does anybody hear of it
// Afterwards nobody links, renames, chmods or touches the file: smolvm
// remembers an artifact by device, inode and ctime.
//
// Removal: row first, then rename to trash/, fsync; trash.h unlinks.
// Quarantine: file first, as a row without a file is never served. Thread-safe:
// two threads that change the files of one digest take turns.

#ifndef BOTTLED_STORE_OBJECTS_H_
#define BOTTLED_STORE_OBJECTS_H_

#include <atomic>
#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "platform/fd.h"
#include "platform/places.h"
#include "store/digest_locks.h"
#include "store/index.h"
#include "store/object_file.h"
#include "store/records.h"
#include "store/trash.h"

namespace bottled {

class Objects {
 public:
  // Called at the named steps of a publication ("synced", "publishing",
  // "renamed", "dirs_synced", "committed"); tests stop the process there.
  using StepHook = std::function<void(std::string_view step)>;

  // Creates the cache directories, 0700, and refuses unsafe ones (reason
  // UNSAFE_DIRECTORY).
  static absl::StatusOr<std::unique_ptr<Objects>> Open(const Places& places,
                                                       Index& index,
                                                       const Clock& clock);

  // Before other threads use the object.
  void set_step_hook(StepHook hook) { step_hook_ = std::move(hook); }

  // Files that were removed before and from now on.
  Trash& trash() { return trash_; }

  // A private, empty directory stage/<job_id>. Anything left there is removed.
  // The id becomes a name on disk: letters, digits, '-' and '_' only.
  absl::StatusOr<std::filesystem::path> MakeStage(const std::string& job_id);
  // Removes it; errors are logged, recovery removes the rest at next start.
  void RemoveStage(const std::string& job_id);

  // Publishes `file`, which lies in the job's stage directory and is complete;
  // its bytes hash to record.digest, by the writer's word. Fills device, inode,
  // mtime, created_ms and last_used_ms, and returns the record as stored. When
  // the object is there already it is verified in full and kept, or quarantined
  // and replaced. `job_id` may not be empty. Blocks for the fsync of the file.
  //
  // Reasons: BAD_STAGED_FILE, JOB_NOT_OPEN, NO_SPACE, INDEX_DEGRADED, IO_ERROR.
  // After an error nothing is published, unless the error is INDEX_DEGRADED's
  // cause: recovery finishes or undoes the publication then.
  absl::StatusOr<ArtifactRecord> Publish(const std::string& job_id,
                                         const std::filesystem::path& file,
                                         ArtifactRecord record);

  // Steps 3 to 5 for a job that is publishing already; for recovery. What is
  // staged or in obj/ is verified in full first. Reason ARTIFACT_MISSING when
  // neither place has the bytes.
  absl::StatusOr<ArtifactRecord> ResumePublish(const std::string& job_id,
                                               ArtifactRecord record);

  // The artifact of a key, if there is one and its file is still the one that
  // was published: a regular file of ours with the recorded inode, size and
  // mtime, and a footer. O(1). With another inode or mtime it is read in full:
  // a restored backup is as good, and noted. A file that is gone or different
  // makes the row go (MISSING) or the file move to quarantine, and the result
  // nullopt.
  absl::StatusOr<std::optional<ArtifactRecord>> Lookup(const Digest& key);

  // The same by digest: the record as it is now, or nullopt. `on_read` may be
  // null; its errors end the reading, and prove nothing. CANCELLED after
  // CancelReads().
  absl::StatusOr<std::optional<ArtifactRecord>> CheckFile(
      const Digest& digest, const OnRead& on_read = nullptr);

  // Ends the reading of files that were replaced, now and from now on: the
  // daemon stops.
  void CancelReads() { reads_cancelled_ = true; }

  // Reads all of a published file from the medium, where the system can be told
  // so, and compares. Reasons of OpenObject(), and what `on_read` returns.
  // Changes nothing.
  absl::Status ReadBack(const ArtifactRecord& record,
                        const OnRead& on_read) const;

  // Opens a published file for reading, with the checks of Lookup(), but
  // changes nothing. Reasons ARTIFACT_MISSING, ARTIFACT_DAMAGED, and those of
  // reading, which say nothing about the file.
  absl::StatusOr<Fd> OpenObject(const ArtifactRecord& record) const;

  // Blocks for the unlink unless trash() has started.
  absl::Status Remove(const ArtifactRecord& record);
  // The same, unless somebody holds it: see Index::DeleteArtifactUnlessHeld(),
  // whose sentences it returns; none when it was removed. `why` is "REMOVED" or
  // "EVICTED", and `rule` by which rule. With `unchanged_only`, `record` is
  // also what was judged, and "used meanwhile" may be the answer.
  absl::StatusOr<std::vector<std::string>> RemoveUnlessHeld(
      const ArtifactRecord& record, std::string_view why,
      bool unchanged_only = false, std::string_view rule = "");
  // Moves the file, whatever it is, to quarantine/ and deletes the row, if
  // there is one. `why` goes to the log, and is told at a later miss.
  absl::Status Quarantine(const ArtifactRecord& record, std::string_view why);
  // The same, unless the artifact is not the one that was judged any more: its
  // file is another, or it is gone. False then.
  absl::StatusOr<bool> QuarantineUnchanged(const ArtifactRecord& judged,
                                           std::string_view why);

  // What to do about something in obj/ that has no row; for Repair().
  enum class OrphanFate {
    kNone,  // it has a row, or is gone: no orphan any more
    kAdopted,
    kQuarantined,
  };
  // Reads it in full. `adopted` is filled for kAdopted. Errors of reading prove
  // nothing, and leave it as it is.
  absl::StatusOr<OrphanFate> SettleOrphan(const Digest& digest,
                                          ArtifactRecord& adopted,
                                          const OnRead& on_read);
  // Deletes a record whose artifact is not there; false when it is.
  absl::StatusOr<bool> RemoveLoneRecord(const Digest& digest);
  // Writes the record of an artifact that lost it, from its row.
  absl::Status RestoreRecord(const Digest& digest);

  std::filesystem::path Path(const ArtifactRecord& record) const;

 private:
  Objects(const Places& places, Index& index, const Clock& clock)
      : places_(places), index_(index), clock_(clock), trash_(places.trash()) {}

  void Step(std::string_view step) const;

  // Step 1: checks, modes, fsync. `file` becomes <stage>/<hex>.smolmachine.
  absl::Status PrepareStage(const std::string& job_id,
                            const std::filesystem::path& file,
                            const ArtifactRecord& record) const;
  absl::Status WriteStagedRecord(const std::string& job_id,
                                 const ArtifactRecord& record) const;
  // Steps 3 to 5.
  absl::StatusOr<ArtifactRecord> MoveIn(const std::string& job_id,
                                        ArtifactRecord record);
  // Step 4, and the record's identity.
  absl::Status SyncMoved(const std::string& job_id,
                         ArtifactRecord& record) const;
  // True when obj/ holds these very bytes; other ones go to quarantine.
  absl::StatusOr<bool> HasGoodObject(const ArtifactRecord& record) const;
  // True when obj/ holds a record of the digest.
  bool HasGoodRecord(const Digest& digest) const;
  absl::Status RenameIn(const std::string& job_id,
                        const ArtifactRecord& record) const;
  absl::Status RemoveFiles(const ArtifactRecord& record);
  // Whatever is in its place, unless that is nothing: ARTIFACT_MISSING.
  absl::StatusOr<Fd> OpenPresent(const ArtifactRecord& record) const;
  // SyncObject(), unless that has failed before for this very file: another
  // fsync may succeed without its bytes.
  absl::Status Sync(const Digest& digest) const;
  // Its files are gone from obj/.
  void ForgetUnsynced(const Digest& digest) const;
  // What Lookup() says of a file that may have been replaced; fills the record
  // anew and notes it. Wants the digest's lock.
  absl::Status Reconcile(ArtifactRecord& record, const OnRead& on_read) const;
  // The files only.
  absl::Status QuarantineFiles(const Digest& digest,
                               std::string_view why) const;
  std::filesystem::path Staged(const std::string& job_id,
                               const ArtifactRecord& record) const;
  std::filesystem::path StagedRecord(const std::string& job_id,
                                     const ArtifactRecord& record) const;

  // Constant after construction.
  const Places places_;
  Index& index_;
  const Clock& clock_;
  StepHook step_hook_;

  // Self-synchronised.
  std::atomic<bool> reads_cancelled_ = false;
  DigestLocks locks_;
  mutable Mutex unsynced_mu_;
  // Those that could neither be synced nor moved away.
  mutable std::set<Digest> unsynced_ ABSL_GUARDED_BY(unsynced_mu_);
  Trash trash_;
};

}  // namespace bottled

#endif  // BOTTLED_STORE_OBJECTS_H_
