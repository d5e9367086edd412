#include "client/run.h"

#include <utility>

#include "absl/status/statusor.h"
#include "base/status_macros.h"
#include "client/commands.h"
#include "client/exit_codes.h"

namespace bottled::client {
namespace {

using Handler = absl::Status (*)(const Context&);

struct Row {
  Command command;
  Handler handler;
  // Starts the daemon when there is none.
  bool starts;
};

constexpr Row kCommands[] = {
    {Command::kPack, RunPack, true},
    {Command::kWatch, RunWatch, true},
    {Command::kJobs, RunJobs, true},
    {Command::kCancel, RunCancel, true},
    {Command::kCacheList, RunCacheList, true},
    {Command::kCacheShow, RunCacheShow, true},
    {Command::kCacheRemove, RunCacheRemove, true},
    {Command::kCacheVerify, RunCacheVerify, true},
    {Command::kCachePin, RunCachePin, true},
    {Command::kCacheUnpin, RunCacheUnpin, true},
    {Command::kCacheHold, RunCacheHold, true},
    {Command::kCacheRelease, RunCacheRelease, true},
    {Command::kCacheLeases, RunCacheLeases, true},
    {Command::kCacheCollect, RunCacheCollect, true},
    {Command::kInfo, RunInfo, true},
    {Command::kSocket, RunSocket, true},
    {Command::kDaemonStart, RunDaemonStart, true},
    {Command::kDaemonStop, RunDaemonStop, false},
    {Command::kDaemonStatus, RunDaemonStatus, false},
    {Command::kDaemonLogs, RunDaemonLogs, false},
    {Command::kCompletion, RunCompletion, false},
    {Command::kVersion, RunVersion, false},
    {Command::kPrepare, RunPrepare, true},
    {Command::kPlan, RunPlan, true},
    {Command::kBottlesList, RunBottlesList, true},
    {Command::kBottlesShow, RunBottlesShow, true},
    {Command::kBottlesRemove, RunBottlesRemove, true},
    {Command::kBottlesConflict, RunBottlesConflict, true},
    {Command::kEvents, RunEvents, true},
    {Command::kDoctor, RunDoctor, true},
    {Command::kWarm, RunWarm, true},
    {Command::kWarmList, RunWarmList, true},
    {Command::kWarmRemove, RunWarmRemove, true},
    {Command::kWarmResume, RunWarmResume, true},
};

absl::Status RunCommand(const Options& options, const GetEnv& env,
                        const std::vector<std::string>& env_list, Output& out) {
  ASSIGN_OR_RETURN(Places places, Places::Resolve(env, options.places));
  for (const Row& row : kCommands) {
    if (row.command == options.command) {
      Session session({.places = std::move(places),
                       .given = options.places,
                       .env = env_list},
                      row.starts && !options.no_start);
      return row.handler({.options = options,
                          .env = env,
                          .env_list = env_list,
                          .session = session,
                          .out = out});
    }
  }
  return absl::InternalError("no such command");
}

}  // namespace

int Run(int argc, const char* const* argv, const GetEnv& env,
        const std::vector<std::string>& env_list) {
  const bool no_color = !env("NO_COLOR").value_or("").empty();
  const absl::StatusOr<ParsedOptions> parsed = ParseOptions(argc, argv);
  if (!parsed.ok()) {
    Output out(WantsJson(argc, argv), false, ColorMode::kAuto, no_color);
    out.Error(parsed.status());
    return ExitCodeFor(parsed.status());
  }
  const Options& options = parsed->options;
  Output out(options.json, options.quiet, options.color, no_color);
  if (!parsed->text.empty()) {
    out.Result(parsed->text);
    return ExitCodeFor(out.status());
  }
  absl::Status status = RunCommand(options, env, env_list, out);
  if (status.ok()) {
    status = out.status();
  }
  if (!status.ok()) {
    out.Error(status);
  }
  return ExitCodeFor(status);
}

}  // namespace bottled::client
