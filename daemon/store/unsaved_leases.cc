#include "store/unsaved_leases.h"

namespace bottled {

absl::Status MakeUnsavedLeases(Database& db) {
  return db.Execute(R"sql(
CREATE TEMP TABLE unsaved_lease(
  id TEXT PRIMARY KEY,
  artifact TEXT NOT NULL,
  kind TEXT NOT NULL,
  holder TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  expires_ms INTEGER NOT NULL,
  pid INTEGER NOT NULL,
  identity TEXT NOT NULL,
  -- 1: it was released.
  gone INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TEMP VIEW current_lease AS
  SELECT id, artifact, kind, holder, created_ms, expires_ms, pid, identity
  FROM main.lease WHERE id NOT IN (SELECT id FROM temp.unsaved_lease)
  UNION ALL
  SELECT id, artifact, kind, holder, created_ms, expires_ms, pid, identity
  FROM temp.unsaved_lease WHERE gone = 0
  AND artifact IN (SELECT digest FROM main.artifact);
)sql");
}

absl::Status SaveLeases(Database& db) {
  return db.Execute(R"sql(
DELETE FROM main.lease WHERE id IN (SELECT id FROM temp.unsaved_lease);
INSERT INTO main.lease(id, artifact, kind, holder, created_ms, expires_ms, pid,
  identity) SELECT id, artifact, kind, holder, created_ms, expires_ms, pid,
  identity FROM temp.unsaved_lease WHERE gone = 0
  AND artifact IN (SELECT digest FROM main.artifact);
DELETE FROM temp.unsaved_lease;
)sql");
}

}  // namespace bottled
