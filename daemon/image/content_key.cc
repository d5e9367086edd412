#include "image/content_key.h"

#include "image/errors.h"
#include "nlohmann/json.hpp"

namespace bottled {
namespace {

constexpr int kMaxCpus = 255;
constexpr int kMinMemoryMib = 64;
constexpr int kMaxMemoryMib = 4 << 20;

}  // namespace

absl::Status ValidatePackOptions(const PackOptions& options) {
  if (options.cpus < 1 || options.cpus > kMaxCpus) {
    return BadPackOptions("The number of processors is out of range");
  }
  if (options.memory_mib < kMinMemoryMib ||
      options.memory_mib > kMaxMemoryMib) {
    return BadPackOptions("The memory size is out of range");
  }
  return absl::OkStatus();
}

std::string ContentKeyInputs(const ImageConfig& config,
                             const PackOptions& options,
                             const std::string& packer) {
  nlohmann::json diff_ids = nlohmann::json::array();
  for (const Digest& diff_id : config.diff_ids) {
    diff_ids.push_back(diff_id.ToString());
  }
  // nlohmann::json keeps members sorted, which makes the text canonical.
  const nlohmann::json inputs = {
      {"cmd", config.cmd},
      {"diff_ids", diff_ids},
      {"entrypoint", config.entrypoint},
      {"env", config.env},
      {"options", {{"cpus", options.cpus}, {"memory_mib", options.memory_mib}}},
      {"packer", packer},
      // Artifacts do not have the variant, and podman does not report it.
      {"platform", config.platform.WithoutVariant()},
      {"user", config.user},
      {"working_dir", config.working_dir},
  };
  return inputs.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace bottled
