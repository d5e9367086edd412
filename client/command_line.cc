#include "client/command_line.h"

#include <map>

#include "CLI/CLI.hpp"
#include "client/command_line_parts.h"

namespace bottled::client {
namespace {

constexpr int kMaxLines = 1'000'000;

void AddGlobals(CLI::App& app, Options& options) {
  const std::map<std::string, ColorMode> colors = {
      {"auto", ColorMode::kAuto},
      {"always", ColorMode::kAlways},
      {"never", ColorMode::kNever}};
  app.add_flag("--json", options.json,
               "One JSON object per line on standard output");
  app.add_flag("--no-start", options.no_start,
               "Do not start the daemon when it does not run");
  app.add_option("--socket", options.places.socket, "The daemon's socket")
      ->type_name("PATH")
      ->check(NotEmpty());
  app.add_option("--state-dir", options.places.state_dir,
                 "For a daemon that is started")
      ->type_name("DIR")
      ->check(NotEmpty());
  app.add_option("--cache-dir", options.places.cache_dir,
                 "For a daemon that is started")
      ->type_name("DIR")
      ->check(NotEmpty());
  app.add_option("--color", options.color, "auto, always or never")
      ->type_name("WHEN")
      ->transform(CLI::CheckedTransformer(colors).description(""));
}

void AddPack(CLI::App& app, Options& options) {
  CLI::App* const pack = AddCommand(
      app, options, "pack", "Make an artifact of an image and print its path",
      Command::kPack);
  pack->add_option("image", options.image, "An image that the engine has")
      ->type_name("IMAGE");
  AddBuild(*pack, options,
           "Build this directory first; IMAGE names the result");
  AddArchive(*pack, options,
             "A `docker save` or OCI tar file; - is standard input");
  AddEngine(*pack, options);
  pack->add_flag("--force", options.force, "Make it even if it is cached");
  AddPacker(*pack, options);
  AddMachine(*pack, options);
  pack->add_flag("-d,--detach", options.detach,
                 "Print the job's id (or the cached path) and leave");
  AddQuiet(*pack, options);
}

void AddJobs(CLI::App& app, Options& options) {
  CLI::App* const watch =
      AddCommand(app, options, "watch", "Follow a job and print its artifact",
                 Command::kWatch);
  watch->add_option("job", options.job_id, "The job's id")
      ->type_name("JOB")
      ->required()
      ->check(NotEmpty());
  AddAfter(*watch, options);
  AddQuiet(*watch, options);

  CLI::App* const jobs =
      AddCommand(app, options, "jobs", "List jobs", Command::kJobs);
  jobs->add_flag("-a,--all", options.all, "Also those that have ended");

  CLI::App* const cancel =
      AddCommand(app, options, "cancel", "Stop a job", Command::kCancel);
  cancel->add_option("job", options.job_id, "The job's id")
      ->type_name("JOB")
      ->required()
      ->check(NotEmpty());
  cancel->add_flag("--force", options.force,
                   "Also when several callers wait for it");
}

void AddCache(CLI::App& app, Options& options) {
  CLI::App* const cache =
      app.add_subcommand("cache", "Look after the artifacts");
  cache->require_subcommand(1);
  AddCommand(*cache, options, "ls", "List artifacts", Command::kCacheList);
  const auto digests = [&options](CLI::App* command) {
    return command
        ->add_option("digest", options.digests,
                     "Digest, or its first six digits or more")
        ->type_name("DIGEST")
        ->check(NotEmpty());
  };
  CLI::App* const show = AddCommand(
      *cache, options, "show", "All about one artifact", Command::kCacheShow);
  digests(show)->required()->expected(1);
  CLI::App* const remove = AddCommand(*cache, options, "rm", "Delete artifacts",
                                      Command::kCacheRemove);
  digests(remove)->required();
  remove->add_flag("--force", options.force, "Even if somebody holds them");
  CLI::App* const pin =
      AddCommand(*cache, options, "pin", "Keep artifacts until unpinned",
                 Command::kCachePin);
  digests(pin)->required();
  pin->add_option("--note", options.note, "Why, for people")->type_name("TEXT");
  CLI::App* const unpin = AddCommand(
      *cache, options, "unpin", "Keep them no longer", Command::kCacheUnpin);
  digests(unpin)->required();
  AddLeaseCommands(*cache, options);
  CLI::App* const collect =
      AddCommand(*cache, options, "gc", "Bring the cache within its limits now",
                 Command::kCacheCollect);
  collect->add_flag("-n,--dry-run", options.dry_run,
                    "Only say what would go, and why the rest stays");
  CLI::App* const verify =
      AddCommand(*cache, options, "verify", "Read artifacts again and compare",
                 Command::kCacheVerify);
  CLI::Option* const some = digests(verify);
  verify->add_flag("--all", options.all, "All of them, as without DIGEST")
      ->excludes(some);
  verify->add_flag("--deep", options.deep, "Also decompress everything");
  verify
      ->add_flag("--repair", options.repair,
                 "Then make files and index agree, and say what was done")
      ->excludes(some);
}

void AddDaemon(CLI::App& app, Options& options) {
  AddCommand(app, options, "info", "What the daemon is and has",
             Command::kInfo);
  CLI::App* const socket = AddCommand(
      app, options, "socket", "Print the path of the socket", Command::kSocket);
  socket->add_flag("--start", options.start,
                   "Start the daemon when it does not run");

  CLI::App* const daemon =
      app.add_subcommand("daemon", "Start and stop the daemon");
  daemon->require_subcommand(1);
  AddCommand(*daemon, options, "start", "Start it, if it does not run",
             Command::kDaemonStart);
  AddCommand(*daemon, options, "stop", "Stop it, after its jobs",
             Command::kDaemonStop);
  AddCommand(*daemon, options, "status", "Does it run?",
             Command::kDaemonStatus);
  CLI::App* const logs = AddCommand(*daemon, options, "logs", "Print its log",
                                    Command::kDaemonLogs);
  logs->add_flag("-f,--follow", options.follow, "Go on as it grows");
  logs->add_option("-n,--lines", options.lines, "How many lines")
      ->type_name("N")
      ->capture_default_str()
      ->check(CLI::Range(0, kMaxLines).description(""));
}

}  // namespace

std::unique_ptr<CLI::App> MakeCommandLine(Options& options,
                                          std::vector<std::string>& help_path) {
  auto app = std::make_unique<CLI::App>(
      "Makes .smolmachine artifacts of local container images, and plans of "
      "bottles that run them, through the daemon bottled.",
      "bottlectl");
  app->require_subcommand(1);
  // Global flags are taken behind a command as well.
  app->fallthrough();
  AddGlobals(*app, options);
  AddPack(*app, options);
  AddBottleCommands(*app, options);
  AddWarmCommands(*app, options);
  AddJobs(*app, options);
  AddCache(*app, options);
  AddDaemon(*app, options);
  CLI::App* const completion =
      AddCommand(*app, options, "completion", "Print a completion script",
                 Command::kCompletion);
  completion->add_option("shell", options.shell, "bash, zsh or fish")
      ->type_name("SHELL")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}).description(""));
  AddCommand(*app, options, "version", "Print the releases of both programs",
             Command::kVersion);
  app->add_subcommand("help", "Help about a command")
      ->add_option("command", help_path)
      ->type_name("COMMAND");
  return app;
}

}  // namespace bottled::client
