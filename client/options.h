// The command line of bottlectl, as plain data.

#ifndef BOTTLED_CLIENT_OPTIONS_H_
#define BOTTLED_CLIENT_OPTIONS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "client/output.h"
#include "platform/places.h"

namespace bottled::client {

enum class Command {
  kNone,
  kPack,
  kWatch,
  kJobs,
  kCancel,
  kCacheList,
  kCacheShow,
  kCacheRemove,
  kCacheVerify,
  kCachePin,
  kCacheUnpin,
  kCacheHold,
  kCacheRelease,
  kCacheLeases,
  kCacheCollect,
  kInfo,
  kSocket,
  kDaemonStart,
  kDaemonStop,
  kDaemonStatus,
  kDaemonLogs,
  kCompletion,
  kVersion,
  kPrepare,
  kPlan,
  kBottlesList,
  kBottlesShow,
  kBottlesRemove,
  kBottlesConflict,
  kEvents,
  kDoctor,
  kWarm,
  kWarmList,
  kWarmRemove,
  kWarmResume,
};

// How `prepare --argv` prints smolvm's command line.
enum class ArgvFormat {
  kNone,
  // One line for a POSIX shell.
  kShell,
  // Each word with a NUL byte behind it.
  kNul,
};

// Fields that a command does not have keep their defaults.
struct Options {
  Command command = Command::kNone;

  // For every command.
  bool json = false;
  bool no_start = false;
  ColorMode color = ColorMode::kAuto;
  PlaceOverrides places;

  // pack; prepare has most of it
  std::string image;
  std::string archive;
  std::string reference;
  std::string engine;
  // The context; then `image` is the name that the result keeps.
  std::string build;
  std::string dockerfile;
  std::vector<std::string> build_args;
  std::string target;
  std::string platform;
  std::vector<std::string> secrets;
  std::vector<std::string> ssh;
  bool pull = false;
  bool no_cache = false;
  std::string packer = "auto";
  bool force = false;
  bool detach = false;
  bool quiet = false;
  int cpus = 0;
  int memory_mib = 0;

  // watch, cancel; after_seq is for events too
  std::string job_id;
  int64_t after_seq = 0;

  // jobs, cache verify
  bool all = false;

  // cache
  std::vector<std::string> digests;
  bool deep = false;
  bool repair = false;
  bool dry_run = false;
  std::string note;
  // cache hold; 0 and empty when not given
  std::string holder;
  int64_t hold_seconds = 0;
  int64_t hold_pid = 0;
  std::vector<std::string> words;
  // cache release
  std::vector<std::string> lease_ids;

  // socket
  bool start = false;

  // daemon logs
  bool follow = false;
  int lines = 50;

  // completion
  std::string shell;

  // prepare, plan
  std::string agent;
  std::string resume;
  std::vector<std::string> bottles;
  std::string cwd;
  bool copy_cwd = false;
  // "bridge", "loopback", or empty for what the engine needs.
  std::string endpoint;
  // prepare
  bool rebuild = false;
  bool no_pack = false;
  ArgvFormat argv = ArgvFormat::kNone;
  // The machine's name.
  std::string verify;
  // plan
  bool explain = false;

  // warm
  std::vector<std::string> images;
  std::vector<std::string> agents;
  bool keep = false;
  // IDs or names.
  std::vector<std::string> targets;

  // bottles
  std::vector<std::string> slugs;
  std::string subnet;
};

// What to do about a command line.
struct ParsedOptions {
  Options options;
  // Not empty: print it to standard output and exit 0.
  std::string text;
};

// Reads the command line; USAGE when it makes no sense. `argv[0]` is skipped.
// Pure.
absl::StatusOr<ParsedOptions> ParseOptions(int argc, const char* const* argv);

// Whether --json is among the arguments, for command lines that make no sense.
bool WantsJson(int argc, const char* const* argv);

// A completion script for "bash", "zsh" or "fish", made from the commands and
// flags themselves.
std::string CompletionScript(std::string_view shell);

}  // namespace bottled::client

#endif  // BOTTLED_CLIENT_OPTIONS_H_
