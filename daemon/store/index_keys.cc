#include "base/status_macros.h"
#include "store/index.h"
#include "store/index_state.h"

namespace bottled {

absl::StatusOr<std::string> Index::MissReason(const Digest& key,
                                              const std::string& reference) {
  return state_->Read([&](Connection& c) -> absl::StatusOr<std::string> {
    {
      Statement::Use use(c.statements.key_why);
      ASSIGN_OR_RETURN(const bool row, use.Bind(key.hex()).Step());
      if (row && !use.IsNull(0)) {
        return use.Text(0);
      }
    }
    Statement::Use use(c.statements.reference_get);
    ASSIGN_OR_RETURN(const bool row, use.Bind(reference).Step());
    return std::string(row && use.Text(0) != key.hex() ? "INPUT_CHANGED"
                                                       : "NEVER_BUILT");
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
    sizes.similar = row ? use.Int(0) : 0;
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
