#include <map>

#include "CLI/CLI.hpp"
#include "client/command_line_parts.h"

namespace bottled::client {
namespace {

// Which bottle, for whom.
void AddSelection(CLI::App& command, Options& options) {
  command.add_option("agent", options.agent, "The agent of a new bottle")
      ->type_name("AGENT")
      ->check(NotEmpty());
  command
      .add_option("--resume", options.resume,
                  "A bottle that exists, in place of AGENT")
      ->type_name("SLUG")
      ->check(NotEmpty());
  // One value each: a list would swallow AGENT.
  command
      .add_option("--bottle", options.bottles,
                  "In place of the agent's own bottles; once for each")
      ->type_name("BOTTLE")
      ->allow_extra_args(false)
      ->check(NotEmpty());
  command
      .add_option("--cwd", options.cwd,
                  "The agent's directory, if it is not the current one")
      ->type_name("DIR")
      ->check(NotEmpty());
  command.add_flag("--copy-cwd", options.copy_cwd,
                   "The launcher shall copy that directory into the guest");
  command
      .add_option("--endpoint", options.endpoint,
                  "bridge or loopback; else as the engine needs it")
      ->type_name("MODE")
      ->check(CLI::IsMember({"bridge", "loopback"}).description(""));
  AddEngine(command, options);
}

void AddPrepare(CLI::App& app, Options& options) {
  CLI::App* const prepare =
      AddCommand(app, options, "prepare",
                 "Make all that a bottle needs and print the path of its plan",
                 Command::kPrepare);
  AddSelection(*prepare, options);
  prepare
      ->add_option("--image", options.image,
                   "An image that the engine has, in place of the manifest's")
      ->type_name("IMAGE")
      ->check(NotEmpty());
  AddBuild(*prepare, options,
           "Build this directory in place of the manifest's");
  AddArchive(
      *prepare, options,
      "A `docker save` or OCI tar file in place of the manifest's image");
  AddPacker(*prepare, options);
  AddMachine(*prepare, options);
  prepare->add_flag("--rebuild", options.rebuild,
                    "Build the image even if its context looks the same");
  prepare->add_flag("--no-pack", options.no_pack,
                    "Everything but the artifact");
  const std::map<std::string, ArgvFormat> formats = {
      {"shell", ArgvFormat::kShell}, {"nul", ArgvFormat::kNul}};
  prepare
      ->add_flag("--argv{shell}", options.argv,
                 "Print smolvm's command line instead: --argv for a shell, "
                 "--argv=nul with NUL bytes")
      ->transform(CLI::CheckedTransformer(formats).description(""));
  prepare
      ->add_option("--verify", options.verify,
                   "Check that smolvm's machine of this name is as planned")
      ->type_name("MACHINE")
      ->check(NotEmpty());
  prepare->add_flag("-d,--detach", options.detach,
                    "Print the job's id (or the plan's path) and leave");
  AddQuiet(*prepare, options);
}

void AddPlan(CLI::App& app, Options& options) {
  CLI::App* const plan =
      AddCommand(app, options, "plan",
                 "Show what prepare would do; nothing is reserved or written",
                 Command::kPlan);
  AddSelection(*plan, options);
  plan->add_flag("--explain", options.explain,
                 "Show the policy, and which line each part comes from");
}

void AddBottles(CLI::App& app, Options& options) {
  CLI::App* const bottles =
      app.add_subcommand("bottles", "Look after prepared bottles");
  bottles->require_subcommand(1);
  AddCommand(*bottles, options, "ls", "List bottles", Command::kBottlesList);
  const auto slugs = [&options](CLI::App* command) {
    return command->add_option("slug", options.slugs, "The bottle's name")
        ->type_name("SLUG")
        ->required()
        ->check(NotEmpty());
  };
  slugs(AddCommand(*bottles, options, "show", "All about one bottle",
                   Command::kBottlesShow))
      ->expected(1);
  slugs(AddCommand(*bottles, options, "rm",
                   "Delete bottles: files and addresses, no machines",
                   Command::kBottlesRemove));
  CLI::App* const conflict = AddCommand(
      *bottles, options, "conflict",
      "docker refused its subnet: give it another one and print that",
      Command::kBottlesConflict);
  // Else it would swallow SUBNET.
  slugs(conflict)->expected(1)->allow_extra_args(false);
  conflict->add_option("subnet", options.subnet, "The subnet that was refused")
      ->type_name("SUBNET")
      ->required()
      ->check(NotEmpty());
  AddEngine(*conflict, options);
}

}  // namespace

void AddBottleCommands(CLI::App& app, Options& options) {
  AddPrepare(app, options);
  AddPlan(app, options);
  AddBottles(app, options);
  CLI::App* const events =
      AddCommand(app, options, "events",
                 "Print changes of jobs, artifacts and bottles until Ctrl-C",
                 Command::kEvents);
  AddAfter(*events, options);
  CLI::App* const doctor =
      AddCommand(app, options, "doctor", "Look at everything that bottles need",
                 Command::kDoctor);
  AddEngine(*doctor, options);
}

}  // namespace bottled::client
