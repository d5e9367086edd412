#include <string>
#include <utility>

#include "base/status_macros.h"
#include "store/index.h"
#include "store/index_state.h"

namespace bottled {
namespace {

constexpr int64_t kDayMs = int64_t{24} * 3600 * 1000;
constexpr int64_t kKeptMs = 90 * kDayMs;
constexpr size_t kHiddenDigits = 12;

struct Past {
  Miss miss;
  // Of another key that the reference had.
  std::optional<std::string> inputs;
};

absl::StatusOr<std::string> InputsOf(Connection& c, const std::string& key) {
  Statement::Use use(c.statements.key_inputs);
  ASSIGN_OR_RETURN(const bool row, use.Bind(key).Step());
  return row ? use.Text(0) : std::string();
}

absl::StatusOr<int> CountDamages(Connection& c, const Digest& key,
                                 int64_t now_ms) {
  Statement::Use use(c.statements.key_damages);
  // Later ones are from before a clock was set back a little.
  use.Bind(key.hex()).Bind(now_ms - kDayMs).Bind(now_ms + kDayMs);
  RETURN_IF_ERROR(use.Step().status());
  return static_cast<int>(use.Int(0));
}

// Fills reason, time and rule; false when the key never had an artifact.
absl::StatusOr<bool> ReadDeparture(Connection& c, const Digest& key,
                                   Miss& miss) {
  Statement::Use use(c.statements.key_why);
  ASSIGN_OR_RETURN(const bool row, use.Bind(key.hex()).Step());
  if (!row || use.IsNull(0)) {
    return false;
  }
  miss.reason = use.Text(0);
  miss.at_ms = use.Int(1);
  miss.rule = use.Text(2);
  return true;
}

absl::StatusOr<Past> ReadPast(Connection& c, const Digest& key,
                              const std::string& reference, int64_t now_ms) {
  Past past;
  ASSIGN_OR_RETURN(past.miss.quarantines, CountDamages(c, key, now_ms));
  ASSIGN_OR_RETURN(const bool departed, ReadDeparture(c, key, past.miss));
  if (departed) {
    return past;
  }
  std::string other;
  {
    Statement::Use use(c.statements.reference_get);
    ASSIGN_OR_RETURN(const bool row, use.Bind(reference).Step());
    other = row ? use.Text(0) : "";
  }
  if (other.empty() || other == key.hex()) {
    past.miss.reason = "NEVER_BUILT";
    return past;
  }
  past.miss.reason = "INPUT_CHANGED";
  ASSIGN_OR_RETURN(past.inputs, InputsOf(c, other));
  return past;
}

}  // namespace

absl::StatusOr<Miss> Index::Explain(const Digest& key,
                                    const std::string& inputs,
                                    const std::string& reference,
                                    int64_t now_ms) {
  ASSIGN_OR_RETURN(Past past, state_->Read([&](Connection& c) {
    return ReadPast(c, key, reference, now_ms);
  }));
  if (past.inputs.has_value()) {
    past.miss.changes = CompareKeyInputs(
        *past.inputs, inputs,
        [&](std::string_view name, std::string_view value) {
          const std::string text =
              state_->hiding_key + std::string(name) + "=" + std::string(value);
          return "#" + Sha256Of(text).hex().substr(0, kHiddenDigits);
        });
    if (IsFormatChange(past.miss.changes)) {
      past.miss.reason = "FORMAT_CHANGED";
    }
  }
  return std::move(past.miss);
}

absl::StatusOr<std::string> Index::MissReason(const Digest& key,
                                              const std::string& reference) {
  ASSIGN_OR_RETURN(const Miss miss, Explain(key, "", reference, 0));
  return miss.reason;
}

absl::Status Index::TrimKeys(int64_t now_ms) {
  return state_->Write([&](Connection& c) -> absl::Status {
    Statements& s = c.statements;
    for (Statement* trim :
         {&s.key_trim, &s.reference_trim, &s.archive_trim, &s.damage_trim}) {
      RETURN_IF_ERROR(Statement::Use(*trim).Bind(now_ms - kKeptMs).Run());
    }
    return absl::OkStatus();
  });
}

absl::StatusOr<ArtifactSizes> Index::KnownSizes(const Digest& key,
                                                const std::string& reference) {
  return state_->Read([&](Connection& c) -> absl::StatusOr<ArtifactSizes> {
    ArtifactSizes sizes;
    {
      Statement::Use use(c.statements.key_last_bytes);
      ASSIGN_OR_RETURN(const bool row, use.Bind(key.hex()).Step());
      sizes.same = row ? use.Int(0) : 0;
    }
    Statement::Use use(c.statements.reference_last_bytes);
    ASSIGN_OR_RETURN(const bool row, use.Bind(reference).Step());
    if (row) {
      sizes.similar = use.Int(0);
      sizes.similar_unpacked = use.Int(1);
    }
    return sizes;
  });
}

absl::Status Index::RecordReference(const std::string& reference,
                                    const Digest& key, int64_t now_ms) {
  // Most calls repeat what is known; they cost no write.
  ASSIGN_OR_RETURN(const bool known,
                   state_->Read([&](Connection& c) -> absl::StatusOr<bool> {
                     Statement::Use use(c.statements.reference_get);
                     ASSIGN_OR_RETURN(const bool row,
                                      use.Bind(reference).Step());
                     return row && use.Text(0) == key.hex();
                   }));
  if (known) {
    return absl::OkStatus();
  }
  return state_->Write([&](Connection& c) {
    return Statement::Use(c.statements.reference_put)
        .Bind(reference)
        .Bind(key.hex())
        .Bind(now_ms)
        .Run();
  });
}

absl::StatusOr<std::optional<Digest>> Index::FindArchive(
    const ArchiveIdentity& identity, const std::string& options_json) {
  return state_->Read(
      [&](Connection& c) -> absl::StatusOr<std::optional<Digest>> {
        Statement::Use use(c.statements.archive_get);
        use.Bind(identity.path)
            .Bind(identity.reference)
            .Bind(options_json)
            .Bind(static_cast<int64_t>(identity.device))
            .Bind(static_cast<int64_t>(identity.inode))
            .Bind(identity.size)
            .Bind(identity.mtime_ns)
            .Bind(identity.ctime_ns);
        ASSIGN_OR_RETURN(const bool row, use.Step());
        std::optional<Digest> key;
        if (row) {
          key = DigestColumn(use, 0);
        }
        return key;
      });
}

absl::Status Index::RecordArchive(const ArchiveIdentity& identity,
                                  const std::string& options_json,
                                  const Digest& key, int64_t now_ms) {
  return state_->Write([&](Connection& c) {
    return Statement::Use(c.statements.archive_put)
        .Bind(identity.path)
        .Bind(identity.reference)
        .Bind(options_json)
        .Bind(static_cast<int64_t>(identity.device))
        .Bind(static_cast<int64_t>(identity.inode))
        .Bind(identity.size)
        .Bind(identity.mtime_ns)
        .Bind(identity.ctime_ns)
        .Bind(key.hex())
        .Bind(now_ms)
        .Run();
  });
}

}  // namespace bottled
