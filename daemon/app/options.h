// What the daemon can be told: flags over the config file over defaults.

#ifndef BOTTLED_APP_OPTIONS_H_
#define BOTTLED_APP_OPTIONS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "platform/places.h"

namespace bottled {

struct Options {
  PlaceOverrides places;
  std::string log_level = "info";
  // Jobs that run at once, and that wait.
  int max_running_jobs = 2;
  int max_queued_jobs = 1000;
  int max_queued_jobs_per_client = 64;
  // Compressing threads of one job; 0 = one per processor, at most 4.
  int pack_threads = 0;
  int max_connections = 256;
  int max_connections_per_process = 64;
  int max_watchers = 10'000;
  // Largest image, uncompressed; smolvm takes no more than 128 GiB.
  int64_t max_image_bytes = int64_t{128} << 30;
  // How long running jobs may go on after SIGTERM.
  int drain_seconds = 10;
  // Networks "a.b.c.d/n" with commas between: where bottles' subnets come from
  // (empty = PoolOptions' own), and what is never used.
  std::string address_pools;
  std::string address_avoid;
  // Of a bottle's subnet.
  int address_prefix = 28;
  // The image of the container with the gates.
  std::string bundle_image = "claude-bottle-sidecars:latest";
  // The cache's limits; 0 = by the size of its file system.
  int64_t cache_max_bytes = 0;
  int64_t cache_min_free_bytes = 0;
  // 1: what packs leave of layers saves later ones work; 0: nothing is left.
  int keep_layers = 1;
  // Unused artifacts go after so long (0 = never), young ones stay.
  int cache_max_idle_days = 30;
  int cache_min_age_minutes = 10;
  // Between two looks at a warm target without a cause; 0 = never.
  int warm_interval_minutes = 15;
  // Nothing is made ahead of need while programs wait for memory or disks a
  // greater share of the time, in percent; 0 = not looked at.
  int warm_max_stalled = 25;
  // How often each artifact is read again (0 = never), and how fast.
  int scrub_days = 7;
  int64_t scrub_bytes_per_second = 50'000'000;
  // It pauses while everything waits for disks a greater share of the time, in
  // percent; 0 = not looked at.
  int scrub_max_stalled = 25;
  // For requests that leave it open: a word of ParsePacker().
  std::string packer = "auto";
  // The only smolvm that is used; empty: that on a caller's PATH.
  std::string smolvm;
  // Of the registry of the packer push, and how long that stays unused.
  std::string registry_image = "registry:2";
  int registry_grace_seconds = 30;
};

// The outcome of reading the command line.
struct ParsedOptions {
  Options options;
  // True: print `text` to stdout and exit 0 (help, version).
  bool exit_now = false;
  std::string text;
};

// Reads flags, and the config file that --config names or, when it exists,
// $XDG_CONFIG_HOME/bottled/config.yaml. Every key of the file is a flag's name
// without the dashes; unknown keys and values out of range are errors. Reasons
// BAD_FLAG and BAD_CONFIG.
absl::StatusOr<ParsedOptions> ParseOptions(int argc, const char* const* argv,
                                           const GetEnv& env);

// Applies the text of a config file. `name` is for messages.
absl::Status ApplyConfig(std::string_view yaml, std::string_view name,
                         Options& options);

}  // namespace bottled

#endif  // BOTTLED_APP_OPTIONS_H_
