#include <algorithm>
#include <cstdlib>

#include "base/status_macros.h"
#include "store/index.h"
#include "store/index_state.h"
#include "store/object_record.h"

namespace bottled {
namespace {

// A hit within this time of the last one is not written.
constexpr int64_t kTouchIntervalMs = 60'000;

bool Stale(int64_t then_ms, int64_t now_ms) {
  // Also when the clock went back.
  return now_ms < then_ms || now_ms - then_ms >= kTouchIntervalMs;
}

absl::Status ReadReferences(Connection& c, ArtifactRecord& record) {
  Statement::Use use(c.statements.used_reference_list);
  use.Bind(record.digest.hex());
  while (true) {
    ASSIGN_OR_RETURN(const bool row, use.Step());
    if (!row) {
      return absl::OkStatus();
    }
    record.references.push_back(use.Text(0));
  }
}

ArtifactRecord ReadArtifact(const Statement::Use& row) {
  ArtifactRecord record;
  record.digest = DigestColumn(row, 0);
  record.content_key = DigestColumn(row, 1);
  record.key_inputs = row.Text(2);
  record.size_bytes = row.Int(3);
  record.unpacked_bytes = row.Int(4);
  record.entry_count = row.Int(5);
  record.platform = row.Text(6);
  record.config_digest = DigestColumn(row, 7);
  record.layer_digest = DigestColumn(row, 8);
  record.packer = row.Text(9);
  record.created_ms = row.Int(10);
  record.last_used_ms = row.Int(11);
  record.notes = DecodeNotes(row.Text(12));
  record.device = static_cast<uint64_t>(row.Int(13));
  record.inode = static_cast<uint64_t>(row.Int(14));
  record.mtime_ns = row.Int(15);
  record.warmed = row.Int(16) != 0;
  return record;
}

absl::StatusOr<std::optional<ArtifactRecord>> FindOne(Connection& c,
                                                      Statement& statement,
                                                      const Digest& digest) {
  std::optional<ArtifactRecord> record;
  {
    Statement::Use use(statement);
    ASSIGN_OR_RETURN(const bool row, use.Bind(digest.hex()).Step());
    if (row) {
      record = ReadArtifact(use);
    }
  }
  if (record.has_value()) {
    RETURN_IF_ERROR(ReadReferences(c, *record));
  }
  return record;
}

absl::Status PutArtifact(Connection& c, const ArtifactRecord& record) {
  Statements& s = c.statements;
  RETURN_IF_ERROR(Statement::Use(s.key_put)
                      .Bind(record.content_key.hex())
                      .Bind(record.key_inputs)
                      .Run());
  RETURN_IF_ERROR(Statement::Use(s.artifact_put)
                      .Bind(record.digest.hex())
                      .Bind(record.content_key.hex())
                      .Bind(record.size_bytes)
                      .Bind(record.unpacked_bytes)
                      .Bind(record.entry_count)
                      .Bind(record.platform)
                      .Bind(record.config_digest.hex())
                      .Bind(record.layer_digest.hex())
                      .Bind(record.packer)
                      .Bind(record.created_ms)
                      .Bind(record.last_used_ms)
                      .Bind(EncodeNotes(record.notes))
                      .Bind(static_cast<int64_t>(record.device))
                      .Bind(static_cast<int64_t>(record.inode))
                      .Bind(record.mtime_ns)
                      .Bind(int64_t{record.warmed})
                      .Run());
  return Statement::Use(s.key_point)
      .Bind(record.digest.hex())
      .Bind(record.content_key.hex())
      .Run();
}

absl::Status PutReference(Connection& c, const Digest& digest,
                          const std::string& reference, int64_t now_ms) {
  RETURN_IF_ERROR(Statement::Use(c.statements.used_reference_put)
                      .Bind(digest.hex())
                      .Bind(reference)
                      .Bind(now_ms)
                      .Run());
  return Statement::Use(c.statements.used_reference_trim)
      .Bind(digest.hex())
      .Run();
}

// With its references: the newest comes last and so gets the greatest time.
absl::Status PutWithReferences(Connection& c, const ArtifactRecord& record,
                               int64_t now_ms) {
  RETURN_IF_ERROR(PutArtifact(c, record));
  for (auto it = record.references.rbegin(); it != record.references.rend();
       ++it) {
    const int64_t age = record.references.rend() - it - 1;
    RETURN_IF_ERROR(PutReference(c, record.digest, *it, now_ms - age));
  }
  return absl::OkStatus();
}

struct TouchPlan {
  bool last_used = false;
  bool reference = false;
};

absl::StatusOr<TouchPlan> PlanTouch(Connection& c, const Digest& digest,
                                    const std::string& reference,
                                    int64_t now_ms) {
  TouchPlan plan;
  {
    Statement::Use use(c.statements.artifact_by_digest);
    ASSIGN_OR_RETURN(const bool row, use.Bind(digest.hex()).Step());
    if (!row) {
      return plan;
    }
    const ArtifactRecord record = ReadArtifact(use);
    plan.last_used = record.warmed || Stale(record.last_used_ms, now_ms);
  }
  if (!reference.empty()) {
    Statement::Use use(c.statements.used_reference_get);
    use.Bind(digest.hex()).Bind(reference);
    ASSIGN_OR_RETURN(const bool row, use.Step());
    plan.reference = !row || Stale(use.Int(0), now_ms);
  }
  return plan;
}

bool IsHex(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
  });
}

}  // namespace

absl::StatusOr<std::optional<ArtifactRecord>> Index::FindByKey(
    const Digest& key) {
  return state_->Read([&](Connection& c) {
    return FindOne(c, c.statements.artifact_by_key, key);
  });
}

absl::StatusOr<std::optional<ArtifactRecord>> Index::FindByDigest(
    const Digest& digest) {
  return state_->Read([&](Connection& c) {
    return FindOne(c, c.statements.artifact_by_digest, digest);
  });
}

absl::StatusOr<std::vector<Digest>> Index::FindByPrefix(
    std::string_view hex_prefix, int limit) {
  if (!IsHex(hex_prefix)) {
    return std::vector<Digest>();
  }
  return state_->Read(
      [&](Connection& c) -> absl::StatusOr<std::vector<Digest>> {
        std::vector<Digest> found;
        Statement::Use use(c.statements.artifact_prefix);
        // "g" comes after every hexadecimal digit.
        const std::string end = std::string(hex_prefix) + "g";
        use.Bind(hex_prefix).Bind(end).Bind(limit > 0 ? limit : -1);
        while (true) {
          ASSIGN_OR_RETURN(const bool row, use.Step());
          if (!row) {
            return found;
          }
          found.push_back(DigestColumn(use, 0));
        }
      });
}

absl::StatusOr<std::vector<ArtifactRecord>> Index::ListArtifacts(int limit) {
  return state_->Read(
      [&](Connection& c) -> absl::StatusOr<std::vector<ArtifactRecord>> {
        std::vector<ArtifactRecord> records;
        Statement::Use use(c.statements.artifact_list);
        use.Bind(limit > 0 ? limit : -1);
        while (true) {
          ASSIGN_OR_RETURN(const bool row, use.Step());
          if (!row) {
            return records;
          }
          records.push_back(ReadArtifact(use));
          RETURN_IF_ERROR(ReadReferences(c, records.back()));
        }
      });
}

absl::StatusOr<ArtifactTotals> Index::Totals() {
  return state_->Read([](Connection& c) -> absl::StatusOr<ArtifactTotals> {
    Statement::Use use(c.statements.artifact_totals);
    RETURN_IF_ERROR(use.Step().status());
    return ArtifactTotals{.count = use.Int(0), .bytes = use.Int(1)};
  });
}

absl::Status Index::Touch(const Digest& digest, const std::string& reference,
                          int64_t now_ms) {
  ASSIGN_OR_RETURN(const TouchPlan plan, state_->Read([&](Connection& c) {
    return PlanTouch(c, digest, reference, now_ms);
  }));
  if (!plan.last_used && !plan.reference) {
    return absl::OkStatus();
  }
  return state_->Write([&](Connection& c) -> absl::Status {
    RETURN_IF_ERROR(Statement::Use(c.statements.artifact_touch)
                        .Bind(now_ms)
                        .Bind(digest.hex())
                        .Run());
    // The artifact may have gone since.
    if (!plan.reference || c.db.changes() == 0) {
      return absl::OkStatus();
    }
    return PutReference(c, digest, reference, now_ms);
  });
}

absl::Status Index::InsertArtifact(const ArtifactRecord& record,
                                   const std::string& job_id, int64_t now_ms) {
  return state_->Write([&](Connection& c) -> absl::Status {
    RETURN_IF_ERROR(PutWithReferences(c, record, now_ms));
    if (job_id.empty()) {
      return absl::OkStatus();
    }
    return Statement::Use(c.statements.job_succeed)
        .Bind(record.digest.hex())
        .Bind(record.content_key.hex())
        .Bind(now_ms)
        .Bind(job_id)
        .Run();
  });
}

absl::Status Index::AdoptArtifact(const ArtifactRecord& record,
                                  int64_t now_ms) {
  return state_->Write([&](Connection& c) -> absl::Status {
    ASSIGN_OR_RETURN(
        const std::optional<ArtifactRecord> current,
        FindOne(c, c.statements.artifact_by_key, record.content_key));
    RETURN_IF_ERROR(PutWithReferences(c, record, now_ms));
    if (!current.has_value() || current->created_ms <= record.created_ms) {
      return absl::OkStatus();
    }
    return Statement::Use(c.statements.key_point)
        .Bind(current->digest.hex())
        .Bind(record.content_key.hex())
        .Run();
  });
}

absl::Status Index::UpdateFile(const ArtifactRecord& record) {
  return state_->Write([&](Connection& c) {
    return Statement::Use(c.statements.artifact_set_file)
        .Bind(static_cast<int64_t>(record.device))
        .Bind(static_cast<int64_t>(record.inode))
        .Bind(record.mtime_ns)
        .Bind(record.digest.hex())
        .Run();
  });
}

absl::Status Index::DeleteArtifact(const Digest& digest, std::string_view why,
                                   int64_t now_ms, std::string_view rule) {
  return state_->Write([&](Connection& c) {
    return ForgetArtifact(c, digest, why, now_ms, rule);
  });
}

absl::Status ForgetArtifact(Connection& c, const Digest& digest,
                            std::string_view why, int64_t now_ms,
                            std::string_view rule) {
  if (why == "QUARANTINED") {
    RETURN_IF_ERROR(Statement::Use(c.statements.key_note_damage)
                        .Bind(now_ms)
                        .Bind(digest.hex())
                        .Run());
  }
  RETURN_IF_ERROR(Statement::Use(c.statements.key_forget)
                      .Bind(why)
                      .Bind(now_ms)
                      .Bind(rule)
                      .Bind(digest.hex())
                      .Run());
  return Statement::Use(c.statements.artifact_delete).Bind(digest.hex()).Run();
}

}  // namespace bottled
