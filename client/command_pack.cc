#include <unistd.h>

#include <chrono>
#include <string>

#include "base/status_macros.h"
#include "base/strings.h"
#include "bottled/v1/bottled.pb.h"
#include "client/absolute_path.h"
#include "client/build_request.h"
#include "client/commands.h"
#include "client/errors.h"
#include "client/follow.h"
#include "client/interrupt.h"
#include "client/json.h"
#include "client/progress.h"
#include "endpoint/endpoint.h"
#include "fmt/format.h"

namespace bottled::client {
namespace {

// The daemon asks the engine once, and bounds that itself.
constexpr std::chrono::seconds kPackTimeout(120);

// Events to the user: JSON lines, or a progress view on stderr.
class UserSink : public EventSink {
 public:
  explicit UserSink(Output& out)
      : out_(out),
        view_({.terminal = out.terminal(),
               .width = out.width(),
               .color = out.color()},
              Now()) {}

  void OnEvent(const v1::JobEvent& event) override {
    if (out_.json()) {
      out_.JsonLine("event", ToJson(event));
    } else if (!out_.quiet()) {
      out_.Progress(view_.OnEvent(event, Now()));
    }
  }
  void OnTick() override {
    if (!out_.json() && !out_.quiet()) {
      out_.Progress(view_.OnTick(Now()));
    }
  }
  void OnNotice(const std::string& line) override {
    if (!out_.quiet()) {
      out_.Progress(view_.Line(line, Now()));
    }
  }
  absl::Status status() const override { return out_.status(); }

  void Close() { out_.Progress(view_.Clear()); }

 private:
  static TimePoint Now() { return std::chrono::steady_clock::now(); }

  Output& out_;
  ProgressView view_;
};

void PrintArtifact(const v1::Artifact& artifact, Output& out) {
  if (out.json()) {
    out.JsonLine("artifact", ToJson(artifact));
    return;
  }
  for (const v1::PackNote& note : artifact.notes()) {
    out.Info(fmt::format("note: {} (\u00d7{}, first {}) [{}]",
                         Printable(note.message()), note.count(),
                         Printable(note.example()), Printable(note.kind())));
  }
  // As it is: the path is to be used.
  out.Result(artifact.path() + "\n");
}

absl::Status FillSource(const Context& context, v1::PackRequest& request) {
  const Options& options = context.options;
  if (options.archive == "-") {
    if (::isatty(STDIN_FILENO) == 1) {
      return UsageError(
          "--archive - reads standard input, which is a terminal");
    }
    request.mutable_upload()->set_name("standard input");
    request.mutable_upload()->set_reference(options.reference);
    return absl::OkStatus();
  }
  if (!options.archive.empty()) {
    ASSIGN_OR_RETURN(const std::string path, AbsolutePath(options.archive));
    request.mutable_archive()->set_path(path);
    request.mutable_archive()->set_reference(options.reference);
    return absl::OkStatus();
  }
  if (!options.build.empty()) {
    ASSIGN_OR_RETURN(*request.mutable_build(),
                     MakeBuildSource(options, context.env, context.env_list));
  } else {
    request.mutable_image()->set_reference(options.image);
  }
  ASSIGN_OR_RETURN(const EngineEndpoint endpoint,
                   ResolveEndpoint(context.env, options.engine));
  v1::EngineEndpoint& engine = *request.mutable_engine();
  engine.set_host(endpoint.host);
  engine.set_tls_dir(endpoint.tls_dir);
  engine.set_skip_tls_verify(endpoint.skip_tls_verify);
  engine.set_origin(endpoint.origin);
  return absl::OkStatus();
}

}  // namespace

absl::Status RunPack(const Context& context) {
  const Options& options = context.options;
  v1::PackRequest request;
  RETURN_IF_ERROR(FillSource(context, request));
  request.mutable_options()->set_cpus(options.cpus);
  request.mutable_options()->set_memory_mib(options.memory_mib);
  request.set_force(options.force);
  request.set_packer(options.packer);
  request.set_cancel_on_disconnect(!options.detach);

  const Interrupt interrupt;
  ASSIGN_OR_RETURN(const v1::PackResponse response,
                   context.session.Call<v1::PackResponse>(
                       "Pack", request, kPackTimeout, interrupt.fd()));
  if (response.has_artifact()) {
    PrintArtifact(response.artifact(), context.out);
    return absl::OkStatus();
  }
  if (!response.has_job()) {
    return BadAnswer("Pack", "neither an artifact nor a job");
  }
  if (options.detach) {
    if (context.out.json()) {
      context.out.JsonLine("job", ToJson(response.job()));
    } else {
      context.out.Result(Printable(response.job().id()) + "\n");
    }
    return absl::OkStatus();
  }
  UserSink sink(context.out);
  const absl::StatusOr<v1::Artifact> artifact =
      Follow(context.session,
             {.job_id = response.job().id(),
              .interest_id = response.interest_id(),
              .after_seq = 0,
              .upload_id = response.upload_id(),
              .upload_fd = STDIN_FILENO,
              .interrupt_fd = interrupt.fd()},
             sink);
  sink.Close();
  RETURN_IF_ERROR(artifact.status());
  PrintArtifact(*artifact, context.out);
  return absl::OkStatus();
}

absl::Status RunWatch(const Context& context) {
  const Interrupt interrupt;
  UserSink sink(context.out);
  const absl::StatusOr<v1::Artifact> artifact =
      Follow(context.session,
             {.job_id = context.options.job_id,
              .interest_id = "",
              .after_seq = context.options.after_seq,
              .upload_id = "",
              .upload_fd = -1,
              .interrupt_fd = interrupt.fd()},
             sink);
  sink.Close();
  RETURN_IF_ERROR(artifact.status());
  PrintArtifact(*artifact, context.out);
  return absl::OkStatus();
}

}  // namespace bottled::client
