// smolvm's own packer: `smolvm pack create` as a child process, which boots a
// VM, and a check of what it made.
//
// The program is foreign and heavy: it gets an environment and a directory of
// its own, and on every way out of here it, its VM and whatever else it started
// are gone (supervisor.h; SMOLVM_BOOT_BINARY arms smolvm's own watch as well).
// What it leaves lies below the stage directory, which the caller removes.

#ifndef BOTTLED_PACK_SMOLVM_PACKER_H_
#define BOTTLED_PACK_SMOLVM_PACKER_H_

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/cancel.h"
#include "image/content_key.h"
#include "pack/native_packer.h"
#include "pack/smolvm_output.h"
#include "pack/smolvm_probe.h"

namespace bottled {

// "smolvm/<revision> <version of smolvm>" and "push/<revision> <version>", for
// content keys.
std::string SmolvmPackerName(const SmolvmProgram& program);
std::string PushPackerName(const SmolvmProgram& program);

struct SmolvmPackSpec {
  SmolvmProgram program;
  // `--image`: the path of an archive, or "127.0.0.1:5001/x@sha256:…".
  std::string image;
  // Private, existing, on a disk with room for several times the image.
  std::filesystem::path stage_dir;
  PackOptions pack;
  // What the program is given of our environment: PATH, HOME and the
  // SMOLVM_… variables that say where an installation has its parts
  // (SMOLVM_LIB_DIR, SMOLVM_AGENT_ROOTFS, SMOLVM_AGENT_ROOTFS_TAR).
  // "NAME=value".
  std::vector<std::string> inherited;
  // That of ProcessSpec.
  std::string supervisor;

  std::chrono::milliseconds total_limit{30 * 60'000};
  // Without a byte of output, and without one of growth below stage_dir.
  std::chrono::milliseconds stall_limit{5 * 60'000};
  // From SIGTERM to SIGKILL.
  std::chrono::milliseconds grace{10'000};
};

// The whole command, exposed for tests. Reads the program's first bytes, as a
// script may not be named in SMOLVM_BOOT_BINARY, and nothing else.
struct SmolvmCommand {
  std::vector<std::string> argv;
  std::vector<std::string> env;
  std::string working_dir;
  // Where the sidecar will be.
  std::filesystem::path output;
};
SmolvmCommand MakeSmolvmCommand(const SmolvmPackSpec& spec);

// Called from the calling thread.
struct SmolvmSink {
  std::function<void(const std::string& line)> line;
  std::function<void(const SmolvmProgress& progress)> progress;
};

// Runs it, blocks until it and all that it started have ended, and returns the
// path of the sidecar: a regular file below stage_dir, not looked into yet.
// Reasons, all of them with smolvm's own last words where there are any:
// SMOLVM_PACK_FAILED (exit status or signal), VM_UNAVAILABLE (no VM can boot
// here: no usable KVM, or the agent in it never answered; says which),
// PACK_TIMEOUT, PACK_STALLED, SMOLVM_OUTPUT_INVALID (it ended well, but left no
// regular file), NO_SPACE, CANCELLED, and those of Process::Start().
absl::StatusOr<std::filesystem::path> RunSmolvmPack(const SmolvmPackSpec& spec,
                                                    const SmolvmSink& sink,
                                                    const CancelToken& cancel);

// Checks foreign output strictly (VerifySidecar, deep) and takes its measures.
// `platform` is what the image has ("linux/amd64"), `program` what was to make
// it: an upgrade in between, or a shim, can have run another release, which the
// manifest's smolvm_version tells; older releases write none, which is
// accepted. Reasons SIDECAR_INVALID, CHECKSUM_MISMATCH, SMOLVM_OUTPUT_INVALID
// (another release made it), IO_ERROR, CANCELLED.
absl::StatusOr<PackedSidecar> CheckSmolvmSidecar(
    const std::filesystem::path& path, const std::string& platform,
    const SmolvmProgram& program,
    const std::function<void(int64_t bytes)>& progress,
    const CancelToken& cancel);

}  // namespace bottled

#endif  // BOTTLED_PACK_SMOLVM_PACKER_H_
