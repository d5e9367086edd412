// Rows of the index as plain values. Times are milliseconds since the epoch,
// UTC.

#ifndef BOTTLED_STORE_RECORDS_H_
#define BOTTLED_STORE_RECORDS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "image/digest.h"
#include "image/key_changes.h"
#include "image/notes.h"

namespace bottled {

// One published artifact.
struct ArtifactRecord {
  Digest digest;  // SHA-256 of the file
  Digest content_key;
  std::string key_inputs;  // canonical JSON
  int64_t size_bytes = 0;
  int64_t unpacked_bytes = 0;
  int64_t entry_count = 0;
  std::string platform;  // "linux/amd64"
  Digest config_digest;
  Digest layer_digest;
  std::string packer;  // "native/1"
  int64_t created_ms = 0;
  int64_t last_used_ms = 0;
  std::vector<Note> notes;
  std::vector<std::string> references;  // newest first, at most 16
  // Made by warming, and nobody has asked for it since.
  bool warmed = false;

  // What the file looked like when it was published, for the check on a hit.
  uint64_t device = 0;
  uint64_t inode = 0;
  int64_t mtime_ns = 0;
};

// When somebody last looked after the cache, and since when there was no gap;
// see jobs/watched_time.h. Zeros = not known.
struct WatchedTime {
  int64_t seen_ms = 0;
  int64_t since_ms = 0;

  bool operator==(const WatchedTime&) const = default;
};

// So many quarantines of one key within a day are no accident of one file.
inline constexpr int kSuspectQuarantines = 2;

// Why there is no artifact of a content key.
struct Miss {
  // "NEVER_BUILT", "INPUT_CHANGED", "FORMAT_CHANGED" (only the packer's
  // revision is another one), "EVICTED", "QUARANTINED", "MISSING", "REMOVED" or
  // "FORCED". Empty = unknown.
  std::string reason;
  // Of the four that say that it went: when, and by which rule or problem.
  int64_t at_ms = 0;
  std::string rule;
  // Of INPUT_CHANGED and FORMAT_CHANGED: every input that differs from what the
  // same reference meant before. Empty when that is no longer known.
  std::vector<InputChange> changes;
  // How often artifacts of the key were quarantined in the last 24 hours.
  int quarantines = 0;

  // It is the disk or the memory that is at fault.
  bool suspect() const { return quarantines >= kSuspectQuarantines; }

  bool operator==(const Miss&) const = default;
};

// One round of the scrubber.
struct ScrubRound {
  int64_t started_ms = 0;
  int64_t finished_ms = 0;
  int64_t artifacts = 0;  // that were read
  int64_t bytes = 0;
  int64_t damaged = 0;
  int64_t unread = 0;  // for a passing reason

  bool operator==(const ScrubRound&) const = default;
};

enum class JobRowState {
  kQueued,
  kRunning,
  kPublishing,
  kSucceeded,
  kFailed,
  kCancelled,
  kInterrupted,
};

enum class LeaseKind {
  kTtl,     // until a moment
  kPid,     // as long as a process lives
  kStream,  // as long as a call goes on, and a little longer
};

// A kTtl lease that ends later than this from now is from before a clock was
// set back, and does not count. None is given for more than 24 hours: the rest
// is for clocks that are corrected.
inline constexpr int64_t kMaxLeaseMs = int64_t{25} * 60 * 60 * 1000;

// A holder's claim that keeps an artifact from being removed.
struct ArtifactLease {
  std::string id;  // random
  Digest artifact;
  LeaseKind kind = LeaseKind::kTtl;
  std::string holder;  // who, for people; at most 256 bytes
  int64_t created_ms = 0;
  int64_t expires_ms = 0;  // of kTtl
  int64_t pid = 0;         // of kPid
  std::string identity;    // of kPid: LookAtProcess()

  bool operator==(const ArtifactLease&) const = default;
};

// A user's wish that an artifact stays.
struct ArtifactPin {
  Digest artifact;
  std::string note;  // why, for people; may be empty, at most 256 bytes
  int64_t created_ms = 0;

  bool operator==(const ArtifactPin&) const = default;
};

// Who has asked for a job, by what becomes of it when the daemon dies. The
// greater one counts.
enum class JobWish {
  kWarm = 0,      // only warming, which asks again by itself
  kWatched = 1,   // somebody whose interest ends with a watch
  kDetached = 2,  // somebody who need not be there
};

// The daemon died so often while a job ran that the job is to blame.
inline constexpr int kPoisonCrashes = 2;

// One job, as far as it must survive the daemon.
struct JobRecord {
  std::string id;
  JobRowState state = JobRowState::kQueued;
  std::string source;  // for a person
  Digest content_key;  // empty until known
  int64_t created_ms = 0;
  int64_t started_ms = 0;   // 0 while queued
  int64_t finished_ms = 0;  // 0 until terminal
  // Of kPublishing and kSucceeded.
  Digest artifact;
  // Of the other terminal states: a Failure as JSON {reason, message, …}.
  std::string failure_json;
  std::string boot_id;  // of the daemon run that owns it
  Miss miss;            // why it was made; known once its key is
  std::string flight;   // what single-flight compares
  int attempt = 1;      // 1 + how often the daemon died while it ran
  // JSON: how to ask for the same again; empty = nobody can.
  std::string spec;
  JobWish wish = JobWish::kWarm;

  // A later run of the daemon may do it.
  bool repeatable() const { return !spec.empty() && wish != JobWish::kWarm; }
};

// What an archive file was found to contain; valid while the file's identity
// and times stay the same.
struct ArchiveIdentity {
  std::string path;
  std::string reference;  // selected image; often empty
  uint64_t device = 0;
  uint64_t inode = 0;
  int64_t size = 0;
  int64_t mtime_ns = 0;
  int64_t ctime_ns = 0;
};

// One prepared sandbox.
struct BottleRecord {
  std::string slug;
  std::string agent;
  std::string cwd;
  bool copy_cwd = false;
  std::string home;
  int64_t started_ms = 0;  // first prepared
  int64_t updated_ms = 0;
  std::string compose_project;
  std::string backend;
  std::vector<std::string> bottles;  // in the order of their merge
  std::string source;                // JSON: what its image comes from
  // "bridge" or "loopback" when the caller chose; else the engine decides.
  std::string endpoint_mode;

  // Of the last plan. `planned_mode` is empty for one that is older than the
  // column.
  int64_t plan_revision = 0;
  std::string plan_digest;
  std::string manifest_digest;
  std::string planned_mode;
  Digest artifact;

  bool operator==(const BottleRecord&) const = default;
};

enum class LeaseState {
  kReserved,  // planned; expires
  kActive,    // its docker network was seen; lasts as long as its bottle
};

// The addresses that belong to one bottle. Addresses are in host byte order.
struct AddressLease {
  std::string slug;
  uint32_t subnet = 0;  // host bits are zero
  int prefix = 28;
  uint32_t loopback = 0;
  LeaseState state = LeaseState::kReserved;
  int64_t updated_ms = 0;

  bool operator==(const AddressLease&) const = default;
};

// What the index remembers of a plan.
struct PlanStamp {
  std::string digest;
  std::string manifest_digest;
  std::string endpoint_mode;  // "bridge" or "loopback"
  Digest artifact;            // may be empty
};

// The revision of a plan: 1 at first, and one more than that of `before` when
// the plan is another one, or its artifact is. To get an artifact, or to lose
// it for a while, changes no plan.
int64_t NextRevision(const BottleRecord& before, const PlanStamp& stamp);

struct PreparedBottle {
  BottleRecord record;
  AddressLease lease;
  // It had a lease of other addresses before.
  bool lease_moved = false;
};

struct StoredBottle {
  BottleRecord record;
  std::optional<AddressLease> lease;  // none after it has expired
};

enum class WarmKind { kImage, kBuild, kAgent };

// "image", "build", "agent".
std::string_view WarmKindWord(WarmKind kind);

// Something that is kept prepared.
struct WarmTarget {
  std::string id;  // follows from what is made, see jobs/warm_spec.h
  WarmKind kind = WarmKind::kImage;
  std::string name;  // for people
  std::string spec;  // JSON, see jobs/warm_spec.h
  int64_t created_ms = 0;
  // Why nothing is made of it, a sentence; empty = something is.
  std::string paused;
  // What it led to last; may be empty, and may be gone.
  Digest artifact;
  // Artifacts that were made for it, and how many of the last ones in a row
  // were never asked for.
  int64_t warmed_count = 0;
  int64_t unused_count = 0;
  int64_t checked_ms = 0;  // 0 = never
  int64_t warmed_ms = 0;   // 0 = never
  // Of the last try, as EncodeFailure() gives it; empty = it went well.
  std::string failure_json;
  int64_t failure_count = 0;  // in a row

  bool operator==(const WarmTarget&) const = default;
};

enum class EngineObjectKind { kTag, kContainer };

// Something on an engine that is ours to remove.
struct EngineObject {
  // As in EngineEndpoint.
  std::string host;
  std::string tls_dir;
  bool skip_tls_verify = false;
  EngineObjectKind kind = EngineObjectKind::kTag;
  // A tag's whole reference, or a container's name.
  std::string name;
  int64_t created_ms = 0;

  bool operator==(const EngineObject&) const = default;
};

}  // namespace bottled

#endif  // BOTTLED_STORE_RECORDS_H_
