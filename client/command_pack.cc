#include <unistd.h>

#include <string>

#include "base/status_macros.h"
#include "base/strings.h"
#include "bottled/v1/bottled.pb.h"
#include "client/absolute_path.h"
#include "client/build_request.h"
#include "client/commands.h"
#include "client/engine_endpoint.h"
#include "client/errors.h"
#include "client/interrupt.h"
#include "client/json.h"
#include "client/user_sink.h"

namespace bottled::client {
namespace {

constexpr size_t kRequestIdBytes = 16;

void PrintArtifact(const v1::Artifact& artifact, Output& out) {
  if (out.json()) {
    out.JsonLine("artifact", ToJson(artifact));
    return;
  }
  PrintNotes(artifact, out);
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
  ASSIGN_OR_RETURN(*request.mutable_engine(),
                   MakeEngineEndpoint(context.env, options.engine));
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
  request.set_search_path(context.env("PATH").value_or(""));
  request.set_cancel_on_disconnect(!options.detach);
  if (!request.has_upload()) {
    // Session::Call() may have to ask twice.
    request.set_request_id(RandomHex(kRequestIdBytes));
  }

  const Interrupt interrupt;
  ASSIGN_OR_RETURN(const v1::PackResponse response,
                   context.session.Call<v1::PackResponse>(
                       "Pack", request, kEngineTimeout, interrupt.fd()));
  if (response.has_artifact()) {
    PrintArtifact(response.artifact(), context.out);
    return absl::OkStatus();
  }
  if (!response.has_job()) {
    return BadAnswer("Pack", "neither an artifact nor a job");
  }
  if (response.miss_reason() == "FAILED_JUST_NOW") {
    context.out.Info(
        "bottlectl: this failed a few seconds ago, and was not tried again; "
        "--force does");
  }
  if (options.detach) {
    if (context.out.json()) {
      context.out.JsonLine("job", ToJson(response.job()));
    } else {
      context.out.Result(Printable(response.job().id()) + "\n");
    }
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const v1::Artifact artifact,
                   FollowForUser(context.session,
                                 {.job_id = response.job().id(),
                                  .interest_id = response.interest_id(),
                                  .after_seq = 0,
                                  .upload_id = response.upload_id(),
                                  .upload_fd = STDIN_FILENO,
                                  .interrupt_fd = interrupt.fd()},
                                 context.out));
  PrintArtifact(artifact, context.out);
  return absl::OkStatus();
}

absl::Status RunWatch(const Context& context) {
  const Interrupt interrupt;
  ASSIGN_OR_RETURN(const v1::Artifact artifact,
                   FollowForUser(context.session,
                                 {.job_id = context.options.job_id,
                                  .interest_id = "",
                                  .after_seq = context.options.after_seq,
                                  .upload_id = "",
                                  .upload_fd = -1,
                                  .interrupt_fd = interrupt.fd()},
                                 context.out));
  PrintArtifact(artifact, context.out);
  return absl::OkStatus();
}

}  // namespace bottled::client
