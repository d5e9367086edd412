#include <string>

#include "base/status_macros.h"
#include "store/index.h"
#include "store/index_state.h"

namespace bottled {

absl::Status WriteRequest(Connection& c, const std::string& key,
                          const std::string& job_id, int64_t now_ms) {
  return Statement::Use(c.statements.request_put)
      .Bind(key)
      .Bind(job_id)
      .Bind(now_ms)
      .Run();
}

absl::Status Index::NoteRequest(const std::string& key,
                                const std::string& job_id, int64_t now_ms) {
  return state_->Write(
      [&](Connection& c) { return WriteRequest(c, key, job_id, now_ms); });
}

absl::StatusOr<std::string> Index::JobOfRequest(const std::string& key,
                                                int64_t now_ms) {
  return state_->Read([&](Connection& c) -> absl::StatusOr<std::string> {
    Statement::Use use(c.statements.request_get);
    use.Bind(key).Bind(now_ms - kDayMemoryMs).Bind(now_ms + kDayMemoryMs);
    ASSIGN_OR_RETURN(const bool row, use.Step());
    return row ? use.Text(0) : std::string();
  });
}

}  // namespace bottled
