// The commands. Each prints its result and returns OK, or returns an error,
// which run.cc prints and turns into the exit code.

#ifndef BOTTLED_CLIENT_COMMANDS_H_
#define BOTTLED_CLIENT_COMMANDS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "client/options.h"
#include "client/output.h"
#include "client/session.h"

namespace bottled::client {

struct Context {
  const Options& options;
  const GetEnv& env;
  // The same environment, as a list.
  const std::vector<std::string>& env_list;
  Session& session;
  Output& out;
};

// command_pack.cc
absl::Status RunPack(const Context& context);
absl::Status RunWatch(const Context& context);

// command_prepare.cc
absl::Status RunPrepare(const Context& context);
absl::Status RunPlan(const Context& context);

// command_bottles.cc
absl::Status RunBottlesList(const Context& context);
absl::Status RunBottlesShow(const Context& context);
absl::Status RunBottlesRemove(const Context& context);
absl::Status RunBottlesConflict(const Context& context);

// command_events.cc
absl::Status RunEvents(const Context& context);

// command_doctor.cc
absl::Status RunDoctor(const Context& context);

// command_jobs.cc
absl::Status RunJobs(const Context& context);
absl::Status RunCancel(const Context& context);

// command_cache.cc
absl::Status RunCacheList(const Context& context);
absl::Status RunCacheShow(const Context& context);
absl::Status RunCacheRemove(const Context& context);
absl::Status RunCacheVerify(const Context& context);
absl::Status RunCachePin(const Context& context);
absl::Status RunCacheUnpin(const Context& context);
absl::Status RunCacheCollect(const Context& context);

// command_lease.cc
absl::Status RunCacheHold(const Context& context);
absl::Status RunCacheRelease(const Context& context);
absl::Status RunCacheLeases(const Context& context);

// command_warm.cc
absl::Status RunWarm(const Context& context);
absl::Status RunWarmList(const Context& context);
absl::Status RunWarmRemove(const Context& context);
absl::Status RunWarmResume(const Context& context);

// command_info.cc
absl::Status RunInfo(const Context& context);
absl::Status RunSocket(const Context& context);
absl::Status RunVersion(const Context& context);
absl::Status RunCompletion(const Context& context);

// command_daemon.cc
absl::Status RunDaemonStart(const Context& context);
absl::Status RunDaemonStop(const Context& context);
absl::Status RunDaemonStatus(const Context& context);
absl::Status RunDaemonLogs(const Context& context);

}  // namespace bottled::client

#endif  // BOTTLED_CLIENT_COMMANDS_H_
