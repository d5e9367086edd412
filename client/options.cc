#include "client/options.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>

#include "CLI/CLI.hpp"
#include "base/status_macros.h"
#include "client/command_line.h"
#include "client/completion.h"
#include "client/errors.h"

namespace bottled::client {
namespace {

// "pack" of "bottlectl pack": the innermost command that was named.
CLI::App* Innermost(CLI::App* app) {
  while (!app->get_subcommands().empty()) {
    app = app->get_subcommands().front();
  }
  return app;
}

absl::StatusOr<std::string> HelpFor(const std::vector<std::string>& path) {
  // A new one: that which parsed "help" would help about "help".
  Options options;
  std::vector<std::string> unused;
  const std::unique_ptr<CLI::App> app = MakeCommandLine(options, unused);
  CLI::App* found = app.get();
  for (const std::string& name : path) {
    try {
      found = found->get_subcommand(name);
    } catch (const CLI::OptionNotFound&) {
      return UsageError("there is no command \"" + name + "\"");
    }
  }
  return found->help();
}

// What pack and prepare have in common.
absl::Status CheckSource(const Options& options) {
  if (options.build.empty() &&
      (!options.dockerfile.empty() || !options.build_args.empty() ||
       !options.target.empty() || !options.platform.empty() ||
       !options.secrets.empty() || !options.ssh.empty() || options.pull ||
       options.no_cache)) {
    return UsageError("the builder's flags need --build CONTEXT");
  }
  if (!options.build.empty() && !options.archive.empty()) {
    return UsageError("--build and --archive exclude each other");
  }
  if (!options.reference.empty() && options.archive.empty()) {
    return UsageError("--ref chooses an image in an --archive");
  }
  return absl::OkStatus();
}

absl::Status CheckPack(const Options& options) {
  RETURN_IF_ERROR(CheckSource(options));
  if (options.build.empty()) {
    if (options.image.empty() == options.archive.empty()) {
      return UsageError(
          "pack takes an IMAGE, --build CONTEXT or --archive FILE");
    }
  }
  if (!options.archive.empty() && !options.engine.empty()) {
    return UsageError("an --archive needs no engine");
  }
  if (options.detach && options.archive == "-") {
    return UsageError("--detach cannot leave while standard input is read");
  }
  return absl::OkStatus();
}

// Which bottle: prepare and plan.
absl::Status CheckBottle(const Options& options) {
  if (options.agent.empty() == options.resume.empty()) {
    return UsageError("either an AGENT or --resume SLUG is needed");
  }
  if (!options.resume.empty() &&
      (!options.bottles.empty() || !options.cwd.empty() || options.copy_cwd)) {
    return UsageError(
        "with --resume, bottles and directory are those that it was made with");
  }
  return absl::OkStatus();
}

absl::Status CheckPrepare(const Options& options) {
  RETURN_IF_ERROR(CheckBottle(options));
  RETURN_IF_ERROR(CheckSource(options));
  const bool fixed = !options.image.empty() || !options.archive.empty();
  if (!options.image.empty() &&
      (!options.build.empty() || !options.archive.empty())) {
    return UsageError("--image, --build and --archive exclude each other");
  }
  if (options.archive == "-") {
    return UsageError("prepare reads no archive from standard input");
  }
  if (options.rebuild && fixed) {
    return UsageError("--rebuild is for images that are built");
  }
  if (options.no_pack &&
      (fixed || !options.build.empty() || options.rebuild || options.detach ||
       options.cpus != 0 || options.memory_mib != 0)) {
    return UsageError("--no-pack makes no artifact, whatever of");
  }
  if (options.argv != ArgvFormat::kNone && options.json) {
    return UsageError("--argv and --json exclude each other");
  }
  if (options.detach &&
      (options.argv != ArgvFormat::kNone || !options.verify.empty())) {
    return UsageError("--detach leaves before there is a whole plan");
  }
  return absl::OkStatus();
}

absl::Status CheckWarm(const Options& options) {
  RETURN_IF_ERROR(CheckSource(options));
  if (options.images.empty() && options.agents.empty() &&
      options.build.empty()) {
    return UsageError(
        "warm takes IMAGEs, --build CONTEXT, --agent NAME, or a command");
  }
  if (!options.build.empty() && options.images.size() > 1) {
    return UsageError("with --build, one IMAGE names the result");
  }
  return absl::OkStatus();
}

absl::Status Check(const Options& options) {
  switch (options.command) {
    case Command::kPack:
      return CheckPack(options);
    case Command::kPrepare:
      return CheckPrepare(options);
    case Command::kPlan:
      return CheckBottle(options);
    case Command::kWarm:
      return CheckWarm(options);
    default:
      return absl::OkStatus();
  }
}

}  // namespace

absl::StatusOr<ParsedOptions> ParseOptions(int argc, const char* const* argv) {
  ParsedOptions parsed;
  std::vector<std::string> help_path;
  const std::unique_ptr<CLI::App> app =
      MakeCommandLine(parsed.options, help_path);
  try {
    app->parse(argc, argv);
    if (app->got_subcommand("help")) {
      absl::StatusOr<std::string> help = HelpFor(help_path);
      if (!help.ok()) {
        return help.status();
      }
      parsed.text = *std::move(help);
      return parsed;
    }
  } catch (const CLI::CallForHelp&) {
    parsed.text = Innermost(app.get())->help();
    return parsed;
  } catch (const CLI::ParseError& e) {
    return UsageError(e.what());
  }
  RETURN_IF_ERROR(Check(parsed.options));
  return parsed;
}

bool WantsJson(int argc, const char* const* argv) {
  return std::any_of(argv, argv + argc, [](const char* argument) {
    return std::strcmp(argument, "--json") == 0;
  });
}

std::string CompletionScript(std::string_view shell) {
  Options options;
  std::vector<std::string> help_path;
  return FormatCompletion(shell, *MakeCommandLine(options, help_path));
}

}  // namespace bottled::client
