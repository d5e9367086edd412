#include "store/statements.h"

#include <string>

#include "base/status_macros.h"
#include "fmt/format.h"
#include "store/records.h"
#include "store/statement_texts.h"

namespace bottled {
namespace {

// The order that ReadArtifact() in index_artifacts.cc expects; `k` gives the
// key.
constexpr std::string_view kArtifact =
    "SELECT a.digest, k.key, k.inputs, a.size_bytes, a.unpacked_bytes, "
    "a.entry_count, a.platform, a.config_digest, a.layer_digest, a.packer, "
    "a.created_ms, a.last_used_ms, a.notes, a.device, a.inode, a.mtime_ns, "
    "a.warmed ";

// The order that ReadJob() in index_jobs.cc expects.
constexpr std::string_view kJob =
    "SELECT id, state, source, content_key, created_ms, started_ms, "
    "finished_ms, artifact, failure, boot_id, publishing, miss, flight, "
    "attempt, spec, wish FROM job ";

// The order that ReadBottle() in index_bottles.cc expects.
constexpr std::string_view kBottle =
    "SELECT b.slug, b.agent, b.cwd, b.copy_cwd, b.home, b.started_ms, "
    "b.updated_ms, b.compose_project, b.backend, b.bottles, b.plan_revision, "
    "b.plan_digest, b.manifest_digest, b.artifact, b.source, b.endpoint_mode, "
    "b.planned_mode, l.slug, l.subnet, l.prefix, l.loopback, l.state, "
    "l.updated_ms "
    "FROM bottle b LEFT JOIN address_lease l ON l.slug = b.slug ";

// The orders that ReadArtifactLease() and ReadPin() in index_leases.cc expect.
constexpr std::string_view kLease =
    "SELECT id, artifact, kind, holder, created_ms, expires_ms, pid, identity "
    "FROM current_lease ";
constexpr std::string_view kPin = "SELECT artifact, note, created_ms FROM pin ";

// The order that ReadWarmTarget() in index_warm.cc expects.
constexpr std::string_view kWarmTarget =
    "SELECT id, kind, name, spec, created_ms, paused, artifact, warmed_count, "
    "unused_count, checked_ms, warmed_ms, failure, failure_count "
    "FROM warm_target ";

constexpr std::string_view kOpen =
    "state IN ('queued', 'running', 'publishing')";

absl::Status PrepareArtifacts(Database& db, Statements& out) {
  using S = Statements;
  return PrepareAll(
      db, out,
      {
          {&S::artifact_by_key,
           fmt::format("{}FROM content_key k JOIN artifact a "
                       "ON a.digest = k.artifact WHERE k.key = ?",
                       kArtifact)},
          {&S::artifact_by_digest,
           fmt::format("{}FROM artifact a JOIN content_key k "
                       "ON k.key = a.content_key WHERE a.digest = ?",
                       kArtifact)},
          {&S::artifact_list,
           fmt::format("{}FROM artifact a JOIN content_key k "
                       "ON k.key = a.content_key "
                       "ORDER BY a.last_used_ms DESC, a.digest LIMIT ?",
                       kArtifact)},
          {&S::artifact_prefix,
           "SELECT digest FROM artifact WHERE digest >= ? AND digest < ? "
           "ORDER BY digest LIMIT ?"},
          {&S::artifact_totals,
           "SELECT count(*), coalesce(sum(size_bytes), 0) FROM artifact"},
          {&S::artifact_times,
           "SELECT created_ms, last_used_ms FROM artifact WHERE digest = ?"},
          {&S::artifact_put,
           "INSERT INTO artifact(digest, content_key, size_bytes, "
           "unpacked_bytes, entry_count, platform, config_digest, "
           "layer_digest, packer, created_ms, last_used_ms, notes, device, "
           "inode, mtime_ns, warmed) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) "
           "ON CONFLICT(digest) DO UPDATE SET "
           "content_key = excluded.content_key, "
           "size_bytes = excluded.size_bytes, "
           "unpacked_bytes = excluded.unpacked_bytes, "
           "entry_count = excluded.entry_count, "
           "platform = excluded.platform, "
           "config_digest = excluded.config_digest, "
           "layer_digest = excluded.layer_digest, "
           "packer = excluded.packer, created_ms = excluded.created_ms, "
           "last_used_ms = excluded.last_used_ms, notes = excluded.notes, "
           "device = excluded.device, inode = excluded.inode, "
           "mtime_ns = excluded.mtime_ns, "
           "warmed = min(warmed, excluded.warmed)"},
          {&S::artifact_touch,
           "UPDATE artifact SET last_used_ms = ?, warmed = 0 "
           "WHERE digest = ?"},
          {&S::artifact_set_file,
           "UPDATE artifact SET device = ?, inode = ?, mtime_ns = ? "
           "WHERE digest = ?"},
          {&S::artifact_delete, "DELETE FROM artifact WHERE digest = ?"},
          {&S::key_put,
           "INSERT INTO content_key(key, inputs) VALUES(?, ?) "
           "ON CONFLICT(key) DO UPDATE SET inputs = excluded.inputs"},
          {&S::key_point,
           "UPDATE content_key SET artifact = ?1, why = NULL, why_ms = NULL, "
           "rule = '', last_bytes = coalesce((SELECT size_bytes FROM artifact "
           "WHERE digest = ?1), 0) WHERE key = ?2"},
          {&S::key_last_bytes,
           "SELECT last_bytes FROM content_key WHERE key = ?"},
          {&S::reference_last_bytes,
           "SELECT k.last_bytes, coalesce(a.unpacked_bytes, 0) FROM reference "
           "r "
           "JOIN content_key k ON k.key = r.key "
           "LEFT JOIN artifact a ON a.digest = k.artifact WHERE r.name = ?"},
          {&S::key_forget,
           "UPDATE content_key SET artifact = NULL, why = ?, why_ms = ?, "
           "rule = ? WHERE artifact = ?"},
          {&S::used_reference_get,
           "SELECT used_ms FROM artifact_reference "
           "WHERE artifact = ? AND reference = ?"},
          {&S::used_reference_list,
           "SELECT reference FROM artifact_reference WHERE artifact = ? "
           "ORDER BY used_ms DESC, reference LIMIT 16"},
          {&S::used_reference_put,
           "INSERT INTO artifact_reference(artifact, reference, used_ms) "
           "VALUES(?, ?, ?) ON CONFLICT(artifact, reference) "
           "DO UPDATE SET used_ms = excluded.used_ms"},
          {&S::used_reference_trim,
           "DELETE FROM artifact_reference WHERE artifact = ?1 "
           "AND reference NOT IN (SELECT reference FROM artifact_reference "
           "WHERE artifact = ?1 ORDER BY used_ms DESC, reference LIMIT 16)"},
      });
}

absl::Status PrepareKeys(Database& db, Statements& out) {
  using S = Statements;
  return PrepareAll(
      db, out,
      {
          {&S::meta_get, "SELECT value FROM meta WHERE name = ?"},
          {&S::meta_set,
           "INSERT INTO meta(name, value) VALUES(?, ?) "
           "ON CONFLICT(name) DO UPDATE SET value = excluded.value"},
          {&S::reference_get, "SELECT key FROM reference WHERE name = ?"},
          {&S::reference_put,
           "INSERT INTO reference(name, key, updated_ms) VALUES(?, ?, ?) "
           "ON CONFLICT(name) DO UPDATE SET key = excluded.key, "
           "updated_ms = excluded.updated_ms"},
          {&S::archive_get,
           "SELECT key FROM archive WHERE path = ? AND reference = ? "
           "AND options = ? AND device = ? AND inode = ? AND size = ? "
           "AND mtime_ns = ? AND ctime_ns = ?"},
          {&S::build_get,
           "SELECT image FROM build WHERE engine = ? AND fingerprint = ?"},
          {&S::build_put,
           "INSERT INTO build(engine, fingerprint, image, updated_ms) "
           "VALUES(?, ?, ?, ?) ON CONFLICT(engine, fingerprint) DO UPDATE SET "
           "image = excluded.image, updated_ms = excluded.updated_ms"},
          {&S::build_trim,
           "DELETE FROM build WHERE (engine, fingerprint) IN "
           "(SELECT engine, fingerprint FROM build "
           "ORDER BY updated_ms DESC LIMIT -1 OFFSET ?)"},
          {&S::archive_put,
           "INSERT INTO archive(path, reference, options, device, inode, "
           "size, mtime_ns, ctime_ns, key, updated_ms) "
           "VALUES(?,?,?,?,?,?,?,?,?,?) "
           "ON CONFLICT(path, reference, options) DO UPDATE SET "
           "device = excluded.device, inode = excluded.inode, "
           "size = excluded.size, mtime_ns = excluded.mtime_ns, "
           "ctime_ns = excluded.ctime_ns, key = excluded.key, "
           "updated_ms = excluded.updated_ms"},
      });
}

absl::Status PrepareJobs(Database& db, Statements& out) {
  using S = Statements;
  return PrepareAll(
      db, out,
      {
          {&S::job_put,
           "INSERT INTO job(id, state, source, content_key, created_ms, "
           "started_ms, finished_ms, artifact, failure, boot_id, flight, "
           "attempt, spec, wish) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?)"},
          {&S::job_by_id, fmt::format("{}WHERE id = ?", kJob)},
          {&S::job_by_open_key,
           fmt::format("SELECT id FROM job WHERE content_key = ? AND {}",
                       kOpen)},
          {&S::job_list, fmt::format("{}ORDER BY seq DESC LIMIT ?", kJob)},
          {&S::job_list_open,
           fmt::format("{}WHERE {} ORDER BY seq DESC LIMIT ?", kJob, kOpen)},
          {&S::job_run,
           fmt::format("UPDATE job SET state = 'running', started_ms = ? "
                       "WHERE id = ? AND {}",
                       kOpen)},
          {&S::job_requeue,
           fmt::format("UPDATE job SET state = 'queued', started_ms = 0, "
                       "content_key = NULL, artifact = NULL, publishing = NULL "
                       "WHERE id = ? AND {}",
                       kOpen)},
          {&S::job_set_key,
           fmt::format("UPDATE job SET content_key = ? WHERE id = ? AND {}",
                       kOpen)},
          {&S::job_set_miss,
           fmt::format("UPDATE job SET miss = ? WHERE id = ? AND {}", kOpen)},
          {&S::job_publish,
           fmt::format("UPDATE job SET state = 'publishing', artifact = ?, "
                       "publishing = ? WHERE id = ? AND {}",
                       kOpen)},
          {&S::job_finish,
           fmt::format("UPDATE job SET state = ?, artifact = ?, failure = ?, "
                       "finished_ms = ?, publishing = NULL "
                       "WHERE id = ? AND {}",
                       kOpen)},
          {&S::job_succeed,
           fmt::format("UPDATE job SET state = 'succeeded', artifact = ?, "
                       "content_key = ?, finished_ms = ?, publishing = NULL "
                       "WHERE id = ? AND {}",
                       kOpen)},
          {&S::job_trim_age,
           "DELETE FROM job WHERE finished_ms > 0 AND finished_ms < ?"},
          {&S::job_trim_count,
           "DELETE FROM job WHERE seq IN (SELECT seq FROM job "
           "WHERE finished_ms > 0 ORDER BY seq DESC LIMIT -1 OFFSET ?)"},
      });
}

absl::Status PrepareBottles(Database& db, Statements& out) {
  using S = Statements;
  return PrepareAll(
      db, out,
      {
          {&S::bottle_insert,
           "INSERT INTO bottle(agent, cwd, copy_cwd, home, updated_ms, "
           "compose_project, backend, bottles, source, endpoint_mode, slug, "
           "started_ms, plan_revision, plan_digest, manifest_digest) "
           "VALUES(?,?,?,?,?,?,?,?,?,?,?,?,0,'','')"},
          {&S::bottle_update,
           "UPDATE bottle SET agent = ?, cwd = ?, copy_cwd = ?, home = ?, "
           "updated_ms = ?, compose_project = ?, backend = ?, bottles = ?, "
           "source = ?, endpoint_mode = ? WHERE slug = ?"},
          {&S::bottle_by_slug, fmt::format("{}WHERE b.slug = ?", kBottle)},
          {&S::bottle_list,
           fmt::format("{}ORDER BY b.started_ms DESC, b.slug", kBottle)},
          {&S::bottle_plan_set,
           "UPDATE bottle SET plan_revision = ?, plan_digest = ?, "
           "manifest_digest = ?, planned_mode = ?, "
           "artifact = coalesce(?, artifact) WHERE slug = ?"},
          {&S::bottle_delete, "DELETE FROM bottle WHERE slug = ?"},
          {&S::lease_put,
           "INSERT INTO address_lease(slug, subnet, prefix, loopback, state, "
           "updated_ms) VALUES(?,?,?,?,?,?) ON CONFLICT(slug) DO UPDATE SET "
           "subnet = excluded.subnet, prefix = excluded.prefix, "
           "loopback = excluded.loopback, state = excluded.state, "
           "updated_ms = excluded.updated_ms"},
          {&S::lease_list,
           "SELECT slug, subnet, prefix, loopback, state, updated_ms "
           "FROM address_lease"},
          {&S::lease_activate,
           "UPDATE address_lease SET state = 'active', updated_ms = ? "
           "WHERE slug = ? AND state = 'reserved'"},
          {&S::lease_expire,
           "DELETE FROM address_lease WHERE state = 'reserved' "
           "AND updated_ms < ? RETURNING slug"},
      });
}

absl::Status PrepareLeases(Database& db, Statements& out) {
  using S = Statements;
  return PrepareAll(
      db, out,
      {
          // Selects from artifact so that a missing one inserts no row.
          {&S::artifact_lease_put,
           "INSERT INTO lease(id, artifact, kind, holder, created_ms, "
           "expires_ms, pid, identity) SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8 "
           "FROM artifact WHERE digest = ?2"},
          {&S::artifact_lease_renew,
           "UPDATE lease SET expires_ms = ? WHERE id = ? AND kind = 'ttl'"},
          {&S::artifact_lease_shift,
           "UPDATE lease SET expires_ms = expires_ms + ? WHERE kind = 'ttl'"},
          {&S::artifact_lease_delete, "DELETE FROM lease WHERE id = ?"},
          {&S::unsaved_lease_put,
           "INSERT INTO unsaved_lease(id, artifact, kind, holder, created_ms, "
           "expires_ms, pid, identity, gone) "
           "SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0 "
           "FROM artifact WHERE digest = ?2"},
          {&S::unsaved_lease_renew,
           "INSERT OR REPLACE INTO unsaved_lease SELECT id, artifact, kind, "
           "holder, created_ms, ?1, pid, identity, 0 FROM current_lease "
           "WHERE id = ?2 AND kind = 'ttl'"},
          {&S::unsaved_lease_delete,
           "INSERT OR REPLACE INTO unsaved_lease SELECT id, artifact, kind, "
           "holder, created_ms, expires_ms, pid, identity, 1 "
           "FROM current_lease WHERE id = ?"},
          {&S::artifact_lease_list,
           fmt::format("{}ORDER BY created_ms, id", kLease)},
          {&S::artifact_lease_holding,
           fmt::format("{}WHERE artifact = ?1 AND (kind <> 'ttl' OR "
                       "expires_ms - ?2 BETWEEN 1 AND {}) "
                       "ORDER BY created_ms, id",
                       kLease, kMaxLeaseMs)},
          {&S::artifact_lease_get, fmt::format("{}WHERE id = ?", kLease)},
          {&S::artifact_lease_of_process,
           fmt::format("{}WHERE artifact = ? AND kind = 'pid' AND holder = ? "
                       "AND pid = ? AND identity = ? "
                       "ORDER BY created_ms, id LIMIT 1",
                       kLease)},
          {&S::pin_put,
           "INSERT INTO pin(artifact, note, created_ms) SELECT ?1, ?2, ?3 "
           "FROM artifact WHERE digest = ?1 "
           "ON CONFLICT(artifact) DO UPDATE SET note = excluded.note"},
          {&S::pin_delete, "DELETE FROM pin WHERE artifact = ?"},
          {&S::pin_get, fmt::format("{}WHERE artifact = ?", kPin)},
          {&S::pin_list, fmt::format("{}ORDER BY created_ms, artifact", kPin)},
      });
}

absl::Status PrepareWarmTargets(Database& db, Statements& out) {
  using S = Statements;
  return PrepareAll(
      db, out,
      {
          {&S::warm_insert,
           "INSERT INTO warm_target(id, kind, name, spec, created_ms, paused, "
           "artifact, warmed_count, unused_count, checked_ms, warmed_ms, "
           "failure, failure_count) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?) "
           "ON CONFLICT(id) DO UPDATE SET name = excluded.name, "
           "spec = excluded.spec, paused = '', unused_count = 0, "
           "failure = '', failure_count = 0"},
          {&S::warm_update,
           "UPDATE warm_target SET paused = ?, artifact = ?, "
           "warmed_count = ?, unused_count = ?, checked_ms = ?, "
           "warmed_ms = ?, failure = ?, failure_count = ? WHERE id = ?"},
          {&S::warm_delete, "DELETE FROM warm_target WHERE id = ?"},
          {&S::warm_list,
           fmt::format("{}ORDER BY created_ms, id", kWarmTarget)},
          {&S::warm_by_id, fmt::format("{}WHERE id = ?", kWarmTarget)},
      });
}

absl::Status PrepareEngineObjects(Database& db, Statements& out) {
  using S = Statements;
  return PrepareAll(
      db, out,
      {
          {&S::engine_object_put,
           "INSERT INTO engine_object(host, tls_dir, skip_tls_verify, kind, "
           "name, created_ms) VALUES(?,?,?,?,?,?) ON CONFLICT DO NOTHING"},
          {&S::engine_object_list,
           "SELECT host, tls_dir, skip_tls_verify, kind, name, created_ms "
           "FROM engine_object ORDER BY created_ms, host, kind, name"},
          {&S::engine_object_delete,
           "DELETE FROM engine_object WHERE host = ? AND kind = ? "
           "AND name = ?"},
      });
}

}  // namespace

absl::StatusOr<Statements> Statements::Prepare(Database& db) {
  Statements out;
  RETURN_IF_ERROR(PrepareArtifacts(db, out));
  RETURN_IF_ERROR(PrepareKeys(db, out));
  RETURN_IF_ERROR(PrepareIntegrity(db, out));
  RETURN_IF_ERROR(PrepareJobs(db, out));
  RETURN_IF_ERROR(PrepareRestarts(db, out));
  RETURN_IF_ERROR(PrepareBottles(db, out));
  RETURN_IF_ERROR(PrepareLeases(db, out));
  RETURN_IF_ERROR(PrepareWarmTargets(db, out));
  RETURN_IF_ERROR(PrepareEngineObjects(db, out));
  return out;
}

}  // namespace bottled
