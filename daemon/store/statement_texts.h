// How statements*.cc prepare their statements. Private to them.

#ifndef BOTTLED_STORE_STATEMENT_TEXTS_H_
#define BOTTLED_STORE_STATEMENT_TEXTS_H_

#include <initializer_list>
#include <string>

#include "absl/status/status.h"
#include "store/statements.h"

namespace bottled {

struct StatementText {
  Statement Statements::* member;
  std::string sql;
};

absl::Status PrepareAll(Database& db, Statements& out,
                        std::initializer_list<StatementText> texts);

// Misses and scrubbing: statements_integrity.cc.
absl::Status PrepareIntegrity(Database& db, Statements& out);

// Jobs that outlive a daemon: statements_restarts.cc.
absl::Status PrepareRestarts(Database& db, Statements& out);

}  // namespace bottled

#endif  // BOTTLED_STORE_STATEMENT_TEXTS_H_
