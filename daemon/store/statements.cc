#include "store/statements.h"

#include <string>

#include "base/status_macros.h"
#include "fmt/format.h"

namespace bottled {
namespace {

// The order that ReadArtifact() in index_artifacts.cc expects; `k` gives the
// key.
constexpr std::string_view kArtifact =
    "SELECT a.digest, k.key, k.inputs, a.size_bytes, a.unpacked_bytes, "
    "a.entry_count, a.platform, a.config_digest, a.layer_digest, a.packer, "
    "a.created_ms, a.last_used_ms, a.notes, a.device, a.inode, a.mtime_ns ";

// The order that ReadJob() in index_jobs.cc expects.
constexpr std::string_view kJob =
    "SELECT id, state, source, content_key, created_ms, started_ms, "
    "finished_ms, artifact, failure, boot_id, publishing FROM job ";

constexpr std::string_view kOpen =
    "state IN ('queued', 'running', 'publishing')";

struct Text {
  Statement Statements::* member;
  std::string sql;
};

absl::Status PrepareAll(Database& db, Statements& out,
                        std::initializer_list<Text> texts) {
  for (const Text& text : texts) {
    ASSIGN_OR_RETURN(out.*text.member, Statement::Prepare(db, text.sql));
  }
  return absl::OkStatus();
}

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
          {&S::artifact_put,
           "INSERT INTO artifact(digest, content_key, size_bytes, "
           "unpacked_bytes, entry_count, platform, config_digest, "
           "layer_digest, packer, created_ms, last_used_ms, notes, device, "
           "inode, mtime_ns) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) "
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
           "mtime_ns = excluded.mtime_ns"},
          {&S::artifact_touch,
           "UPDATE artifact SET last_used_ms = ? WHERE digest = ?"},
          {&S::artifact_set_file,
           "UPDATE artifact SET device = ?, inode = ?, mtime_ns = ? "
           "WHERE digest = ?"},
          {&S::artifact_delete, "DELETE FROM artifact WHERE digest = ?"},
          {&S::key_put,
           "INSERT INTO content_key(key, inputs) VALUES(?, ?) "
           "ON CONFLICT(key) DO UPDATE SET inputs = excluded.inputs"},
          {&S::key_point,
           "UPDATE content_key SET artifact = ?, why = NULL, why_ms = NULL "
           "WHERE key = ?"},
          {&S::key_forget,
           "UPDATE content_key SET artifact = NULL, why = ?, why_ms = ? "
           "WHERE artifact = ?"},
          {&S::key_why, "SELECT why FROM content_key WHERE key = ?"},
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
           "started_ms, finished_ms, artifact, failure, boot_id) "
           "VALUES(?,?,?,?,?,?,?,?,?,?)"},
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
          {&S::job_set_key,
           fmt::format("UPDATE job SET content_key = ? WHERE id = ? AND {}",
                       kOpen)},
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

}  // namespace

absl::StatusOr<Statements> Statements::Prepare(Database& db) {
  Statements out;
  RETURN_IF_ERROR(PrepareArtifacts(db, out));
  RETURN_IF_ERROR(PrepareKeys(db, out));
  RETURN_IF_ERROR(PrepareJobs(db, out));
  return out;
}

}  // namespace bottled
