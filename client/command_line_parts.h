// Pieces of the command line that several commands have, and the commands of
// command_line_bottles.cc, command_line_leases.cc and command_line_warm.cc. For
// command_line*.cc alone.

#ifndef BOTTLED_CLIENT_COMMAND_LINE_PARTS_H_
#define BOTTLED_CLIENT_COMMAND_LINE_PARTS_H_

#include "CLI/App.hpp"
#include "client/options.h"

namespace bottled::client {

// A command whose being named sets options.command.
CLI::App* AddCommand(CLI::App& parent, Options& options, const char* name,
                     const char* help, Command command);

// An empty argument is never meant.
CLI::Validator NotEmpty();

// --build, with this help, and the builder's flags.
void AddBuild(CLI::App& command, Options& options, const char* help);

// --archive, with this help, and --ref.
void AddArchive(CLI::App& command, Options& options, const char* help);

// -H, --engine and --context.
void AddEngine(CLI::App& command, Options& options);

// --cpus and --memory.
void AddMachine(CLI::App& command, Options& options);

// --packer
void AddPacker(CLI::App& command, Options& options);

// --after
void AddAfter(CLI::App& command, Options& options);

// -q, --quiet
void AddQuiet(CLI::App& command, Options& options);

// The commands of `cache` that are about leases.
void AddLeaseCommands(CLI::App& cache, Options& options);
// warm. In command_line_warm.cc.
void AddWarmCommands(CLI::App& app, Options& options);

// prepare, plan, bottles, events and doctor.
void AddBottleCommands(CLI::App& app, Options& options);

}  // namespace bottled::client

#endif  // BOTTLED_CLIENT_COMMAND_LINE_PARTS_H_
