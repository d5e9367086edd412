#include "base/status_macros.h"
#include "store/index.h"
#include "store/index_state.h"

namespace bottled {
namespace {

constexpr int64_t kMaxBuilds = 1000;

}  // namespace

absl::StatusOr<std::optional<Digest>> Index::FindBuild(
    const std::string& engine, const std::string& fingerprint) {
  return state_->Read(
      [&](Connection& c) -> absl::StatusOr<std::optional<Digest>> {
        Statement::Use use(c.statements.build_get);
        ASSIGN_OR_RETURN(const bool row,
                         use.Bind(engine).Bind(fingerprint).Step());
        std::optional<Digest> image;
        if (row) {
          image = DigestColumn(use, 0);
        }
        return image;
      });
}

absl::Status Index::RecordBuild(const std::string& engine,
                                const std::string& fingerprint,
                                const Digest& image, int64_t now_ms) {
  return state_->Write([&](Connection& c) -> absl::Status {
    RETURN_IF_ERROR(Statement::Use(c.statements.build_put)
                        .Bind(engine)
                        .Bind(fingerprint)
                        .Bind(image.hex())
                        .Bind(now_ms)
                        .Run());
    return Statement::Use(c.statements.build_trim).Bind(kMaxBuilds).Run();
  });
}

}  // namespace bottled
