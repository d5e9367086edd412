#include "jobs/packers.h"

#include <array>
#include <utility>

#include "base/status_macros.h"
#include "fmt/format.h"
#include "jobs/errors.h"
#include "pack/native_packer.h"
#include "pack/smolvm_packer.h"

namespace bottled {
namespace {

constexpr std::array<std::pair<PackerKind, std::string_view>, 4> kWords = {{
    {PackerKind::kAuto, "auto"},
    {PackerKind::kNative, "native"},
    {PackerKind::kSmolvm, "smolvm"},
    {PackerKind::kPush, "push"},
}};

Packer Native(std::string reason) {
  return {.kind = PackerKind::kNative,
          .name = NativePackerName(),
          .smolvm = {},
          .reason = std::move(reason)};
}

Packer Foreign(PackerKind kind, SmolvmProgram program, std::string reason) {
  std::string name = kind == PackerKind::kSmolvm ? SmolvmPackerName(program)
                                                 : PushPackerName(program);
  return {.kind = kind,
          .name = std::move(name),
          .smolvm = std::move(program),
          .reason = std::move(reason)};
}

// Releases 1.x write and read version 1 of the format; older ones wrote and
// took others (smolvm.md §4.1), and of newer ones nothing is known.
bool ReadsOurs(const SmolvmProgram& program) {
  return program.AtLeast(1, 0, 0) && !program.AtLeast(2, 0, 0);
}

Packer Automatic(const absl::StatusOr<SmolvmProgram>& program) {
  if (!program.ok()) {
    return Native("it needs no smolvm, and there is none that works");
  }
  if (ReadsOurs(*program)) {
    return Native(
        fmt::format("smolvm {} reads what it writes", program->version));
  }
  return Foreign(
      program->takes_archives ? PackerKind::kSmolvm : PackerKind::kPush,
      *program,
      fmt::format("smolvm {} is not known to read what the embedded packer "
                  "writes{}",
                  program->version,
                  program->takes_archives ? "" : ", and takes no archives"));
}

}  // namespace

std::string_view PackerWord(PackerKind kind) {
  for (const auto& [known, word] : kWords) {
    if (known == kind) {
      return word;
    }
  }
  return "";
}

std::optional<PackerKind> ParsePacker(std::string_view word) {
  for (const auto& [kind, known] : kWords) {
    if (known == word) {
      return kind;
    }
  }
  return std::nullopt;
}

Packer NativeChoice() { return Native("it was asked for"); }

absl::StatusOr<Packer> Packers::Choose(PackerKind wanted,
                                       const std::string& path,
                                       const CancelToken& cancel) {
  const bool configured = wanted == PackerKind::kAuto;
  const PackerKind kind = configured ? options_.standard : wanted;
  const std::string reason =
      configured ? "it is the configured one" : "it was asked for";
  if (kind == PackerKind::kNative) {
    return Native(reason);
  }
  absl::StatusOr<SmolvmProgram> program =
      smolvm_.Find(path.empty() ? options_.search_path : path, cancel);
  if (absl::IsCancelled(program.status())) {
    return program.status();
  }
  if (kind == PackerKind::kAuto) {
    return Automatic(program);
  }
  RETURN_IF_ERROR(program.status());
  if (kind == PackerKind::kSmolvm && !program->takes_archives) {
    return SmolvmTakesNoArchives(program->path, program->version);
  }
  return Foreign(kind, *std::move(program), reason);
}

}  // namespace bottled
