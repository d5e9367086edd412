#include "app/options.h"

#include <filesystem>
#include <optional>
#include <system_error>
#include <vector>

#include "CLI/CLI.hpp"
#include "app/version.h"
#include "base/error.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "fmt/format.h"
#include "jobs/packers.h"
#include "platform/file.h"
#include "yaml-cpp/yaml.h"

namespace bottled {
namespace {

constexpr size_t kMaxConfigBytes = 64 * 1024;

absl::Status BadFlag(std::string_view what) {
  return MakeError(absl::StatusCode::kInvalidArgument, "BAD_FLAG", what,
                   "See bottled --help.");
}

absl::Status BadConfig(std::string_view name, int line, std::string_view what) {
  return MakeError(absl::StatusCode::kInvalidArgument, "BAD_CONFIG",
                   fmt::format("{}:{}: {}", name, line, what),
                   "See docs/operations.md for the keys.");
}

// One table serves flags and config keys, so that they cannot drift apart.
struct Setting {
  const char* name;
  const char* help;
  std::string Options::* text = nullptr;
  int Options::* number = nullptr;
  int64_t Options::* big = nullptr;
  int64_t min = 0;
  int64_t max = 0;
};

const std::vector<Setting>& Settings() {
  static const std::vector<Setting> settings = {
      {.name = "log-level",
       .help = "debug, info, warn or error",
       .text = &Options::log_level},
      {.name = "max-running-jobs",
       .help = "Jobs that run at once",
       .number = &Options::max_running_jobs,
       .min = 1,
       .max = 64},
      {.name = "max-queued-jobs",
       .help = "Jobs that may wait",
       .number = &Options::max_queued_jobs,
       .min = 1,
       .max = 100'000},
      {.name = "max-queued-jobs-per-client",
       .help = "Jobs of one client that may wait",
       .number = &Options::max_queued_jobs_per_client,
       .min = 1,
       .max = 100'000},
      {.name = "pack-threads",
       .help = "Compressing threads of one job; 0 = by processors",
       .number = &Options::pack_threads,
       .min = 0,
       .max = 64},
      {.name = "max-connections",
       .help = "Client connections",
       .number = &Options::max_connections,
       .min = 1,
       .max = 10'000},
      {.name = "max-connections-per-process",
       .help = "Connections of one client process",
       .number = &Options::max_connections_per_process,
       .min = 1,
       .max = 10'000},
      {.name = "max-watchers",
       .help = "Streams of jobs, events and held leases",
       .number = &Options::max_watchers,
       .min = 1,
       .max = 100'000},
      {.name = "max-image-bytes",
       .help = "Largest image, uncompressed",
       .big = &Options::max_image_bytes,
       .min = 1 << 20,
       .max = int64_t{128} << 30},
      {.name = "drain-seconds",
       .help = "How long jobs may go on after SIGTERM",
       .number = &Options::drain_seconds,
       .min = 0,
       .max = 3600},
      {.name = "address-pools",
       .help = "Networks that bottles' subnets come from, with commas",
       .text = &Options::address_pools},
      {.name = "address-avoid",
       .help = "Networks that no bottle gets, with commas",
       .text = &Options::address_avoid},
      {.name = "address-prefix",
       .help = "Prefix length of a bottle's subnet",
       .number = &Options::address_prefix,
       .min = 24,
       .max = 28},
      {.name = "bundle-image",
       .help = "Image of the container with a bottle's gates",
       .text = &Options::bundle_image},
      {.name = "cache-max-bytes",
       .help = "All artifacts together; 0 = 100 GB, or a fifth of the disk",
       .big = &Options::cache_max_bytes,
       .min = 0,
       .max = int64_t{1} << 50},
      {.name = "cache-min-free-bytes",
       .help = "Kept free; 0 = 10 GB, or a tenth of the disk",
       .big = &Options::cache_min_free_bytes,
       .min = 0,
       .max = int64_t{1} << 50},
      {.name = "cache-max-idle-days",
       .help = "Unused artifacts go after so long; 0 = never",
       .number = &Options::cache_max_idle_days,
       .min = 0,
       .max = 36'500},
      {.name = "cache-min-age-minutes",
       .help = "Younger artifacts stay in any case",
       .number = &Options::cache_min_age_minutes,
       .min = 0,
       .max = 525'600},
      {.name = "warm-interval-minutes",
       .help = "Warm targets are looked at so often at least; 0 = never",
       .number = &Options::warm_interval_minutes,
       .min = 0,
       .max = 10'080},
      {.name = "warm-max-stalled",
       .help = "Most percent of time that programs wait for memory or disks "
               "while something is warmed; 0 = any",
       .number = &Options::warm_max_stalled,
       .min = 0,
       .max = 100},
      {.name = "keep-layers",
       .help = "1: packs take over what earlier ones left of layers; 0: no",
       .number = &Options::keep_layers,
       .min = 0,
       .max = 1},
      {.name = "scrub-days",
       .help = "How often each artifact is read again; 0 = never",
       .number = &Options::scrub_days,
       .min = 0,
       .max = 36'500},
      {.name = "scrub-bytes-per-second",
       .help = "How fast that is done at most",
       .big = &Options::scrub_bytes_per_second,
       .min = 1 << 20,
       .max = int64_t{1} << 40},
      {.name = "scrub-max-stalled",
       .help =
           "It pauses beyond this percent of time that everything waits for "
           "disks; 0 = never",
       .number = &Options::scrub_max_stalled,
       .min = 0,
       .max = 100},
      {.name = "packer",
       .help = "For requests that leave it open: auto, native, smolvm or push",
       .text = &Options::packer},
      {.name = "smolvm",
       .help = "The smolvm to use; else that on the caller's PATH",
       .text = &Options::smolvm},
      {.name = "registry-image",
       .help = "Image of the registry that the packer push runs",
       .text = &Options::registry_image},
      {.name = "registry-grace-seconds",
       .help = "How long that registry stays when nobody uses it",
       .number = &Options::registry_grace_seconds,
       .min = 0,
       .max = 3600},
  };
  return settings;
}

struct PathSetting {
  const char* name;
  const char* help;
  std::string PlaceOverrides::* text;
};

constexpr PathSetting kPathSettings[] = {
    {"state-dir", "Index, lock and logs", &PlaceOverrides::state_dir},
    {"cache-dir", "Artifacts and work in progress", &PlaceOverrides::cache_dir},
    {"socket", "Where clients connect", &PlaceOverrides::socket},
};

absl::Status Apply(const std::string& key, const YAML::Node& value,
                   std::string_view name, Options& options) {
  const int line = value.Mark().line + 1;
  if (!value.IsScalar()) {
    return BadConfig(name, line, key + " must be a single value");
  }
  for (const PathSetting& setting : kPathSettings) {
    if (key == setting.name) {
      options.places.*setting.text = value.Scalar();
      return absl::OkStatus();
    }
  }
  for (const Setting& setting : Settings()) {
    if (key != setting.name) {
      continue;
    }
    if (setting.text != nullptr) {
      options.*setting.text = value.Scalar();
      return absl::OkStatus();
    }
    int64_t number = 0;
    if (!YAML::convert<int64_t>::decode(value, number) ||
        number < setting.min || number > setting.max) {
      return BadConfig(name, line,
                       fmt::format("{} must be a number from {} to {}", key,
                                   setting.min, setting.max));
    }
    if (setting.number != nullptr) {
      options.*setting.number = static_cast<int>(number);
    } else {
      options.*setting.big = number;
    }
    return absl::OkStatus();
  }
  return BadConfig(name, line, fmt::format("unknown key \"{}\"", key));
}

absl::Status ReadConfig(const std::string& flag, const GetEnv& env,
                        Options& options) {
  std::filesystem::path path = flag;
  if (path.empty()) {
    const std::optional<std::string> xdg = env("XDG_CONFIG_HOME");
    const std::optional<std::string> home = env("HOME");
    if (xdg.has_value() && xdg->starts_with('/')) {
      path = std::filesystem::path(*xdg) / "bottled/config.yaml";
    } else if (home.has_value() && home->starts_with('/')) {
      path = std::filesystem::path(*home) / ".config/bottled/config.yaml";
    } else {
      return absl::OkStatus();
    }
    std::error_code error;
    if (!std::filesystem::exists(path, error)) {
      return absl::OkStatus();
    }
  }
  ASSIGN_OR_RETURN(const std::string text,
                   ReadSmallFile(path, kMaxConfigBytes));
  return ApplyConfig(text, path.string(), options);
}

// What is wrong with a value, wherever it is from.
absl::Status Check(const Options& options) {
  if (!ParsePacker(options.packer).has_value()) {
    return BadFlag(
        fmt::format("packer: \"{}\" is not one of auto, native, "
                    "smolvm and push",
                    Printable(options.packer, 64)));
  }
  if (!options.smolvm.empty() && options.smolvm.front() != '/') {
    return BadFlag("smolvm: the path must be absolute");
  }
  return options.registry_image.empty()
             ? BadFlag("registry-image: the name is empty")
             : absl::OkStatus();
}

}  // namespace

absl::Status ApplyConfig(std::string_view yaml, std::string_view name,
                         Options& options) {
  try {
    const YAML::Node root = YAML::Load(std::string(yaml));
    if (root.IsNull()) {
      return absl::OkStatus();
    }
    if (!root.IsMap()) {
      return BadConfig(name, 1, "the file must be a map of keys to values");
    }
    for (const auto& pair : root) {
      RETURN_IF_ERROR(
          Apply(pair.first.as<std::string>(), pair.second, name, options));
    }
  } catch (const YAML::Exception& e) {
    return BadConfig(name, e.mark.line + 1, e.msg);
  }
  return absl::OkStatus();
}

absl::StatusOr<ParsedOptions> ParseOptions(int argc, const char* const* argv,
                                           const GetEnv& env) {
  ParsedOptions parsed;
  CLI::App app(
      "The bottled daemon: makes .smolmachine artifacts from local images.\n"
      "Clients reach it over a Unix socket; see bottlectl --help.",
      "bottled");
  std::string config;
  app.add_option("--config", config, "YAML file with the same keys");
  app.set_version_flag("--version", std::string("bottled ") + kVersion);
  // Two passes: the file's values are the defaults of the flags.
  Options flags;
  for (const PathSetting& setting : kPathSettings) {
    app.add_option(std::string("--") + setting.name, flags.places.*setting.text,
                   setting.help);
  }
  for (const Setting& setting : Settings()) {
    const std::string name = std::string("--") + setting.name;
    if (setting.text != nullptr) {
      app.add_option(name, flags.*setting.text, setting.help)
          ->capture_default_str();
    } else if (setting.number != nullptr) {
      app.add_option(name, flags.*setting.number, setting.help)
          ->capture_default_str()
          ->check(CLI::Range(static_cast<int>(setting.min),
                             static_cast<int>(setting.max)));
    } else {
      app.add_option(name, flags.*setting.big, setting.help)
          ->capture_default_str()
          ->check(CLI::Range(setting.min, setting.max));
    }
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    parsed.exit_now = true;
    parsed.text = app.help();
    return parsed;
  } catch (const CLI::CallForVersion&) {
    parsed.exit_now = true;
    parsed.text = std::string("bottled ") + kVersion + "\n";
    return parsed;
  } catch (const CLI::ParseError& e) {
    return BadFlag(e.what());
  }
  RETURN_IF_ERROR(ReadConfig(config, env, parsed.options));
  for (const PathSetting& setting : kPathSettings) {
    if (app.count(std::string("--") + setting.name) > 0) {
      parsed.options.places.*setting.text = flags.places.*setting.text;
    }
  }
  for (const Setting& setting : Settings()) {
    if (app.count(std::string("--") + setting.name) == 0) {
      continue;
    }
    if (setting.text != nullptr) {
      parsed.options.*setting.text = flags.*setting.text;
    } else if (setting.number != nullptr) {
      parsed.options.*setting.number = flags.*setting.number;
    } else {
      parsed.options.*setting.big = flags.*setting.big;
    }
  }
  RETURN_IF_ERROR(Check(parsed.options));
  return parsed;
}

}  // namespace bottled
