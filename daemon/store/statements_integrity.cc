#include "base/status_macros.h"
#include "fmt/format.h"
#include "store/statement_texts.h"

namespace bottled {
namespace {

// Why there is no artifact of a key, and how long that is known.
absl::Status PrepareMisses(Database& db, Statements& out) {
  using S = Statements;
  return PrepareAll(
      db, out,
      {
          {&S::key_why,
           "SELECT why, why_ms, rule FROM content_key WHERE key = ?"},
          {&S::key_inputs, "SELECT inputs FROM content_key WHERE key = ?"},
          {&S::key_note_damage,
           "INSERT INTO damage(key, at_ms) "
           "SELECT key, ? FROM content_key WHERE artifact = ?"},
          {&S::key_damages,
           "SELECT count(*) FROM damage "
           "WHERE key = ? AND at_ms BETWEEN ? AND ?"},
          // An artifact that another one of its key replaced still refers to
          // the key.
          {&S::key_trim,
           "DELETE FROM content_key WHERE artifact IS NULL AND why_ms < ? "
           "AND NOT EXISTS (SELECT 1 FROM artifact a "
           "WHERE a.content_key = content_key.key)"},
          {&S::damage_trim, "DELETE FROM damage WHERE at_ms < ?"},
          {&S::reference_trim,
           "DELETE FROM reference WHERE updated_ms < ? "
           "AND key NOT IN (SELECT key FROM content_key)"},
          {&S::archive_trim,
           "DELETE FROM archive WHERE updated_ms < ? "
           "AND key NOT IN (SELECT key FROM content_key)"},
      });
}

// Due is what was not looked at in the interval; a time in the future is from
// before a clock was set back, and says nothing.
absl::Status PrepareScrub(Database& db, Statements& out) {
  using S = Statements;
  constexpr std::string_view kDue =
      "SELECT a.digest FROM artifact a LEFT JOIN scrub s "
      "ON s.artifact = a.digest "
      "WHERE coalesce(s.verified_ms, a.created_ms) NOT BETWEEN ? AND ? ";
  return PrepareAll(
      db, out,
      {
          {&S::scrub_due,
           fmt::format("{}ORDER BY coalesce(s.verified_ms, a.created_ms), "
                       "a.digest",
                       kDue)},
          {&S::scrub_due_after_crash,
           fmt::format("{}OR s.verified_ms IS NULL "
                       "ORDER BY a.created_ms DESC, a.digest",
                       kDue)},
          {&S::scrub_note,
           "INSERT INTO scrub(verified_ms, artifact) "
           "SELECT ?, digest FROM artifact WHERE digest = ? "
           "ON CONFLICT(artifact) DO UPDATE SET "
           "verified_ms = excluded.verified_ms"},
      });
}

}  // namespace

absl::Status PrepareAll(Database& db, Statements& out,
                        std::initializer_list<StatementText> texts) {
  for (const StatementText& text : texts) {
    ASSIGN_OR_RETURN(out.*text.member, Statement::Prepare(db, text.sql));
  }
  return absl::OkStatus();
}

absl::Status PrepareIntegrity(Database& db, Statements& out) {
  RETURN_IF_ERROR(PrepareMisses(db, out));
  return PrepareScrub(db, out);
}

}  // namespace bottled
