#include "base/status_macros.h"
#include "store/index.h"
#include "store/index_state.h"

namespace bottled {
namespace {

std::string_view KindWord(EngineObjectKind kind) {
  return kind == EngineObjectKind::kTag ? "tag" : "container";
}

}  // namespace

absl::Status Index::NoteEngineObject(const EngineObject& object) {
  return state_->Write([&](Connection& c) {
    return Statement::Use(c.statements.engine_object_put)
        .Bind(object.host)
        .Bind(object.tls_dir)
        .Bind(int64_t{object.skip_tls_verify})
        .Bind(KindWord(object.kind))
        .Bind(object.name)
        .Bind(object.created_ms)
        .Run();
  });
}

absl::Status Index::ForgetEngineObject(const EngineObject& object) {
  return state_->Write([&](Connection& c) {
    return Statement::Use(c.statements.engine_object_delete)
        .Bind(object.host)
        .Bind(KindWord(object.kind))
        .Bind(object.name)
        .Run();
  });
}

absl::StatusOr<std::vector<EngineObject>> Index::ListEngineObjects() {
  return state_->Read(
      [](Connection& c) -> absl::StatusOr<std::vector<EngineObject>> {
        std::vector<EngineObject> objects;
        Statement::Use use(c.statements.engine_object_list);
        while (true) {
          ASSIGN_OR_RETURN(const bool row, use.Step());
          if (!row) {
            return objects;
          }
          objects.push_back({.host = use.Text(0),
                             .tls_dir = use.Text(1),
                             .skip_tls_verify = use.Int(2) != 0,
                             .kind = use.Text(3) == "tag"
                                         ? EngineObjectKind::kTag
                                         : EngineObjectKind::kContainer,
                             .name = use.Text(4),
                             .created_ms = use.Int(5)});
        }
      });
}

}  // namespace bottled
