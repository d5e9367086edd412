#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <string_view>
#include <thread>

#include "base/status_macros.h"
#include "base/strings.h"
#include "bottled/v1/bottled.pb.h"
#include "client/commands.h"
#include "client/errors.h"
#include "client/json.h"
#include "client/log_file.h"
#include "fmt/format.h"

namespace bottled::client {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

// Longer than the daemon's default time for draining its jobs.
constexpr seconds kStopTimeout(45);
constexpr milliseconds kStopPoll(20);
constexpr milliseconds kLogPoll(200);

void PrintDaemon(const v1::GetInfoResponse& info, Output& out) {
  if (out.json()) {
    out.JsonLine("daemon", fmt::format("{{\"running\":true,\"pid\":{},"
                                       "\"version\":{},\"socket\":{}}}",
                                       info.pid(), JsonString(info.version()),
                                       JsonString(info.socket_path())));
  } else {
    out.Result(fmt::format("bottled {} runs (pid {}) on {}\n",
                           Printable(info.version()), info.pid(),
                           Printable(info.socket_path())));
  }
}

absl::Status PrintRunning(const Context& context) {
  ASSIGN_OR_RETURN(const v1::GetInfoResponse info,
                   context.session.Call<v1::GetInfoResponse>(
                       "GetInfo", v1::GetInfoRequest()));
  PrintDaemon(info, context.out);
  return absl::OkStatus();
}

// The daemon holds the lock of its state directory until its very end.
bool LockIsFree(const std::string& state_dir) {
  Places places;
  places.state_dir = state_dir;
  const Fd fd(::open(places.lock().c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  return !fd.valid() || ::flock(fd.get(), LOCK_SH | LOCK_NB) == 0;
}

void PrintLog(std::string_view text, Output& out) {
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const std::string line = Printable(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (out.json()) {
      out.JsonLine("line", JsonString(line));
    } else {
      out.Result(line + "\n");
    }
  }
}

}  // namespace

absl::Status RunDaemonStart(const Context& context) {
  return PrintRunning(context);
}

absl::Status RunDaemonStatus(const Context& context) {
  return PrintRunning(context);
}

absl::Status RunDaemonStop(const Context& context) {
  ASSIGN_OR_RETURN(const v1::GetInfoResponse info,
                   context.session.Call<v1::GetInfoResponse>(
                       "GetInfo", v1::GetInfoRequest()));
  if (info.pid() <= 1 || context.session.peer().pid != info.pid()) {
    return DaemonManaged();
  }
  if (::kill(info.pid(), SIGTERM) != 0 && errno != ESRCH) {
    return ErrnoError(errno, fmt::format("stop process {}", info.pid()));
  }
  // It would wait for us.
  context.session.Disconnect();
  const auto deadline = steady_clock::now() + kStopTimeout;
  while (!HasReason(ConnectDaemon(context.session.places().socket).status(),
                    "DAEMON_NOT_RUNNING") ||
         !LockIsFree(info.state_dir())) {
    if (steady_clock::now() >= deadline) {
      return DaemonStillRunning(info.pid(),
                                static_cast<int>(kStopTimeout.count()));
    }
    std::this_thread::sleep_for(kStopPoll);
  }
  if (context.out.json()) {
    context.out.JsonLine("daemon", JsonObject("running", "false"));
  } else {
    context.out.Info(fmt::format("stopped (pid {})", info.pid()));
  }
  return absl::OkStatus();
}

absl::Status RunDaemonLogs(const Context& context) {
  LogReader reader(context.session.places().daemon_log());
  absl::StatusOr<std::string> text =
      reader.Tail(static_cast<size_t>(context.options.lines));
  if (absl::IsNotFound(text.status())) {
    return MakeError(absl::StatusCode::kNotFound, "LOG_NOT_FOUND",
                     std::string(text.status().message()),
                     "Only a daemon that bottlectl started has a log there. "
                     "Under systemd: journalctl --user -u bottled");
  }
  RETURN_IF_ERROR(text.status());
  PrintLog(*text, context.out);
  // Until Ctrl-C, or until nobody reads.
  std::string rest;
  while (context.options.follow && context.out.status().ok()) {
    ASSIGN_OR_RETURN(const std::string more, reader.More());
    if (more.empty()) {
      std::this_thread::sleep_for(kLogPoll);
      continue;
    }
    // Whole lines only: a piece may end anywhere.
    rest += more;
    const size_t end = rest.rfind('\n');
    if (end != std::string::npos) {
      PrintLog(std::string_view(rest).substr(0, end + 1), context.out);
      rest.erase(0, end + 1);
    }
  }
  return absl::OkStatus();
}

}  // namespace bottled::client
