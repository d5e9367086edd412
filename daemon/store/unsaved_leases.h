// Leases that could not be written down, as the disk was full or broken. They
// live in the temporary database of the connection, which is in memory, until
// the next write that succeeds takes them along. The view current_lease has all
// leases as they are now.
//
// Private to index*.cc; guarded by the index's mutex.

#ifndef BOTTLED_STORE_UNSAVED_LEASES_H_
#define BOTTLED_STORE_UNSAVED_LEASES_H_

#include "absl/status/status.h"
#include "store/sqlite.h"

namespace bottled {

// Makes table and view. Before the statements are prepared.
absl::Status MakeUnsavedLeases(Database& db);

// Moves them to where they belong. Within a transaction.
absl::Status SaveLeases(Database& db);

}  // namespace bottled

#endif  // BOTTLED_STORE_UNSAVED_LEASES_H_
