#include "base/status_macros.h"
#include "store/index.h"
#include "store/index_state.h"

namespace bottled {
namespace {

WarmKind ParseWarmKind(std::string_view word) {
  if (word == "build") {
    return WarmKind::kBuild;
  }
  return word == "agent" ? WarmKind::kAgent : WarmKind::kImage;
}

WarmTarget ReadWarmTarget(const Statement::Use& row) {
  return {.id = row.Text(0),
          .kind = ParseWarmKind(row.Text(1)),
          .name = row.Text(2),
          .spec = row.Text(3),
          .created_ms = row.Int(4),
          .paused = row.Text(5),
          .artifact = DigestColumn(row, 6),
          .warmed_count = row.Int(7),
          .unused_count = row.Int(8),
          .checked_ms = row.Int(9),
          .warmed_ms = row.Int(10),
          .failure_json = row.Text(11),
          .failure_count = row.Int(12)};
}

// Runs it and says whether a row was there.
absl::Status RunNoting(Connection& c, Statement::Use& use, bool& found) {
  RETURN_IF_ERROR(use.Run());
  found = c.db.changes() > 0;
  return absl::OkStatus();
}

absl::Status InsertWarmTarget(Connection& c, const WarmTarget& target) {
  return Statement::Use(c.statements.warm_insert)
      .Bind(target.id)
      .Bind(WarmKindWord(target.kind))
      .Bind(target.name)
      .Bind(target.spec)
      .Bind(target.created_ms)
      .Bind(target.paused)
      .Bind(target.artifact.hex())
      .Bind(target.warmed_count)
      .Bind(target.unused_count)
      .Bind(target.checked_ms)
      .Bind(target.warmed_ms)
      .Bind(target.failure_json)
      .Bind(target.failure_count)
      .Run();
}

}  // namespace

std::string_view WarmKindWord(WarmKind kind) {
  switch (kind) {
    case WarmKind::kImage:
      return "image";
    case WarmKind::kBuild:
      return "build";
    case WarmKind::kAgent:
      return "agent";
  }
  return "image";
}

absl::StatusOr<WarmTarget> Index::AddWarmTarget(const WarmTarget& target) {
  WarmTarget stored;
  RETURN_IF_ERROR(state_->Write([&](Connection& c) -> absl::Status {
    absl::Status status = InsertWarmTarget(c, target);
    if (status.ok()) {
      Statement::Use use(c.statements.warm_by_id);
      status = use.Bind(target.id).Step().status();
      if (status.ok()) {
        stored = ReadWarmTarget(use);
      }
    }
    return status;
  }));
  return stored;
}

absl::StatusOr<bool> Index::UpdateWarmTarget(const WarmTarget& target) {
  bool found = false;
  RETURN_IF_ERROR(state_->Write([&](Connection& c) {
    Statement::Use use(c.statements.warm_update);
    use.Bind(target.paused)
        .Bind(target.artifact.hex())
        .Bind(target.warmed_count)
        .Bind(target.unused_count)
        .Bind(target.checked_ms)
        .Bind(target.warmed_ms)
        .Bind(target.failure_json)
        .Bind(target.failure_count)
        .Bind(target.id);
    return RunNoting(c, use, found);
  }));
  return found;
}

absl::StatusOr<bool> Index::RemoveWarmTarget(const std::string& id) {
  bool found = false;
  RETURN_IF_ERROR(state_->Write([&](Connection& c) {
    Statement::Use use(c.statements.warm_delete);
    return RunNoting(c, use.Bind(id), found);
  }));
  return found;
}

absl::StatusOr<std::vector<WarmTarget>> Index::ListWarmTargets() {
  return state_->Read(
      [](Connection& c) -> absl::StatusOr<std::vector<WarmTarget>> {
        std::vector<WarmTarget> targets;
        Statement::Use use(c.statements.warm_list);
        while (true) {
          ASSIGN_OR_RETURN(const bool row, use.Step());
          if (!row) {
            return targets;
          }
          targets.push_back(ReadWarmTarget(use));
        }
      });
}

}  // namespace bottled
