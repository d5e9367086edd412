#include "client/command_line_parts.h"

#include "CLI/CLI.hpp"

namespace bottled::client {
namespace {

constexpr int kMaxCpus = 256;
constexpr int kMinMemoryMib = 64;
constexpr int kMaxMemoryMib = 1 << 20;

}  // namespace

CLI::App* AddCommand(CLI::App& parent, Options& options, const char* name,
                     const char* help, Command command) {
  CLI::App* const app = parent.add_subcommand(name, help);
  app->callback([&options, command] { options.command = command; });
  return app;
}

CLI::Validator NotEmpty() {
  return {[](const std::string& text) {
            return text.empty() ? std::string("must not be empty")
                                : std::string();
          },
          ""};
}

void AddBuild(CLI::App& command, Options& options, const char* help) {
  command.add_option("--build", options.build, help)
      ->type_name("CONTEXT")
      ->check(NotEmpty());
  command
      .add_option("-f,--file", options.dockerfile,
                  "The Dockerfile, if it is not CONTEXT/Dockerfile")
      ->type_name("FILE")
      ->check(NotEmpty());
  // One value each: a list would swallow IMAGE.
  command
      .add_option("--build-arg", options.build_args,
                  "NAME=VALUE, or NAME to take it from the environment")
      ->type_name("ARG")
      ->allow_extra_args(false);
  command.add_option("--target", options.target, "The stage to build")
      ->type_name("STAGE");
  command
      .add_option("--platform", options.platform, "The platform to build for")
      ->type_name("PLATFORM");
  command.add_option("--secret", options.secrets, "As for docker buildx build")
      ->type_name("SPEC")
      ->allow_extra_args(false);
  command.add_option("--ssh", options.ssh, "As for docker buildx build")
      ->type_name("SPEC")
      ->allow_extra_args(false);
  command.add_flag("--pull", options.pull, "Look for newer base images");
  command.add_flag("--no-cache", options.no_cache, "Build every step anew");
}

void AddArchive(CLI::App& command, Options& options, const char* help) {
  command.add_option("--archive", options.archive, help)
      ->type_name("FILE")
      ->check(NotEmpty());
  command
      .add_option("--ref", options.reference,
                  "Which image of the archive, if it has several")
      ->type_name("NAME")
      ->check(NotEmpty());
}

void AddEngine(CLI::App& command, Options& options) {
  CLI::Option* const engine =
      command
          .add_option("-H,--engine", options.engine,
                      "Address of the engine (unix://, tcp://, ssh://)")
          ->type_name("ADDRESS")
          ->check(NotEmpty());
  command.add_option("--context", options.engine, "docker context to use")
      ->type_name("NAME")
      ->check(NotEmpty())
      ->excludes(engine);
}

void AddMachine(CLI::App& command, Options& options) {
  command
      .add_option("--cpus", options.cpus, "The machine's default processors")
      ->type_name("N")
      ->check(CLI::Range(1, kMaxCpus).description(""));
  command
      .add_option("--memory", options.memory_mib,
                  "The machine's default memory in MiB")
      ->type_name("MIB")
      ->check(CLI::Range(kMinMemoryMib, kMaxMemoryMib).description(""));
}

void AddPacker(CLI::App& command, Options& options) {
  command
      .add_option("--packer", options.packer, "auto, native, smolvm or push")
      ->type_name("PACKER")
      ->check(
          CLI::IsMember({"auto", "native", "smolvm", "push"}).description(""));
}

void AddAfter(CLI::App& command, Options& options) {
  command
      .add_option("--after", options.after_seq,
                  "Only events with a greater number")
      ->type_name("N")
      ->check(CLI::NonNegativeNumber.description(""));
}

void AddQuiet(CLI::App& command, Options& options) {
  command.add_flag("-q,--quiet", options.quiet, "No progress on stderr");
}

}  // namespace bottled::client
