#include "jobs/errors.h"

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "fmt/format.h"
#include "fmt/ranges.h"

namespace bottled {
namespace {

using Code = absl::StatusCode;

constexpr size_t kMaxName = 512;

}  // namespace

absl::Status JobNotFound(const std::string& id) {
  return MakeError(Code::kNotFound, "JOB_NOT_FOUND",
                   fmt::format("There is no job \"{}\"", Printable(id, 64)),
                   "List the jobs with: bottlectl jobs --all");
}

absl::Status InterestNotFound(const std::string& job_id) {
  return MakeError(
      Code::kNotFound, "INTEREST_NOT_FOUND",
      fmt::format("This caller no longer waits for job {}", job_id),
      "Nothing has to be done: it was withdrawn before.");
}

absl::Status JobShared(const std::string& job_id, int callers) {
  return MakeError(
      Code::kFailedPrecondition, "JOB_SHARED",
      fmt::format("{} callers wait for job {}", callers, job_id),
      fmt::format("To stop it for all of them: bottlectl cancel --force {}",
                  job_id));
}

absl::Status TooManyJobs(int max_queued) {
  return MakeError(Code::kResourceExhausted, "TOO_MANY_JOBS",
                   fmt::format("{} jobs are waiting already", max_queued),
                   "Try again when some have ended; see bottlectl jobs.");
}

absl::Status TooManyJobsOfClient(int max_queued) {
  return MakeError(
      Code::kResourceExhausted, "TOO_MANY_JOBS_OF_CLIENT",
      fmt::format("{} jobs of this client are waiting already", max_queued),
      "Wait for some of them before asking for more; see bottlectl jobs.");
}

absl::Status ShuttingDown() {
  return MakeError(Code::kUnavailable, "SHUTTING_DOWN",
                   "The daemon is shutting down and takes no new work",
                   "Try again; the next call starts a new daemon.");
}

absl::Status JobCutShort() {
  return MakeError(Code::kCancelled, "SHUTTING_DOWN",
                   "The daemon shut down before the job had ended",
                   "Ask for the artifact again.");
}

absl::Status NobodyCameBack() {
  return MakeError(Code::kAborted, "INTERRUPTED",
                   "The daemon restarted while the job was at work, and nobody "
                   "came back for it",
                   "Ask for the artifact again.");
}

absl::Status JobCancelledByForce() {
  return MakeError(Code::kCancelled, "CANCELLED",
                   "The job was stopped for everybody who waited for it", "");
}

absl::Status WorkThrew(std::string_view what) {
  return MakeError(
      Code::kInternal, "INTERNAL",
      fmt::format("The job hit an unexpected fault: {}", Printable(what, 512)),
      "If it happens again, report it with the daemon's log.");
}

absl::Status ArchiveNotFound(const std::string& path) {
  return MakeError(
      Code::kNotFound, "ARCHIVE_NOT_FOUND",
      fmt::format("There is no file {}", Printable(path, kMaxName)),
      "Check the path; make an archive with: docker save -o FILE IMAGE");
}

absl::Status ArchiveNotAFile(const std::string& path) {
  return MakeError(
      Code::kInvalidArgument, "ARCHIVE_NOT_A_FILE",
      fmt::format("{} is not a regular file", Printable(path, kMaxName)),
      "Give the path of a tar file, or send a stream with: bottlectl pack "
      "--archive -");
}

absl::Status ArchiveForbidden(const std::string& path) {
  return MakeError(
      Code::kPermissionDenied, "PERMISSION_DENIED",
      fmt::format("{} may not be read", Printable(path, kMaxName)),
      "Make the file and its directories readable for the user that runs the "
      "daemon.");
}

absl::Status BadArchivePath(const std::string& path) {
  return MakeError(
      Code::kInvalidArgument, "BAD_ARCHIVE_PATH",
      fmt::format("\"{}\" is not an absolute path", Printable(path, kMaxName)),
      "The daemon does not know the caller's directory: send the "
      "whole path.");
}

absl::Status UploadBroken(std::string_view why) {
  return MakeError(Code::kAborted, "UPLOAD_BROKEN",
                   fmt::format("The upload broke off: {}", why),
                   "Send the archive again.");
}

absl::Status UploadNotFound(const std::string& id) {
  return MakeError(
      Code::kNotFound, "UPLOAD_NOT_FOUND",
      fmt::format("Nobody waits for upload \"{}\"", Printable(id, 64)),
      "An upload is sent once, while its job lives: ask for it again.");
}

absl::Status TooManyUploads(int max_waiting) {
  return MakeError(Code::kResourceExhausted, "TOO_MANY_UPLOADS",
                   fmt::format("{} uploads are open already", max_waiting),
                   "Try again when some have ended; see bottlectl jobs.");
}

absl::Status SmolvmTakesNoArchives(const std::string& path,
                                   const std::string& version) {
  return MakeError(
      Code::kFailedPrecondition, "SMOLVM_TAKES_NO_ARCHIVES",
      fmt::format("smolvm {} at {} does not pack image archives",
                  Printable(version, 64), Printable(path, kMaxName)),
      "Use --packer native or --packer push, or a newer smolvm.");
}

absl::Status PackerNeedsEngine() {
  return MakeError(
      Code::kInvalidArgument, "PACKER_NEEDS_ENGINE",
      "The packer push takes images of an engine, and this is an archive",
      "Load it first (docker load -i FILE), or use --packer native.");
}

absl::Status RegistryImageMissing(const std::string& image,
                                  std::string_view why) {
  return MakeError(
      Code::kFailedPrecondition, "REGISTRY_IMAGE_MISSING",
      fmt::format("The engine has no image {} and cannot pull it: {}",
                  Printable(image, kMaxName), Printable(why, kMaxName)),
      "Load or pull it, name another with the daemon's --registry-image, or "
      "use --packer native, which needs no registry.");
}

absl::Status RegistryFailed(const std::string& image, std::string_view why) {
  return MakeError(
      Code::kUnavailable, "REGISTRY_FAILED",
      fmt::format("The registry from {} could not be started: {}",
                  Printable(image, kMaxName), Printable(why, kMaxName)),
      "See whether the image runs by itself: docker run --rm IMAGE. Use "
      "--packer native to do without it.");
}

absl::Status NoPushAddress(std::string_view evidence) {
  return MakeError(
      Code::kFailedPrecondition, "NO_PUSH_ADDRESS",
      fmt::format("The engine reaches its registry at no address: {}",
                  Printable(evidence, 4 * kMaxName)),
      "Use --packer native, which needs no registry; or let the engine accept "
      "plain HTTP at one of them (insecure-registries).");
}

absl::Status ImageHasNoName(const std::string& reference) {
  return MakeError(
      Code::kFailedPrecondition, "IMAGE_HAS_NO_NAME",
      fmt::format("{} has no name: it would be deleted with the one that a "
                  "push needs",
                  Printable(reference, kMaxName)),
      "Give it one (docker tag ID NAME), or use --packer native.");
}

absl::Status PushDiffers(std::string_view what) {
  return MakeError(
      Code::kDataLoss, "PUSH_DIFFERS",
      fmt::format("The registry does not have what was pushed: {}",
                  Printable(what, kMaxName)),
      "Try again; if it happens again, another registry answers on that port.");
}

absl::Status BadBottleRequest(std::string_view why) {
  return MakeError(Code::kInvalidArgument, "BAD_REQUEST", why,
                   "proto/bottled/v1/bottled.proto documents the request.");
}

absl::Status ContentKeyDiffers(const std::string& reference) {
  return MakeError(
      Code::kAborted, "IMAGE_CHANGED",
      fmt::format("What was read is not the image {} that the engine described",
                  Printable(reference, kMaxName)),
      "The image may have been replaced meanwhile: try again.");
}

absl::Status ArtifactNotFound(const std::string& digest) {
  return MakeError(
      Code::kNotFound, "ARTIFACT_NOT_FOUND",
      fmt::format("There is no artifact {}", Printable(digest, 80)),
      "List the artifacts with: bottlectl cache ls. A prefix needs at least 6 "
      "hexadecimal digits.");
}

absl::Status ArtifactAmbiguous(const std::string& prefix) {
  return MakeError(
      Code::kInvalidArgument, "ARTIFACT_AMBIGUOUS",
      fmt::format("Several artifacts begin with {}", Printable(prefix, 80)),
      "Give more digits.");
}

absl::Status ArtifactGone(const Digest& digest) {
  return MakeError(
      Code::kNotFound, "ARTIFACT_GONE",
      fmt::format("The job made {}, which is no longer in the cache",
                  digest.ToString()),
      "Ask for the artifact again.");
}

absl::Status ArtifactDigestDiffers(const Digest& expected,
                                   const Digest& actual) {
  return MakeError(Code::kDataLoss, "CHECKSUM_MISMATCH",
                   fmt::format("The file holds {} instead of {}",
                               actual.ToString(), expected.ToString()),
                   "Pack the image again. If it happens twice, check disk and "
                   "memory.");
}

absl::Status EntryCountDiffers(int64_t expected, int64_t actual) {
  return MakeError(Code::kDataLoss, "ENTRY_COUNT_MISMATCH",
                   fmt::format("The file holds {} entries, the index says {}",
                               actual, expected),
                   "Remove the artifact and pack the image again.");
}

absl::Status ArtifactHeld(const Digest& digest,
                          const std::vector<std::string>& holders) {
  // A message has its limits; `cache show` has none.
  constexpr size_t kMaxNamed = 5;
  const size_t named = std::min(holders.size(), kMaxNamed);
  std::string who;
  for (size_t i = 0; i < named; ++i) {
    who += (i == 0 ? "" : "; ") + holders[i];
  }
  if (named < holders.size()) {
    who += fmt::format("; and {} more (bottlectl cache show)",
                       holders.size() - named);
  }
  return MakeError(
      Code::kFailedPrecondition, "ARTIFACT_HELD",
      fmt::format("{} is in use: {}", digest.ToString(), who),
      "Unpin it, release its leases or let them end, or remove it all the same "
      "with --force.");
}

absl::Status DiskIsFull(std::string_view why) {
  return MakeError(
      Code::kResourceExhausted, "DISK_FULL",
      fmt::format("The disk is full: {}", Printable(why, kMaxName)),
      "Free some space. What is cached is served all the same, and new jobs "
      "are taken again by themselves; bottlectl doctor tells when.");
}

absl::Status NoRoomForJob(const RoomNumbers& room) {
  return MakeError(
      Code::kResourceExhausted, "DISK_FULL",
      fmt::format("The job may need {}, and the disk has {}, of which {} are "
                  "kept free and {} are reserved for other jobs; {} of the "
                  "cache is in use and cannot go",
                  FormatBytes(room.need_bytes), FormatBytes(room.free_bytes),
                  FormatBytes(room.min_free_bytes),
                  FormatBytes(room.reserved_bytes),
                  FormatBytes(room.held_bytes)),
      "Free some space, unpin artifacts or release their leases (bottlectl "
      "cache gc --dry-run), or keep less free (--cache-min-free-bytes).");
}

absl::Status NoInodes(int64_t free_files, int64_t min_free_files) {
  return MakeError(
      Code::kResourceExhausted, "DISK_FULL",
      fmt::format("The disk can take only {} more files, and a job must find "
                  "{} (df -i)",
                  free_files, min_free_files),
      "Remove files that are not needed from the cache's disk.");
}

absl::Status StoppedForRoom(int64_t free_bytes, int64_t floor_bytes) {
  return MakeError(
      Code::kResourceExhausted, "DISK_FULL",
      fmt::format("The job was stopped because the disk ran full: {} are left, "
                  "and below {} nothing goes on",
                  FormatBytes(free_bytes), FormatBytes(floor_bytes)),
      "Free some space and ask for the artifact again.");
}

absl::Status BadWarmTarget(std::string_view why) {
  return MakeError(Code::kInvalidArgument, "BAD_WARM_TARGET",
                   fmt::format("Cannot be kept warm: {}", why),
                   "docs/guide.md tells what can be; warm it once without "
                   "--keep, or pack it.");
}

absl::Status WarmTargetNotFound(const std::string& name) {
  return MakeError(
      Code::kNotFound, "WARM_TARGET_NOT_FOUND",
      fmt::format("There is no warm target \"{}\"", Printable(name, 256)),
      "`bottlectl warm ls` lists them.");
}

absl::Status WarmTargetAmbiguous(const std::string& name) {
  return MakeError(Code::kFailedPrecondition, "WARM_TARGET_AMBIGUOUS",
                   fmt::format("Several warm targets are called \"{}\"",
                               Printable(name, 256)),
                   "Name it by its ID, which `bottlectl warm ls` shows.");
}

absl::Status TooManyWarmTargets(size_t max_targets) {
  return MakeError(Code::kResourceExhausted, "TOO_MANY_WARM_TARGETS",
                   fmt::format("{} targets are kept warm already", max_targets),
                   "Remove some with `bottlectl warm rm`.");
}

absl::Status WarmRefused(std::string_view why) {
  return MakeError(Code::kUnavailable, "WARM_REFUSED",
                   fmt::format("Nothing is made ahead of need now: {}", why),
                   "Pack it, or keep it warm: then it is made later.");
}

absl::Status WarmContextTooLarge(const std::string& context) {
  return MakeError(
      Code::kFailedPrecondition, "CONTEXT_TOO_LARGE",
      fmt::format("{} has too many files to tell whether they have changed",
                  Printable(context, 1024)),
      "Leave directories out with .dockerignore.");
}

absl::Status DiskSuspect(const std::string& source, int times) {
  return MakeError(
      Code::kDataLoss, "DISK_SUSPECT",
      fmt::format("{} is not made again by itself: its artifacts were found "
                  "damaged {} times in 24 hours",
                  Printable(source, 256), times),
      "Check the disk and the memory of this machine. Asking for it makes it "
      "all the same.");
}

absl::Status BadLease(std::string_view why) {
  return MakeError(Code::kInvalidArgument, "BAD_LEASE", why,
                   "proto/bottled/v1/cache.proto documents leases and pins.");
}

absl::Status LeaseNotFound(const std::string& id) {
  return MakeError(
      Code::kNotFound, "LEASE_NOT_FOUND",
      fmt::format("There is no lease \"{}\"", Printable(id, 64)),
      "It may have ended: see whether the artifact is still there, and take "
      "another one.");
}

absl::Status TooManyLeases(size_t max_leases) {
  return MakeError(
      Code::kResourceExhausted, "TOO_MANY_LEASES",
      fmt::format("{} leases are held already", max_leases),
      "Release those that are not needed, or let them end; a pin needs none.");
}

}  // namespace bottled
