#include "engine/build.h"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/errors.h"
#include "platform/pipe.h"
#include "platform/process.h"
#include "platform/run_program.h"

namespace bottled {
namespace {

// The group has so long to tell the engine that nobody waits any more.
constexpr std::chrono::milliseconds kGrace(2'000);
constexpr std::chrono::milliseconds kProbeLimit(10'000);
constexpr size_t kMaxProbeBytes = 64 << 10;
constexpr size_t kMaxArgument = 4096;
constexpr size_t kMaxValue = 128 << 10;
constexpr size_t kMaxItems = 256;
// Execve's own limit is 2 MiB with the default stack.
constexpr size_t kMaxTotal = 1 << 20;

bool IsRemoteContext(std::string_view context) {
  return context.starts_with("https://") || context.starts_with("http://") ||
         context.starts_with("git://") || context.starts_with("ssh://") ||
         context.starts_with("git@");
}

bool IsName(std::string_view name) {
  const auto is_word = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           (c >= '0' && c <= '9');
  };
  return !name.empty() && !(name[0] >= '0' && name[0] <= '9') &&
         std::all_of(name.begin(), name.end(), is_word);
}

// Names that mean something to docker or to the loader: an argument of that
// name must not reach the child's own environment.
bool IsReserved(const BuildSpec& spec, const std::string& name) {
  static const std::set<std::string> kNames = {
      "PATH",     "HOME",       "TMPDIR",      "HTTP_PROXY", "HTTPS_PROXY",
      "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",   "SSH_AUTH_SOCK"};
  return kNames.contains(name) || spec.environment.contains(name) ||
         name.starts_with("DOCKER_") || name.starts_with("BUILD") ||
         name.starts_with("LD_") || name.starts_with("DYLD_");
}

absl::Status CheckText(std::string_view what, const std::string& text,
                       size_t limit) {
  if (text.size() > limit) {
    return BadBuild(std::string(what) + " is too long");
  }
  if (text.find('\0') != std::string::npos) {
    return BadBuild(std::string(what) + " holds a NUL byte");
  }
  return absl::OkStatus();
}

// One run of the CLI: its output goes to `take`, its exit status comes back.
absl::StatusOr<int> RunCli(const BuildCommand& command,
                           const std::string& supervisor,
                           const std::function<void(std::string_view)>& take,
                           const CancelToken& cancel) {
  ASSIGN_OR_RETURN(Pipe pipe, MakePipe());
  ASSIGN_OR_RETURN(Process child, Process::Start({.argv = command.argv,
                                                  .env = command.env,
                                                  .stdout_fd = pipe.write.get(),
                                                  .stderr_fd = pipe.write.get(),
                                                  .new_session = true,
                                                  .supervisor = supervisor}));
  pipe.write.Reset();
  std::array<char, 16 << 10> block{};
  bool open = true;
  while (true) {
    if (cancel.Cancelled()) {
      child.Stop(kGrace);
      return CancelledError();
    }
    int status = 0;
    // Grandchildren may hold the pipe open: the leader's end is what counts.
    const bool ended = child.TryWait(&status);
    std::array<pollfd, 2> wait = {
        pollfd{cancel.fd(), POLLIN, 0},
        pollfd{open ? pipe.read.get() : -1, POLLIN, 0}};
    const int ready = ::poll(wait.data(), wait.size(), ended ? 0 : 100);
    if (ready > 0 && wait[1].revents != 0) {
      const ssize_t got = ::read(pipe.read.get(), block.data(), block.size());
      if (got > 0) {
        take(std::string_view(block.data(), static_cast<size_t>(got)));
        continue;
      }
      open = false;
    }
    if (ended) {
      return status;
    }
  }
}

bool HasBuildx(const BuildSpec& spec, const EngineEndpoint& endpoint,
               const CancelToken& cancel) {
  const absl::StatusOr<ProgramOutput> output =
      RunProgram({.argv = {"docker", "buildx", "version"},
                  .env = MakeBuildCommand(spec, endpoint, true, "x").env,
                  .new_session = true,
                  .limit = kProbeLimit,
                  .max_bytes = kMaxProbeBytes,
                  .cancel = cancel});
  return output.ok() && output->exit_code == 0;
}

// Values that must not show: those of arguments, wherever they come from, and
// of secrets that are variables.
std::vector<std::string> SecretValues(const BuildSpec& spec) {
  std::vector<std::string> values;
  const auto add_variable = [&](const std::string& name) {
    const auto found = spec.environment.find(name);
    if (found != spec.environment.end()) {
      values.push_back(found->second);
    }
  };
  for (const BuildArg& arg : spec.args) {
    if (arg.value.has_value()) {
      values.push_back(*arg.value);
    } else {
      add_variable(arg.name);
    }
  }
  constexpr std::string_view kEnv = "env=";
  for (const std::string& secret : spec.secrets) {
    const size_t at = secret.find(kEnv);
    if (at != std::string::npos) {
      const std::string name = secret.substr(at + kEnv.size());
      add_variable(name.substr(0, name.find(',')));
    }
  }
  return values;
}

}  // namespace

absl::Status ValidateBuild(const BuildSpec& spec) {
  if (!spec.context.starts_with('/') && !IsRemoteContext(spec.context)) {
    return BadBuild("the context must be an absolute path or a URL");
  }
  if (!spec.dockerfile.empty() && !spec.dockerfile.starts_with('/')) {
    return BadBuild("the Dockerfile's path must be absolute");
  }
  for (const auto& [what, text] :
       {std::pair<std::string_view, const std::string&>("the context",
                                                        spec.context),
        {"the Dockerfile's path", spec.dockerfile},
        {"the target", spec.target},
        {"the platform", spec.platform},
        {"the tag", spec.tag}}) {
    RETURN_IF_ERROR(CheckText(what, text, kMaxArgument));
  }
  if (spec.args.size() > kMaxItems || spec.secrets.size() > kMaxItems ||
      spec.ssh.size() > kMaxItems || spec.environment.size() > kMaxItems) {
    return BadBuild("there are too many arguments");
  }
  size_t total = 0;
  for (const BuildArg& arg : spec.args) {
    if (!IsName(arg.name)) {
      return BadBuild("\"" + Printable(arg.name, 64) +
                      "\" is no name of a build argument");
    }
    RETURN_IF_ERROR(
        CheckText("a build argument", arg.value.value_or(""), kMaxValue));
    total += arg.name.size() + arg.value.value_or("").size();
  }
  for (const auto* list : {&spec.secrets, &spec.ssh}) {
    for (const std::string& text : *list) {
      RETURN_IF_ERROR(
          CheckText("a secret or ssh argument", text, kMaxArgument));
      total += text.size();
    }
  }
  for (const auto& [name, value] : spec.environment) {
    if (!IsName(name)) {
      return BadBuild("\"" + Printable(name, 64) +
                      "\" is no name of an environment variable");
    }
    RETURN_IF_ERROR(CheckText("an environment variable", value, kMaxValue));
    total += name.size() + value.size();
  }
  return total > kMaxTotal ? BadBuild("its arguments are too long altogether")
                           : absl::OkStatus();
}

BuildCommand MakeBuildCommand(const BuildSpec& spec,
                              const EngineEndpoint& endpoint, bool buildx,
                              const std::string& unique_tag) {
  BuildCommand command;
  std::map<std::string, std::string> env = spec.environment;
  // The endpoint was resolved by the client; nothing here decides again.
  env.erase("DOCKER_CONTEXT");
  for (const char* name :
       {"DOCKER_TLS", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"}) {
    env.erase(name);
  }
  env["DOCKER_HOST"] = endpoint.host;
  if (!endpoint.tls_dir.empty()) {
    env["DOCKER_CERT_PATH"] = endpoint.tls_dir;
    env[endpoint.skip_tls_verify ? "DOCKER_TLS" : "DOCKER_TLS_VERIFY"] = "1";
  }
  // Attestations change the ID of an image whose content did not change.
  env["BUILDX_NO_DEFAULT_ATTESTATIONS"] = "1";
  if (!env.contains("PATH")) {
    env["PATH"] = "/usr/local/bin:/usr/bin:/bin";
  }

  std::vector<std::string>& argv = command.argv;
  if (buildx) {
    argv = {"docker", "buildx", "build", "--progress=plain", "--load"};
  } else {
    argv = {"docker", "build"};
    // Without the plugin there is only the classic builder; asking for the
    // other is an error of the CLI.
    env["DOCKER_BUILDKIT"] = "0";
  }
  for (const BuildArg& arg : spec.args) {
    if (!arg.value.has_value()) {
      argv.push_back("--build-arg=" + arg.name);
    } else if (IsReserved(spec, arg.name)) {
      argv.push_back("--build-arg=" + arg.name + "=" + *arg.value);
    } else {
      env[arg.name] = *arg.value;
      argv.push_back("--build-arg=" + arg.name);
    }
  }
  const auto add = [&argv](const char* flag, const std::string& value) {
    if (!value.empty()) {
      argv.push_back(flag + value);
    }
  };
  add("--file=", spec.dockerfile);
  add("--target=", spec.target);
  add("--platform=", spec.platform);
  for (const std::string& secret : spec.secrets) {
    add("--secret=", secret);
  }
  for (const std::string& ssh : spec.ssh) {
    add("--ssh=", ssh);
  }
  if (spec.pull) {
    argv.push_back("--pull");
  }
  if (spec.no_cache) {
    argv.push_back("--no-cache");
  }
  add("--tag=", unique_tag);
  add("--tag=", spec.tag);
  argv.push_back(spec.context);
  for (const auto& [name, value] : env) {
    command.env.push_back(name + "=" + value);
  }
  return command;
}

absl::Status RunBuild(const BuildSpec& spec, const EngineEndpoint& endpoint,
                      bool may_use_buildx, const std::string& unique_tag,
                      const BuildSink& sink, const std::string& supervisor,
                      const CancelToken& cancel) {
  RETURN_IF_ERROR(ValidateBuild(spec));
  const bool buildx = may_use_buildx && HasBuildx(spec, endpoint, cancel);
  RETURN_IF_ERROR(cancel.Check());
  if (!buildx && !(spec.secrets.empty() && spec.ssh.empty())) {
    return BadBuild("--secret and --ssh need docker's buildx plugin");
  }
  BuildOutput output(SecretValues(spec));
  BuildOutput::Steps steps;
  std::string last_line;
  const auto tell = [&](const std::vector<std::string>& lines) {
    for (const std::string& line : lines) {
      sink.line(line);
      last_line = line;
    }
    if (output.steps() != steps) {
      steps = output.steps();
      sink.steps(steps);
    }
  };
  const absl::StatusOr<int> status = RunCli(
      MakeBuildCommand(spec, endpoint, buildx, unique_tag), supervisor,
      [&](std::string_view bytes) { tell(output.Add(bytes)); }, cancel);
  tell(output.Finish());
  if (!status.ok()) {
    return HasReason(status.status(), "PROGRAM_NOT_FOUND") ? BuilderNotFound()
                                                           : status.status();
  }
  if (*status != 0) {
    return BuildFailed(output.last_step(), last_line,
                       WIFEXITED(*status) ? WEXITSTATUS(*status) : -1);
  }
  return absl::OkStatus();
}

}  // namespace bottled
