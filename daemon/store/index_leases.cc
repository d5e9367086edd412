#include "base/status_macros.h"
#include "store/errors.h"
#include "store/holders.h"
#include "store/index.h"
#include "store/index_state.h"

namespace bottled {
namespace {

std::string_view LeaseKindWord(LeaseKind kind) {
  switch (kind) {
    case LeaseKind::kTtl:
      return "ttl";
    case LeaseKind::kPid:
      return "pid";
    case LeaseKind::kStream:
      return "stream";
  }
  return "";
}

LeaseKind LeaseKindOf(std::string_view word) {
  // The schema allows no other words.
  if (word == "ttl") {
    return LeaseKind::kTtl;
  }
  return word == "pid" ? LeaseKind::kPid : LeaseKind::kStream;
}

ArtifactLease ReadArtifactLease(const Statement::Use& row) {
  return {.id = row.Text(0),
          .artifact = DigestColumn(row, 1),
          .kind = LeaseKindOf(row.Text(2)),
          .holder = row.Text(3),
          .created_ms = row.Int(4),
          .expires_ms = row.Int(5),
          .pid = row.Int(6),
          .identity = row.Text(7)};
}

ArtifactPin ReadPin(const Statement::Use& row) {
  return {.artifact = DigestColumn(row, 0),
          .note = row.Text(1),
          .created_ms = row.Int(2)};
}

// Every row that is left, as `read` makes it.
template <typename Row>
absl::StatusOr<std::vector<Row>> ReadRows(Statement::Use& use,
                                          Row (*read)(const Statement::Use&)) {
  std::vector<Row> rows;
  while (true) {
    ASSIGN_OR_RETURN(const bool row, use.Step());
    if (!row) {
      return rows;
    }
    rows.push_back(read(use));
  }
}

absl::Status RunCounting(Connection& c, Statement::Use& use, bool& changed) {
  RETURN_IF_ERROR(use.Run());
  changed = c.db.changes() > 0;
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> Holders(Connection& c,
                                                 const Digest& digest,
                                                 int64_t now_ms) {
  std::vector<std::string> sentences;
  {
    Statement::Use use(c.statements.pin_get);
    use.Bind(digest.hex());
    ASSIGN_OR_RETURN(const std::vector<ArtifactPin> pins,
                     ReadRows(use, ReadPin));
    for (const ArtifactPin& pin : pins) {
      sentences.push_back(HolderSentence(pin));
    }
  }
  Statement::Use use(c.statements.artifact_lease_holding);
  use.Bind(digest.hex()).Bind(now_ms);
  ASSIGN_OR_RETURN(const std::vector<ArtifactLease> leases,
                   ReadRows(use, ReadArtifactLease));
  for (const ArtifactLease& lease : leases) {
    sentences.push_back(HolderSentence(lease));
  }
  return sentences;
}

// False when there is no such artifact.
absl::StatusOr<bool> UsedSince(Connection& c, const ArtifactRecord& judged,
                               const Digest& digest) {
  Statement::Use use(c.statements.artifact_times);
  ASSIGN_OR_RETURN(const bool row, use.Bind(digest.hex()).Step());
  return row &&
         (use.Int(0) != judged.created_ms || use.Int(1) != judged.last_used_ms);
}

}  // namespace

absl::Status Index::AddLease(const ArtifactLease& lease) {
  const auto put = [&](Connection& c, Statement& statement) -> absl::Status {
    RETURN_IF_ERROR(Statement::Use(statement)
                        .Bind(lease.id)
                        .Bind(lease.artifact.hex())
                        .Bind(LeaseKindWord(lease.kind))
                        .Bind(lease.holder)
                        .Bind(lease.created_ms)
                        .Bind(lease.expires_ms)
                        .Bind(lease.pid)
                        .Bind(lease.identity)
                        .Run());
    return c.db.changes() > 0
               ? absl::OkStatus()
               : ArtifactNotFoundError(lease.artifact.ToString());
  };
  return state_->WriteLease(
      [&](Connection& c) { return put(c, c.statements.artifact_lease_put); },
      [&](Connection& c) { return put(c, c.statements.unsaved_lease_put); });
}

absl::StatusOr<bool> Index::RenewLease(const std::string& id,
                                       int64_t expires_ms) {
  bool found = false;
  const auto renew = [&](Connection& c, Statement& statement) {
    Statement::Use use(statement);
    return RunCounting(c, use.Bind(expires_ms).Bind(id), found);
  };
  RETURN_IF_ERROR(state_->WriteLease(
      [&](Connection& c) {
        return renew(c, c.statements.artifact_lease_renew);
      },
      [&](Connection& c) {
        return renew(c, c.statements.unsaved_lease_renew);
      }));
  return found;
}

absl::Status Index::ShiftLeases(int64_t by_ms) {
  return state_->Write([&](Connection& c) {
    return Statement::Use(c.statements.artifact_lease_shift).Bind(by_ms).Run();
  });
}

absl::StatusOr<bool> Index::RemoveLease(const std::string& id) {
  bool found = false;
  const auto remove = [&](Connection& c, Statement& statement) {
    Statement::Use use(statement);
    return RunCounting(c, use.Bind(id), found);
  };
  RETURN_IF_ERROR(state_->WriteLease(
      [&](Connection& c) {
        return remove(c, c.statements.artifact_lease_delete);
      },
      [&](Connection& c) {
        return remove(c, c.statements.unsaved_lease_delete);
      }));
  return found;
}

absl::Status Index::RemoveLeases(std::span<const std::string> ids) {
  if (ids.empty()) {
    return absl::OkStatus();
  }
  const auto remove = [ids](Statement& statement) -> absl::Status {
    for (const std::string& id : ids) {
      RETURN_IF_ERROR(Statement::Use(statement).Bind(id).Run());
    }
    return absl::OkStatus();
  };
  return state_->WriteLease(
      [&](Connection& c) { return remove(c.statements.artifact_lease_delete); },
      [&](Connection& c) { return remove(c.statements.unsaved_lease_delete); });
}

absl::StatusOr<std::vector<ArtifactLease>> Index::ListLeases() {
  return state_->Read([](Connection& c) {
    Statement::Use use(c.statements.artifact_lease_list);
    return ReadRows(use, ReadArtifactLease);
  });
}

absl::StatusOr<std::optional<ArtifactLease>> Index::FindLease(
    const std::string& id) {
  return state_->Read(
      [&](Connection& c) -> absl::StatusOr<std::optional<ArtifactLease>> {
        Statement::Use use(c.statements.artifact_lease_get);
        ASSIGN_OR_RETURN(const bool row, use.Bind(id).Step());
        return row ? std::optional(ReadArtifactLease(use)) : std::nullopt;
      });
}

absl::StatusOr<std::optional<ArtifactLease>> Index::FindPidLease(
    const Digest& artifact, const std::string& holder, int64_t pid,
    const std::string& identity) {
  return state_->Read(
      [&](Connection& c) -> absl::StatusOr<std::optional<ArtifactLease>> {
        Statement::Use use(c.statements.artifact_lease_of_process);
        use.Bind(artifact.hex()).Bind(holder).Bind(pid).Bind(identity);
        ASSIGN_OR_RETURN(const bool row, use.Step());
        return row ? std::optional(ReadArtifactLease(use)) : std::nullopt;
      });
}

absl::Status Index::SetPin(const ArtifactPin& pin) {
  return state_->Write([&](Connection& c) -> absl::Status {
    RETURN_IF_ERROR(Statement::Use(c.statements.pin_put)
                        .Bind(pin.artifact.hex())
                        .Bind(pin.note)
                        .Bind(pin.created_ms)
                        .Run());
    return c.db.changes() > 0 ? absl::OkStatus()
                              : ArtifactNotFoundError(pin.artifact.ToString());
  });
}

absl::StatusOr<bool> Index::RemovePin(const Digest& artifact) {
  bool found = false;
  RETURN_IF_ERROR(state_->Write([&](Connection& c) {
    Statement::Use use(c.statements.pin_delete);
    return RunCounting(c, use.Bind(artifact.hex()), found);
  }));
  return found;
}

absl::StatusOr<std::vector<ArtifactPin>> Index::ListPins() {
  return state_->Read([](Connection& c) {
    Statement::Use use(c.statements.pin_list);
    return ReadRows(use, ReadPin);
  });
}

absl::StatusOr<std::vector<std::string>> Index::DeleteArtifactUnlessHeld(
    const Digest& digest, std::string_view why, int64_t now_ms,
    const ArtifactRecord* judged, std::string_view rule) {
  std::vector<std::string> holders;
  RETURN_IF_ERROR(state_->Write([&](Connection& c) -> absl::Status {
    if (judged != nullptr) {
      ASSIGN_OR_RETURN(const bool used, UsedSince(c, *judged, digest));
      if (used) {
        holders = {"used meanwhile"};
        return absl::OkStatus();
      }
    }
    ASSIGN_OR_RETURN(holders, Holders(c, digest, now_ms));
    return holders.empty() ? ForgetArtifact(c, digest, why, now_ms, rule)
                           : absl::OkStatus();
  }));
  return holders;
}

}  // namespace bottled
