// MakeSmolvmCommand(): see smolvm_packer.h.

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <span>
#include <string_view>
#include <utility>

#include "fmt/format.h"
#include "pack/smolvm_packer.h"
#include "platform/fd.h"
#include "platform/file.h"

namespace bottled {
namespace {

// Raise them when what we ask of smolvm, or give it, changes.
constexpr int kSmolvmPackerRevision = 1;
constexpr int kPushPackerRevision = 1;

// Not a script: ELF, or one of the two forms of Mach-O.
bool IsExecutableImage(const std::string& program) {
  using std::string_view_literals::operator""sv;
  const Fd file(
      ::open(program.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  std::array<char, 4> magic{};
  if (!file.valid() || !PreadAll(file.get(), std::span(magic), 0).ok()) {
    return false;
  }
  const std::string_view text(magic.data(), magic.size());
  return text ==
             "\x7f"
             "ELF"sv ||
         text == "\xcf\xfa\xed\xfe"sv || text == "\xca\xfe\xba\xbe"sv;
}

std::string_view NameOf(std::string_view variable) {
  return variable.substr(0, variable.find('='));
}

}  // namespace

std::string SmolvmPackerName(const SmolvmProgram& program) {
  return fmt::format("smolvm/{} {}", kSmolvmPackerRevision, program.version);
}

std::string PushPackerName(const SmolvmProgram& program) {
  return fmt::format("push/{} {}", kPushPackerRevision, program.version);
}

SmolvmCommand MakeSmolvmCommand(const SmolvmPackSpec& spec) {
  SmolvmCommand command;
  // smolvm appends its own ending, and refuses a name that has it already.
  const std::string stem = spec.stage_dir / "out" / "artifact";
  command.output = stem + ".smolmachine";
  command.argv = {spec.program.path,
                  "pack",
                  "create",
                  "--image",
                  spec.image,
                  "-o",
                  stem,
                  "--cpus",
                  std::to_string(spec.pack.cpus),
                  "--mem",
                  std::to_string(spec.pack.memory_mib)};
  // It also looks for parts of itself in ./target and ./lib.
  command.working_dir = spec.stage_dir / "work";

  const std::filesystem::path state = spec.stage_dir / "state";
  std::vector<std::string> ours;
  const auto set = [&ours](std::string_view name, const std::string& value) {
    ours.push_back(fmt::format("{}={}", name, value));
  };
  // Where its VMs are. All three of the next only repeat it to releases that
  // do not know it.
  set("SMOLVM_DATA_DIR", state);
  set("XDG_CACHE_HOME", state / ".cache");
  set("XDG_DATA_HOME", state / ".local/share");
  set("XDG_CONFIG_HOME", state / ".config");
  set("SMOLVM_PACK_STAGING", spec.stage_dir / "staging");
  // The compressed assets go there, whatever the staging directory is.
  set("TMPDIR", spec.stage_dir / "tmp");
  set("SMOLVM_CONFIG", spec.stage_dir / "smolvm.toml");
  set("NO_PROXY", "127.0.0.1,localhost");
  set("no_proxy", "127.0.0.1,localhost");
  set("SMOLVM_ALLOW_HOST_LOOPBACK", "1");
  set("NO_COLOR", "1");
  set("RUST_LOG", "warn");
  if (IsExecutableImage(spec.program.path)) {
    // Arms its own watch: the VM ends with its starter.
    set("SMOLVM_BOOT_BINARY", spec.program.path);
  }
  for (const std::string& variable : spec.inherited) {
    if (std::none_of(ours.begin(), ours.end(), [&](const std::string& other) {
          return NameOf(other) == NameOf(variable);
        })) {
      command.env.push_back(variable);
    }
  }
  command.env.insert(command.env.end(), ours.begin(), ours.end());
  return command;
}

}  // namespace bottled
