// Preflight: looks at everything that packing and launching depend on, and says
// what is wrong and what to do about it before a long job finds out: the
// engine, smolvm, hardware virtualisation, and each disk that is written to,
// by name, because "no space left" alone sends people to the wrong one
// (ecosystem.md §6.1).
//
// A finding's reason is stable, as an error's is. Nothing is changed.

#ifndef BOTTLED_JOBS_PREFLIGHT_H_
#define BOTTLED_JOBS_PREFLIGHT_H_

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/cancel.h"
#include "endpoint/endpoint.h"
#include "engine/engines.h"
#include "jobs/disk_state.h"
#include "jobs/registries.h"
#include "pack/smolvm_program.h"
#include "platform/kvm.h"
#include "platform/places.h"

namespace bottled {

struct Finding {
  // "engine", "push", "smolvm", "kvm", "disk"
  std::string check;
  enum class Level { kOk, kWarn, kFail };
  Level level = Level::kOk;
  // Upper-case; empty when the level is kOk, as is the remedy.
  std::string reason;
  std::string message;
  std::string remedy;
};

// Thread-safe.
class Preflight {
 public:
  struct Deps {
    Engines& engines;
    SmolvmPrograms& smolvm;
    const Places& places;
    // Null: the way of a push is not measured.
    Registries* registries = nullptr;
    // Null: nobody knows whether the disk is full.
    const DiskState* disk = nullptr;
  };
  // What the machine is asked; tests answer themselves.
  struct Machine {
    // Where this process, and what it starts, put temporary files.
    std::filesystem::path temporary_dir;
    // As FreeBytes().
    std::function<absl::StatusOr<int64_t>(const std::filesystem::path&)>
        free_bytes;
    std::function<KvmStatus()> kvm;

    // The real one.
    static Machine This();
  };

  explicit Preflight(const Deps& deps, Machine machine = Machine::This())
      : deps_(deps), machine_(std::move(machine)) {}

  // Looks at everything. Without an `engine` its error is the finding. `path`
  // is the caller's PATH. Blocks for the engine's answer, up to the client's
  // time limits, for two short runs of smolvm, which is not taken from memory,
  // and, where the engine has the image for it, for a registry that it starts
  // to measure where a push would go; it pulls none. What only launching needs
  // is a warning: packing does without it.
  //
  // Reasons: those of EngineClient::Describe(), SMOLVM_NOT_FOUND (a warning),
  // SMOLVM_FOREIGN, SMOLVM_UNUSABLE, SMOLVM_TOO_OLD, KVM_ABSENT, KVM_DENIED and
  // KVM_UNUSABLE (warnings), DISK_LOW (a warning, below 5 GiB), DISK_FULL
  // (below 512 MiB, or as DiskState has it), and for a disk that cannot be
  // asked those of FreeBytes() (a warning). Of a push, as warnings, those of
  // Registries::Acquire().
  std::vector<Finding> Diagnose(const absl::StatusOr<EngineEndpoint>& engine,
                                const std::string& path,
                                const CancelToken& cancel);

  // What a launch needs of this machine: smolvm, KVM and disks, all of them
  // failures when they are missing. No engine call; smolvm runs only when its
  // file is new or has changed, else it takes well below a millisecond.
  std::vector<Finding> Launch(const std::string& path,
                              const CancelToken& cancel = CancelToken());

 private:
  Finding CheckEngine(const absl::StatusOr<EngineEndpoint>& engine,
                      const CancelToken& cancel);
  Finding CheckPush(const std::shared_ptr<EngineClient>& engine,
                    const CancelToken& cancel);
  Finding CheckMachine(Finding::Level missing);
  void CheckDisks(std::vector<Finding>& findings);

  // Constant after construction.
  const Deps deps_;
  const Machine machine_;
};

}  // namespace bottled

#endif  // BOTTLED_JOBS_PREFLIGHT_H_
