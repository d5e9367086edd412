#include "app/run.h"

#include <sys/stat.h>

#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include "app/daemon.h"
#include "app/exit_codes.h"
#include "app/options.h"
#include "app/version.h"
#include "app/watchdog.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "fmt/format.h"
#include "platform/notify.h"
#include "platform/signals.h"
#include "platform/supervisor.h"

namespace bottled {
namespace {

int ExitCodeFor(const absl::Status& status) {
  if (HasReason(status, "ALREADY_RUNNING")) {
    return kExitAlreadyRunning;
  }
  for (const char* reason : {"INDEX_TOO_NEW", "INDEX_FOREIGN", "BAD_PATH",
                             "BAD_CONFIG", "UNSAFE_DIRECTORY"}) {
    if (HasReason(status, reason)) {
      return kExitConfig;
    }
  }
  return HasReason(status, "BAD_FLAG") ? kExitUsage : kExitFailure;
}

int Fail(const absl::Status& status) {
  const ErrorDetail detail = GetErrorDetail(status);
  std::string text =
      fmt::format("bottled: {}\n", std::string(status.message()));
  if (!detail.remedy.empty()) {
    text += fmt::format("  hint: {}\n", detail.remedy);
  }
  std::fputs(text.c_str(), stderr);
  return ExitCodeFor(status);
}

}  // namespace

int RunDaemon(int argc, const char* const* argv) {
  if (IsSupervisor(argc, argv)) {
    return Supervise(argc, argv);
  }
  BlockSignals();
  // Nothing that this process makes is for others.
  ::umask(0077);
  const GetEnv env = ProcessEnv();
  const absl::StatusOr<ParsedOptions> parsed = ParseOptions(argc, argv, env);
  if (!parsed.ok()) {
    return Fail(parsed.status());
  }
  if (parsed->exit_now) {
    std::fputs(parsed->text.c_str(), stdout);
    return kExitOk;
  }
  // systemd and launchd add the time themselves.
  const bool supervised = env("INVOCATION_ID").has_value();
  if (!InitLogging(parsed->options.log_level, /*with_time=*/!supervised)) {
    return Fail(MakeError(absl::StatusCode::kInvalidArgument, "BAD_FLAG",
                          "Unknown log level " + parsed->options.log_level,
                          "Use debug, info, warn or error."));
  }
  absl::StatusOr<std::unique_ptr<Daemon>> daemon =
      Daemon::Start(parsed->options, Clock::System());
  if (!daemon.ok()) {
    return Fail(daemon.status());
  }
  Log("app")->info("bottled {} serves {}", kVersion,
                   (*daemon)->places().socket.string());
  {
    const Watchdog watchdog(env, [&daemon] { return (*daemon)->Healthy(); });
    NotifyServiceManager("READY=1\nSTATUS=Serving");
    const int signal = WaitForSignal();
    Log("app")->info("stopping on signal {}", signal);
  }
  NotifyServiceManager("STOPPING=1\nSTATUS=Draining");
  (*daemon)->Stop();
  return kExitOk;
}

}  // namespace bottled
