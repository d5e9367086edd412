#include "CLI/CLI.hpp"
#include "client/command_line_parts.h"

namespace bottled::client {
namespace {

// What is to be prepared, and how.
void AddWarmSources(CLI::App& command, Options& options) {
  command.add_option("image", options.images, "Images that the engine has")
      ->type_name("IMAGE")
      ->check(NotEmpty());
  AddBuild(command, options,
           "Build this directory; one IMAGE names the result");
  // One value each: a list would swallow IMAGE.
  command
      .add_option("--agent", options.agents,
                  "What prepare would take for this agent; once for each")
      ->type_name("AGENT")
      ->allow_extra_args(false)
      ->check(NotEmpty());
  command
      .add_option("--bottle", options.bottles,
                  "In place of the agents' own bottles; once for each")
      ->type_name("BOTTLE")
      ->allow_extra_args(false)
      ->check(NotEmpty());
  command
      .add_option("--cwd", options.cwd,
                  "The agents' directory, if it is not the current one")
      ->type_name("DIR")
      ->check(NotEmpty());
  AddEngine(command, options);
  AddPacker(command, options);
  AddMachine(command, options);
}

}  // namespace

void AddWarmCommands(CLI::App& app, Options& options) {
  CLI::App* const warm = app.add_subcommand(
      "warm", "Make artifacts in the background, before somebody asks");
  // A command of its own comes before this.
  warm->callback([&options, warm] {
    if (warm->get_subcommands().empty()) {
      options.command = Command::kWarm;
    }
  });
  AddWarmSources(*warm, options);
  warm->add_flag("--keep", options.keep,
                 "From now on: again whenever something has changed");
  CLI::App* const add = warm->add_subcommand("add", "The same as warm --keep");
  add->callback([&options] {
    options.command = Command::kWarm;
    options.keep = true;
  });
  AddWarmSources(*add, options);
  AddCommand(*warm, options, "ls", "List what is kept warm, and why not",
             Command::kWarmList);
  const auto targets = [&options](CLI::App* command) {
    command
        ->add_option("target", options.targets,
                     "ID, or a name that only one target has")
        ->type_name("TARGET")
        ->required()
        ->check(NotEmpty());
  };
  targets(AddCommand(*warm, options, "rm", "Keep them warm no longer",
                     Command::kWarmRemove));
  targets(AddCommand(*warm, options, "resume",
                     "Go on with targets that are paused, and look now",
                     Command::kWarmResume));
}

}  // namespace bottled::client
