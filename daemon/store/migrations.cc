// Migrations(): all that ever became of the schema.
#include "store/schema.h"

namespace bottled {
namespace {

// Digests are 64 hexadecimal digits without "sha256:". Times are milliseconds
// since the epoch.
constexpr std::string_view kFirst = R"sql(
CREATE TABLE meta(
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What is known of a content key: its artifact, or why there is none any more.
CREATE TABLE content_key(
  key TEXT PRIMARY KEY,
  inputs TEXT NOT NULL,
  artifact TEXT REFERENCES artifact(digest),
  why TEXT,
  why_ms INTEGER,
  CHECK((artifact IS NULL) OR (why IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX content_key_artifact ON content_key(artifact);

CREATE TABLE artifact(
  digest TEXT PRIMARY KEY,
  content_key TEXT NOT NULL REFERENCES content_key(key),
  size_bytes INTEGER NOT NULL,
  unpacked_bytes INTEGER NOT NULL,
  entry_count INTEGER NOT NULL,
  platform TEXT NOT NULL,
  config_digest TEXT NOT NULL,
  layer_digest TEXT NOT NULL,
  packer TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  last_used_ms INTEGER NOT NULL,
  notes TEXT NOT NULL,
  device INTEGER NOT NULL,
  inode INTEGER NOT NULL,
  mtime_ns INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX artifact_last_used ON artifact(last_used_ms);

-- The names under which an artifact was asked for.
CREATE TABLE artifact_reference(
  artifact TEXT NOT NULL REFERENCES artifact(digest) ON DELETE CASCADE,
  reference TEXT NOT NULL,
  used_ms INTEGER NOT NULL,
  PRIMARY KEY(artifact, reference)
) STRICT, WITHOUT ROWID;

-- What a reference meant last. Outlives artifacts.
CREATE TABLE reference(
  name TEXT PRIMARY KEY,
  key TEXT NOT NULL,
  updated_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What an archive file contained, as long as it looks the same.
CREATE TABLE archive(
  path TEXT NOT NULL,
  reference TEXT NOT NULL,
  options TEXT NOT NULL,
  device INTEGER NOT NULL,
  inode INTEGER NOT NULL,
  size INTEGER NOT NULL,
  mtime_ns INTEGER NOT NULL,
  ctime_ns INTEGER NOT NULL,
  key TEXT NOT NULL,
  updated_ms INTEGER NOT NULL,
  PRIMARY KEY(path, reference, options)
) STRICT, WITHOUT ROWID;

CREATE TABLE job(
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  state TEXT NOT NULL CHECK(state IN ('queued', 'running', 'publishing',
    'succeeded', 'failed', 'cancelled', 'interrupted')),
  source TEXT NOT NULL,
  content_key TEXT,
  created_ms INTEGER NOT NULL,
  started_ms INTEGER NOT NULL,
  finished_ms INTEGER NOT NULL,
  artifact TEXT,
  failure TEXT,
  boot_id TEXT NOT NULL,
  -- The artifact's record as JSON, while the state is 'publishing'.
  publishing TEXT
) STRICT;
-- Single-flight, as an invariant of the database.
CREATE UNIQUE INDEX job_open_key ON job(content_key)
  WHERE state IN ('queued', 'running', 'publishing');
CREATE INDEX job_open ON job(seq)
  WHERE state IN ('queued', 'running', 'publishing');
CREATE INDEX job_finished ON job(finished_ms);

-- A new index has not seen yet what lies in obj/.
INSERT INTO meta(name, value) VALUES('rebuild', 'pending');
)sql";

constexpr std::string_view kBottles = R"sql(
CREATE TABLE bottle(
  slug TEXT PRIMARY KEY,
  agent TEXT NOT NULL,
  cwd TEXT NOT NULL,
  copy_cwd INTEGER NOT NULL CHECK(copy_cwd IN (0, 1)),
  home TEXT NOT NULL,
  started_ms INTEGER NOT NULL,
  updated_ms INTEGER NOT NULL,
  compose_project TEXT NOT NULL,
  backend TEXT NOT NULL,
  -- A JSON list of names, in order.
  bottles TEXT NOT NULL,
  plan_revision INTEGER NOT NULL,
  plan_digest TEXT NOT NULL,
  manifest_digest TEXT NOT NULL,
  -- No reference: the bottle outlives its artifact.
  artifact TEXT,
  source TEXT NOT NULL,
  endpoint_mode TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX bottle_started ON bottle(started_ms);

-- Addresses as numbers, 10.0.0.1 = 167772161.
CREATE TABLE address_lease(
  slug TEXT PRIMARY KEY REFERENCES bottle(slug) ON DELETE CASCADE,
  subnet INTEGER NOT NULL CHECK(subnet BETWEEN 0 AND 4294967295),
  prefix INTEGER NOT NULL CHECK(prefix BETWEEN 0 AND 32),
  loopback INTEGER NOT NULL UNIQUE CHECK(loopback BETWEEN 0 AND 4294967295),
  state TEXT NOT NULL CHECK(state IN ('reserved', 'active')),
  updated_ms INTEGER NOT NULL,
  UNIQUE(subnet, prefix)
) STRICT, WITHOUT ROWID;

-- The image that an engine made of a build context that looked like this.
CREATE TABLE build(
  engine TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  image TEXT NOT NULL,
  updated_ms INTEGER NOT NULL,
  PRIMARY KEY(engine, fingerprint)
) STRICT, WITHOUT ROWID;
)sql";

// "bridge" or "loopback" of the last plan; '' before this column existed.
constexpr char kPlannedMode[] =
    "ALTER TABLE bottle ADD COLUMN planned_mode TEXT NOT NULL DEFAULT ''";

// What was made on an engine and is to be removed again.
constexpr char kEngineObjects[] = R"sql(
CREATE TABLE engine_object(
  -- The endpoint: a host such as "unix:///run/docker.sock", and its TLS.
  host TEXT NOT NULL,
  tls_dir TEXT NOT NULL,
  skip_tls_verify INTEGER NOT NULL,
  kind TEXT NOT NULL CHECK(kind IN ('tag', 'container')),
  name TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  PRIMARY KEY(host, kind, name)
) STRICT, WITHOUT ROWID;
)sql";

// Who keeps an artifact from being removed. Neither outlives it.
constexpr char kLeases[] = R"sql(
CREATE TABLE pin(
  artifact TEXT PRIMARY KEY REFERENCES artifact(digest) ON DELETE CASCADE,
  note TEXT NOT NULL,
  created_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE lease(
  id TEXT PRIMARY KEY,
  artifact TEXT NOT NULL REFERENCES artifact(digest) ON DELETE CASCADE,
  kind TEXT NOT NULL CHECK(kind IN ('ttl', 'pid')),
  holder TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  -- 0 unless the kind is 'ttl'.
  expires_ms INTEGER NOT NULL,
  -- 0 and '' unless the kind is 'pid'.
  pid INTEGER NOT NULL,
  identity TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX lease_artifact ON lease(artifact);
)sql";

// The size of the last artifact of a key, collected or not.
constexpr char kLastBytes[] = R"sql(
ALTER TABLE content_key ADD COLUMN last_bytes INTEGER NOT NULL DEFAULT 0;
UPDATE content_key SET last_bytes = coalesce((SELECT size_bytes FROM artifact
  WHERE digest = content_key.artifact), 0);
)sql";

// A third kind of lease. SQLite changes no CHECK: the table is made anew.
constexpr char kStreamLeases[] = R"sql(
CREATE TABLE lease_anew(
  id TEXT PRIMARY KEY,
  artifact TEXT NOT NULL REFERENCES artifact(digest) ON DELETE CASCADE,
  kind TEXT NOT NULL CHECK(kind IN ('ttl', 'pid', 'stream')),
  holder TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  -- 0 unless the kind is 'ttl'.
  expires_ms INTEGER NOT NULL,
  -- 0 and '' unless the kind is 'pid'.
  pid INTEGER NOT NULL,
  identity TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO lease_anew SELECT id, artifact, kind, holder, created_ms,
  expires_ms, pid, identity FROM lease;
DROP TABLE lease;
ALTER TABLE lease_anew RENAME TO lease;
CREATE INDEX lease_artifact ON lease(artifact);
)sql";

// What the daemon keeps prepared, and which artifacts it made only for that.
constexpr char kWarming[] = R"sql(
CREATE TABLE warm_target(
  id TEXT PRIMARY KEY,
  kind TEXT NOT NULL CHECK(kind IN ('image', 'build', 'agent')),
  -- For people.
  name TEXT NOT NULL,
  -- What it is made from, as JSON; holds no secret.
  spec TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  -- Why nothing is made of it; '' = something is.
  paused TEXT NOT NULL,
  -- What it led to last; '' = nothing yet. Need not exist any more.
  artifact TEXT NOT NULL,
  warmed_count INTEGER NOT NULL,
  unused_count INTEGER NOT NULL,
  checked_ms INTEGER NOT NULL,
  warmed_ms INTEGER NOT NULL,
  -- Of the last try; '' = it went well.
  failure TEXT NOT NULL,
  failure_count INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- 1: made by warming, and nobody has asked for it so far.
ALTER TABLE artifact ADD COLUMN warmed INTEGER NOT NULL DEFAULT 0;
)sql";

// Why an artifact is not there, in full.
constexpr char kMisses[] = R"sql(
-- The rule by which it was evicted, or what was wrong with it.
ALTER TABLE content_key ADD COLUMN rule TEXT NOT NULL DEFAULT '';
-- Why the job was necessary, as JSON; '' until it is known.
ALTER TABLE job ADD COLUMN miss TEXT NOT NULL DEFAULT '';
CREATE INDEX artifact_content_key ON artifact(content_key);

-- Quarantines by key.
CREATE TABLE damage(
  key TEXT NOT NULL,
  at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX damage_key ON damage(key, at_ms);
)sql";

constexpr char kScrub[] = R"sql(
-- When an artifact's bytes were last read again and found good.
CREATE TABLE scrub(
  artifact TEXT PRIMARY KEY REFERENCES artifact(digest) ON DELETE CASCADE,
  verified_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
)sql";

// What of a job outlives the daemon that ran it.
constexpr char kRestarts[] = R"sql(
-- What single-flight compares.
ALTER TABLE job ADD COLUMN flight TEXT NOT NULL DEFAULT '';
-- The number of its run: 1 + how often the daemon died in one.
ALTER TABLE job ADD COLUMN attempt INTEGER NOT NULL DEFAULT 1;
-- How to ask for the same again, as JSON; holds no secret. '' = nobody can.
ALTER TABLE job ADD COLUMN spec TEXT NOT NULL DEFAULT '';
-- Who has asked for it: 0 only warming, 1 somebody who watches, 2 somebody who
-- does not.
ALTER TABLE job ADD COLUMN wish INTEGER NOT NULL DEFAULT 0
  CHECK(wish BETWEEN 0 AND 2);

-- Flights in whose jobs the daemon died, since one last came to an end.
CREATE TABLE crash(
  flight TEXT PRIMARY KEY,
  count INTEGER NOT NULL,
  at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
)sql";

// Keys of requests (PackSpec::request_key), so that a repeated one is the same.
constexpr char kRequests[] = R"sql(
CREATE TABLE request(
  id TEXT PRIMARY KEY,
  -- No reference: jobs go after a time.
  job TEXT NOT NULL,
  made_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
)sql";

constexpr Migration kMigrations[] = {
    {"2026-11-artifacts-and-jobs", kFirst},
    {"2026-11-bottles", kBottles},
    {"2026-11-planned-mode", kPlannedMode},
    {"2026-11-engine-objects", kEngineObjects},
    {"2026-11-leases", kLeases},
    {"2026-11-last-bytes", kLastBytes},
    {"2026-11-stream-leases", kStreamLeases},
    {"2026-11-warming", kWarming},
    {"2026-11-misses", kMisses},
    {"2026-11-scrub", kScrub},
    {"2026-11-restarts", kRestarts},
    {"2026-11-requests", kRequests},
};

}  // namespace

std::span<const Migration> Migrations() { return kMigrations; }

}  // namespace bottled
