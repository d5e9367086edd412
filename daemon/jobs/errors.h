// The errors of jobs/, one function each. Names and paths that come from
// callers are made printable here.

#ifndef BOTTLED_JOBS_ERRORS_H_
#define BOTTLED_JOBS_ERRORS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "image/digest.h"

namespace bottled {

// --- scheduling ----------------------------------------------------------

// JOB_NOT_FOUND
absl::Status JobNotFound(const std::string& id);
// INTEREST_NOT_FOUND: the caller's interest in this job is over, or never was.
absl::Status InterestNotFound(const std::string& job_id);
// JOB_SHARED: `callers` want it, so one of them may not stop it without force.
absl::Status JobShared(const std::string& job_id, int callers);
// TOO_MANY_JOBS
absl::Status TooManyJobs(int max_queued);
// TOO_MANY_JOBS_OF_CLIENT: one client waits for this many already.
absl::Status TooManyJobsOfClient(int max_queued);
// SHUTTING_DOWN, code UNAVAILABLE: the daemon takes no new work.
absl::Status ShuttingDown();
// SHUTTING_DOWN, code CANCELLED: how a job ends that the drain cut short.
absl::Status JobCutShort();
// INTERRUPTED: the daemon restarted, and who watched the job did not come back.
absl::Status NobodyCameBack();
// CANCELLED: somebody stopped the job for everybody.
absl::Status JobCancelledByForce();
// INTERNAL: the work threw.
absl::Status WorkThrew(std::string_view what);

// --- sources -------------------------------------------------------------

// ARCHIVE_NOT_FOUND
absl::Status ArchiveNotFound(const std::string& path);
// ARCHIVE_NOT_A_FILE
absl::Status ArchiveNotAFile(const std::string& path);
// PERMISSION_DENIED
absl::Status ArchiveForbidden(const std::string& path);
// BAD_ARCHIVE_PATH: not absolute, or with a NUL byte.
absl::Status BadArchivePath(const std::string& path);
// UPLOAD_BROKEN
absl::Status UploadBroken(std::string_view why);
// UPLOAD_NOT_FOUND
absl::Status UploadNotFound(const std::string& id);
// TOO_MANY_UPLOADS
absl::Status TooManyUploads(int max_waiting);

// --- packers -------------------------------------------------------------

// SMOLVM_TAKES_NO_ARCHIVES: the packer smolvm needs a newer one.
absl::Status SmolvmTakesNoArchives(const std::string& path,
                                   const std::string& version);
// PACKER_NEEDS_ENGINE: an archive cannot be pushed.
absl::Status PackerNeedsEngine();
// REGISTRY_IMAGE_MISSING: the engine has no image for a registry, and cannot
// pull it. `why` is the engine's word.
absl::Status RegistryImageMissing(const std::string& image,
                                  std::string_view why);
// REGISTRY_FAILED: its container does not run. `why` completes "The registry
// could not be started: …".
absl::Status RegistryFailed(const std::string& image, std::string_view why);
// NO_PUSH_ADDRESS: `evidence` lists each address with the engine's words.
absl::Status NoPushAddress(std::string_view evidence);
// IMAGE_HAS_NO_NAME: no tag of it is left, so that ours must not be the last.
absl::Status ImageHasNoName(const std::string& reference);
// PUSH_DIFFERS: what the registry has is not what the engine pushed.
absl::Status PushDiffers(std::string_view what);

// --- bottles -------------------------------------------------------------

// BAD_REQUEST
absl::Status BadBottleRequest(std::string_view why);

// --- artifacts -----------------------------------------------------------

// IMAGE_CHANGED: what was read is not what the engine had described.
absl::Status ContentKeyDiffers(const std::string& reference);
// ARTIFACT_NOT_FOUND
absl::Status ArtifactNotFound(const std::string& digest);
// ARTIFACT_AMBIGUOUS
absl::Status ArtifactAmbiguous(const std::string& prefix);
// ARTIFACT_GONE: a job made it, but it is no longer in the cache.
absl::Status ArtifactGone(const Digest& digest);
// CHECKSUM_MISMATCH: the file's bytes are not those that its name says.
absl::Status ArtifactDigestDiffers(const Digest& expected,
                                   const Digest& actual);
// ENTRY_COUNT_MISMATCH: the file is whole, but its row says otherwise.
absl::Status EntryCountDiffers(int64_t expected, int64_t actual);
// ARTIFACT_HELD: not removed. `holders` are sentences, see store/holders.h.
absl::Status ArtifactHeld(const Digest& digest,
                          const std::vector<std::string>& holders);
// DISK_SUSPECT: its artifacts were damaged `times` in 24 hours, so it is not
// made again without somebody who asks.
absl::Status DiskSuspect(const std::string& source, int times);

// --- disk ----------------------------------------------------------------

// DISK_FULL, code RESOURCE_EXHAUSTED, all of them. No new job is taken: `why`
// is what could not be written.
absl::Status DiskIsFull(std::string_view why);
// There is no room for a job, and collecting would not make it.
struct RoomNumbers {
  int64_t need_bytes = 0;      // of the job
  int64_t free_bytes = 0;      // what the disk has
  int64_t min_free_bytes = 0;  // to be kept of it
  int64_t reserved_bytes = 0;  // for other jobs
  int64_t held_bytes = 0;      // of the cache, which may not go
};
absl::Status NoRoomForJob(const RoomNumbers& room);
// There are too few inodes.
absl::Status NoInodes(int64_t free_files, int64_t min_free_files);
// A running job was stopped because the disk ran full.
absl::Status StoppedForRoom(int64_t free_bytes, int64_t floor_bytes);

// --- warming -------------------------------------------------------------

// BAD_WARM_TARGET: `why` is a sentence without its full stop.
absl::Status BadWarmTarget(std::string_view why);
// WARM_TARGET_NOT_FOUND
absl::Status WarmTargetNotFound(const std::string& name);
// WARM_TARGET_AMBIGUOUS: several have this name.
absl::Status WarmTargetAmbiguous(const std::string& name);
// TOO_MANY_WARM_TARGETS
absl::Status TooManyWarmTargets(size_t max_targets);
// WARM_REFUSED, code UNAVAILABLE: not now, because of the machine.
absl::Status WarmRefused(std::string_view why);
// CONTEXT_TOO_LARGE: a build context with so many files that nobody can say
// whether it has changed.
absl::Status WarmContextTooLarge(const std::string& context);

// --- leases and pins -----------------------------------------------------

// BAD_LEASE: `why` is a sentence without its full stop.
absl::Status BadLease(std::string_view why);
// LEASE_NOT_FOUND: released, ended, or never there.
absl::Status LeaseNotFound(const std::string& id);
// TOO_MANY_LEASES
absl::Status TooManyLeases(size_t max_leases);

}  // namespace bottled

#endif  // BOTTLED_JOBS_ERRORS_H_
