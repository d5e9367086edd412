#include "client/command_line.h"

#include <map>

#include "CLI/CLI.hpp"

namespace bottled::client {
namespace {

constexpr int kMaxCpus = 256;
constexpr int kMinMemoryMib = 64;
constexpr int kMaxMemoryMib = 1 << 20;
constexpr int kMaxLines = 1'000'000;

// A command whose being named sets options.command.
CLI::App* AddCommand(CLI::App& parent, Options& options, const char* name,
                     const char* help, Command command) {
  CLI::App* const app = parent.add_subcommand(name, help);
  app->callback([&options, command] { options.command = command; });
  return app;
}

// An empty argument is never meant.
CLI::Validator NotEmpty() {
  return {[](const std::string& text) {
            return text.empty() ? std::string("must not be empty")
                                : std::string();
          },
          ""};
}

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

void AddBuild(CLI::App& pack, Options& options) {
  pack.add_option("--build", options.build,
                  "Build this directory first; IMAGE names the result")
      ->type_name("CONTEXT")
      ->check(NotEmpty());
  pack.add_option("-f,--file", options.dockerfile,
                  "The Dockerfile, if it is not CONTEXT/Dockerfile")
      ->type_name("FILE")
      ->check(NotEmpty());
  // One value each: a list would swallow IMAGE.
  pack.add_option("--build-arg", options.build_args,
                  "NAME=VALUE, or NAME to take it from the environment")
      ->type_name("ARG")
      ->allow_extra_args(false);
  pack.add_option("--target", options.target, "The stage to build")
      ->type_name("STAGE");
  pack.add_option("--platform", options.platform, "The platform to build for")
      ->type_name("PLATFORM");
  pack.add_option("--secret", options.secrets, "As for docker buildx build")
      ->type_name("SPEC")
      ->allow_extra_args(false);
  pack.add_option("--ssh", options.ssh, "As for docker buildx build")
      ->type_name("SPEC")
      ->allow_extra_args(false);
  pack.add_flag("--pull", options.pull, "Look for newer base images");
  pack.add_flag("--no-cache", options.no_cache, "Build every step anew");
}

void AddPack(CLI::App& app, Options& options) {
  CLI::App* const pack = AddCommand(
      app, options, "pack", "Make an artifact of an image and print its path",
      Command::kPack);
  pack->add_option("image", options.image, "An image that the engine has")
      ->type_name("IMAGE");
  AddBuild(*pack, options);
  pack->add_option("--archive", options.archive,
                   "A `docker save` or OCI tar file; - is standard input")
      ->type_name("FILE")
      ->check(NotEmpty());
  pack->add_option("--ref", options.reference,
                   "Which image of the archive, if it has several")
      ->type_name("NAME")
      ->check(NotEmpty());
  CLI::Option* const engine =
      pack->add_option("-H,--engine", options.engine,
                       "Address of the engine (unix://, tcp://, ssh://)")
          ->type_name("ADDRESS")
          ->check(NotEmpty());
  pack->add_option("--context", options.engine, "docker context to use")
      ->type_name("NAME")
      ->check(NotEmpty())
      ->excludes(engine);
  pack->add_flag("--force", options.force, "Make it even if it is cached");
  pack->add_option("--packer", options.packer, "auto or native")
      ->type_name("PACKER")
      ->check(CLI::IsMember({"auto", "native"}).description(""));
  pack->add_option("--cpus", options.cpus, "The machine's default processors")
      ->type_name("N")
      ->check(CLI::Range(1, kMaxCpus).description(""));
  pack->add_option("--memory", options.memory_mib,
                   "The machine's default memory in MiB")
      ->type_name("MIB")
      ->check(CLI::Range(kMinMemoryMib, kMaxMemoryMib).description(""));
  pack->add_flag("-d,--detach", options.detach,
                 "Print the job's id (or the cached path) and leave");
  pack->add_flag("-q,--quiet", options.quiet, "No progress on stderr");
}

void AddJobs(CLI::App& app, Options& options) {
  CLI::App* const watch =
      AddCommand(app, options, "watch", "Follow a job and print its artifact",
                 Command::kWatch);
  watch->add_option("job", options.job_id, "The job's id")
      ->type_name("JOB")
      ->required()
      ->check(NotEmpty());
  watch
      ->add_option("--after", options.after_seq,
                   "Only events with a greater number")
      ->type_name("N")
      ->check(CLI::NonNegativeNumber.description(""));
  watch->add_flag("-q,--quiet", options.quiet, "No progress on stderr");

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
  CLI::App* const verify =
      AddCommand(*cache, options, "verify", "Read artifacts again and compare",
                 Command::kCacheVerify);
  digests(verify);
  verify->add_flag("--deep", options.deep, "Also decompress everything");
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
      "Makes .smolmachine artifacts of local container images, through the "
      "daemon bottled.",
      "bottlectl");
  app->require_subcommand(1);
  // Global flags are taken behind a command as well.
  app->fallthrough();
  AddGlobals(*app, options);
  AddPack(*app, options);
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
