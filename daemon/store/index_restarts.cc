#include "base/status_macros.h"
#include "store/index.h"
#include "store/index_state.h"

namespace bottled {

absl::Status Index::RestartJob(const std::string& id, int attempt) {
  return state_->Write([&](Connection& c) -> absl::Status {
    RETURN_IF_ERROR(Statement::Use(c.statements.job_restart)
                        .Bind(int64_t{attempt})
                        .Bind(id)
                        .Run());
    return CheckJobChanged(c, id);
  });
}

absl::Status Index::TakeUpJob(const std::string& id,
                              const std::string& boot_id) {
  return state_->Write([&](Connection& c) -> absl::Status {
    RETURN_IF_ERROR(
        Statement::Use(c.statements.job_take_up).Bind(boot_id).Bind(id).Run());
    return CheckJobChanged(c, id);
  });
}

absl::Status Index::SetJobWish(const std::string& id, JobWish wish) {
  return state_->Write([&](Connection& c) -> absl::Status {
    RETURN_IF_ERROR(Statement::Use(c.statements.job_set_wish)
                        .Bind(static_cast<int64_t>(wish))
                        .Bind(id)
                        .Run());
    return CheckJobChanged(c, id);
  });
}

absl::Status Index::ForgetRepeat(const std::string& id) {
  return state_->Write([&](Connection& c) {
    return Statement::Use(c.statements.job_forget_repeat).Bind(id).Run();
  });
}

absl::Status Index::NoteCrashes(const std::string& flight, int count,
                                int64_t now_ms) {
  return state_->Write([&](Connection& c) {
    return Statement::Use(c.statements.crash_put)
        .Bind(flight)
        .Bind(int64_t{count})
        .Bind(now_ms)
        .Bind(now_ms - kDayMemoryMs)
        .Run();
  });
}

absl::StatusOr<int> Index::CrashesOf(const std::string& flight,
                                     int64_t now_ms) {
  return state_->Read([&](Connection& c) -> absl::StatusOr<int> {
    Statement::Use use(c.statements.crash_get);
    use.Bind(flight).Bind(now_ms - kDayMemoryMs).Bind(now_ms + kDayMemoryMs);
    ASSIGN_OR_RETURN(const bool row, use.Step());
    return row ? static_cast<int>(use.Int(0)) : 0;
  });
}

absl::Status Index::ForgetCrashes(const std::string& flight) {
  return state_->Write([&](Connection& c) {
    return Statement::Use(c.statements.crash_delete).Bind(flight).Run();
  });
}

}  // namespace bottled
