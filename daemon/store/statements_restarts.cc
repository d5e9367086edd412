#include "base/status_macros.h"
#include "store/statement_texts.h"

namespace bottled {

absl::Status PrepareRestarts(Database& db, Statements& out) {
  using S = Statements;
  return PrepareAll(
      db, out,
      {
          {&S::job_restart,
           "UPDATE job SET state = 'queued', started_ms = 0, "
           "content_key = NULL, artifact = NULL, publishing = NULL, "
           "attempt = ? WHERE id = ? "
           "AND state IN ('queued', 'running', 'publishing')"},
          {&S::job_take_up,
           "UPDATE job SET boot_id = ? WHERE id = ? "
           "AND state IN ('queued', 'running', 'publishing')"},
          {&S::job_set_wish,
           "UPDATE job SET wish = max(wish, ?) WHERE id = ? "
           "AND state IN ('queued', 'running', 'publishing')"},
          {&S::job_forget_repeat, "UPDATE job SET spec = '' WHERE id = ?"},
          {&S::crash_put,
           "INSERT INTO crash(flight, count, at_ms) VALUES(?1, ?2, ?3) "
           "ON CONFLICT(flight) DO UPDATE SET at_ms = ?3, count = "
           "CASE WHEN at_ms >= ?4 THEN max(count, ?2) ELSE ?2 END"},
          {&S::crash_get,
           "SELECT count FROM crash WHERE flight = ? "
           "AND at_ms BETWEEN ? AND ?"},
          {&S::crash_delete, "DELETE FROM crash WHERE flight = ?"},
          {&S::crash_trim, "DELETE FROM crash WHERE at_ms NOT BETWEEN ? AND ?"},
          {&S::request_put,
           "INSERT INTO request(id, job, made_ms) VALUES(?, ?, ?) "
           "ON CONFLICT(id) DO UPDATE SET job = excluded.job, "
           "made_ms = excluded.made_ms"},
          {&S::request_get,
           "SELECT job FROM request WHERE id = ? AND made_ms BETWEEN ? AND ?"},
          {&S::request_trim,
           "DELETE FROM request WHERE made_ms NOT BETWEEN ? AND ? "
           "OR job NOT IN (SELECT id FROM job)"},
      });
}

}  // namespace bottled
