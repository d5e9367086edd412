// The schema of the index and how older ones become it: named migrations,
// forward only, each in one transaction with its name and the user_version.
//
// A released migration never changes; a new one is appended. A name that is not
// in the list, or a greater user_version, was written by a newer release.

#ifndef BOTTLED_STORE_SCHEMA_H_
#define BOTTLED_STORE_SCHEMA_H_

#include <span>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "store/sqlite.h"

namespace bottled {

struct Migration {
  std::string_view name;
  std::string_view sql;
};

// All migrations of this release, oldest first.
std::span<const Migration> Migrations();

// Whether a database of an earlier release lacks some of them. False for a new
// one, and for one that Migrate() refuses.
absl::StatusOr<bool> NeedsMigration(Database& db,
                                    std::span<const Migration> migrations);

// Applies what is missing of `migrations`. A failure leaves the database at the
// step before. Reasons INDEX_TOO_NEW, INDEX_CORRUPT.
absl::Status Migrate(Database& db, std::span<const Migration> migrations);

}  // namespace bottled

#endif  // BOTTLED_STORE_SCHEMA_H_
