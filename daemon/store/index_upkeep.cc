// What the index does for its own health, and what the scrubber keeps in it.
#include <string>

#include "absl/strings/numbers.h"
#include "base/status_macros.h"
#include "nlohmann/json.hpp"
#include "store/backup.h"
#include "store/index.h"
#include "store/index_state.h"

namespace bottled {
namespace {

using nlohmann::json;

constexpr std::string_view kScrubRound = "scrub_round";
constexpr std::string_view kCheckedMs = "checked_ms";
constexpr int64_t kCheckIntervalMs = int64_t{7} * 24 * 3600 * 1000;
// Clocks are corrected by less.
constexpr int64_t kFutureMs = int64_t{3600} * 1000;
// Pages of 4 KiB; few, so that nobody waits long.
constexpr char kVacuum[] = "PRAGMA incremental_vacuum(1000)";

int64_t RoundNumber(const json& object, const char* member) {
  const auto it = object.find(member);
  return it != object.end() && it->is_number_integer() ? it->get<int64_t>() : 0;
}

}  // namespace

absl::StatusOr<std::vector<Digest>> Index::ScrubDue(int64_t now_ms,
                                                    int64_t interval_ms,
                                                    bool after_crash) {
  return state_->Read(
      [&](Connection& c) -> absl::StatusOr<std::vector<Digest>> {
        std::vector<Digest> due;
        Statement::Use use(after_crash ? c.statements.scrub_due_after_crash
                                       : c.statements.scrub_due);
        use.Bind(now_ms - interval_ms).Bind(now_ms + kFutureMs);
        while (true) {
          ASSIGN_OR_RETURN(const bool row, use.Step());
          if (!row) {
            return due;
          }
          due.push_back(DigestColumn(use, 0));
        }
      });
}

absl::Status Index::NoteScrubbed(const Digest& digest, int64_t now_ms) {
  return state_->Write([&](Connection& c) {
    return Statement::Use(c.statements.scrub_note)
        .Bind(now_ms)
        .Bind(digest.hex())
        .Run();
  });
}

absl::Status Index::SetScrubRound(const ScrubRound& round) {
  const json object = {
      {"started_ms", round.started_ms}, {"finished_ms", round.finished_ms},
      {"artifacts", round.artifacts},   {"bytes", round.bytes},
      {"damaged", round.damaged},       {"unread", round.unread}};
  return state_->Write(
      [&](Connection& c) { return SetMeta(c, kScrubRound, object.dump()); });
}

absl::StatusOr<std::optional<ScrubRound>> Index::LastScrubRound() {
  ASSIGN_OR_RETURN(const std::string text, state_->Read([](Connection& c) {
    return GetMeta(c, kScrubRound);
  }));
  const json object = json::parse(text, nullptr, /*allow_exceptions=*/false);
  std::optional<ScrubRound> round;
  if (object.is_object()) {
    round = ScrubRound{.started_ms = RoundNumber(object, "started_ms"),
                       .finished_ms = RoundNumber(object, "finished_ms"),
                       .artifacts = RoundNumber(object, "artifacts"),
                       .bytes = RoundNumber(object, "bytes"),
                       .damaged = RoundNumber(object, "damaged"),
                       .unread = RoundNumber(object, "unread")};
  }
  return round;
}

absl::Status Index::BackUp(const std::filesystem::path& dir, int64_t now_ms) {
  // Not Write(): a copy that fails says nothing about the index.
  return MakeBackup(
      [this](const std::filesystem::path& path) {
        MutexLock lock(state_->mu);
        return VacuumInto(state_->connection.db, path);
      },
      dir, now_ms);
}

absl::Status Index::CheckIfDue(int64_t now_ms) {
  {
    MutexLock lock(state_->mu);
    RETURN_IF_ERROR(state_->CheckWritable());
  }
  if (!state_->checked_at_open.exchange(false)) {
    ASSIGN_OR_RETURN(const std::string last, state_->Read([](Connection& c) {
      return GetMeta(c, kCheckedMs);
    }));
    int64_t last_ms = 0;
    // A time in the future is from before the clock was set back.
    if (absl::SimpleAtoi(last, &last_ms) &&
        last_ms > now_ms - kCheckIntervalMs && last_ms <= now_ms + kFutureMs) {
      return absl::OkStatus();
    }
    // A read: what it finds makes the index degraded.
    const absl::StatusOr<bool> checked =
        state_->Read([&](Connection& c) -> absl::StatusOr<bool> {
          c.db.DropCache();
          RETURN_IF_ERROR(c.db.CheckThoroughly(state_->path));
          return true;
        });
    RETURN_IF_ERROR(checked.status());
  }
  return state_->Write([&](Connection& c) {
    return SetMeta(c, kCheckedMs, std::to_string(now_ms));
  });
}

absl::Status Index::Shrink() {
  return state_->Write([](Connection& c) { return c.db.Execute(kVacuum); });
}

}  // namespace bottled
