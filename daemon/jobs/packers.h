// Packers: which of the three packers a request gets, and why.
//
// native: the embedded one (pack/native_packer.h). smolvm: smolvm's own, fed
// with an archive of the merged tree. push: smolvm's own, fed through a
// registry, as releases need it that take no archives.

#ifndef BOTTLED_JOBS_PACKERS_H_
#define BOTTLED_JOBS_PACKERS_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/cancel.h"
#include "pack/smolvm_program.h"

namespace bottled {

enum class PackerKind { kAuto, kNative, kSmolvm, kPush };

// "auto", "native", "smolvm", "push".
std::string_view PackerWord(PackerKind kind);
// The inverse; nullopt for another word.
std::optional<PackerKind> ParsePacker(std::string_view word);

// What one request gets.
struct Packer {
  PackerKind kind = PackerKind::kNative;  // never kAuto
  // With its revision, and of the foreign ones the release of smolvm: for
  // content keys.
  std::string name;
  // Of kSmolvm and kPush.
  SmolvmProgram smolvm;
  // One sentence, without its full stop.
  std::string reason;
};

// The embedded packer, because it was asked for.
Packer NativeChoice();

// Thread-safe.
class Packers {
 public:
  struct Options {
    // For requests that leave it open.
    PackerKind standard = PackerKind::kAuto;
    // Where smolvm is looked for when the caller names no PATH.
    std::string search_path;
  };
  Packers(SmolvmPrograms& smolvm, Options options)
      : smolvm_(smolvm), options_(std::move(options)) {}

  // `wanted` kAuto: the configured one. If that is kAuto too: native when there
  // is no usable smolvm, or one whose reader is known to take what we write
  // (1.x); else smolvm when it takes archives; else push. Blocks for a few
  // stat() calls, or for two short runs of a smolvm that is new. `path` is the
  // caller's PATH, may be empty. For kSmolvm and kPush the reasons of
  // SmolvmPrograms::Find(); SMOLVM_TAKES_NO_ARCHIVES for kSmolvm.
  absl::StatusOr<Packer> Choose(PackerKind wanted, const std::string& path,
                                const CancelToken& cancel);

 private:
  SmolvmPrograms& smolvm_;
  const Options options_;
};

}  // namespace bottled

#endif  // BOTTLED_JOBS_PACKERS_H_
