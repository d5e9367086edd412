#include <map>

#include "CLI/CLI.hpp"
#include "client/command_line_parts.h"

namespace bottled::client {
namespace {

constexpr int64_t kMaxSeconds = 24 * 3600;

}  // namespace

void AddLeaseCommands(CLI::App& cache, Options& options) {
  CLI::App* const hold = AddCommand(
      cache, options, "hold",
      "Keep an artifact: while PROGRAM runs, for a time, as long as a process "
      "lives, or else until this command is interrupted",
      Command::kCacheHold);
  hold->add_option("digest", options.digests,
                   "Digest, or its first six digits or more")
      ->type_name("DIGEST")
      ->check(NotEmpty())
      ->required()
      ->expected(1)
      // Or it would take the program as well.
      ->allow_extra_args(false);
  CLI::Option* const words =
      hold->add_option("program", options.words,
                       "After --: run it; {} becomes the artifact's path")
          ->type_name("PROGRAM...");
  const std::map<std::string, int64_t> units = {
      {"s", 1}, {"m", 60}, {"h", 3600}};
  CLI::Option* const time =
      hold->add_option("--for", options.hold_seconds,
                       "For so long, at most 24h: 90s, 30m, 8h; prints the "
                       "lease")
          ->type_name("TIME")
          ->transform(CLI::AsNumberWithUnit(
                          units, CLI::AsNumberWithUnit::CASE_SENSITIVE, "")
                          .description(""))
          ->check(CLI::Range(int64_t{1}, kMaxSeconds).description(""));
  CLI::Option* const pid =
      hold->add_option("--pid", options.hold_pid,
                       "As long as this process lives; prints the lease")
          ->type_name("PID")
          ->check(CLI::PositiveNumber.description(""));
  hold->add_option("--holder", options.holder, "Who, for people")
      ->type_name("TEXT");
  time->excludes(pid)->excludes(words);
  pid->excludes(words);

  CLI::App* const release = AddCommand(cache, options, "release", "End leases",
                                       Command::kCacheRelease);
  release->add_option("lease", options.lease_ids, "As hold and leases print it")
      ->type_name("LEASE")
      ->required()
      ->check(NotEmpty());
  AddCommand(cache, options, "leases", "List what is held, and by whom",
             Command::kCacheLeases);
}

}  // namespace bottled::client
