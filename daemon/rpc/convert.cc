#include "rpc/convert.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "absl/strings/ascii.h"
#include "base/error.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "google/protobuf/util/time_util.h"
#include "image/digest.h"
#include "jobs/miss.h"
#include "rpc/convert_cache.h"
#include "rpc/convert_source.h"
#include "rpc/errors.h"
#include "rpc/grpc_status.h"

namespace bottled {
namespace {

using google::protobuf::util::TimeUtil;

v1::Unit ToProto(Unit unit) {
  switch (unit) {
    case Unit::kBytes:
      return v1::UNIT_BYTES;
    case Unit::kEntries:
      return v1::UNIT_ENTRIES;
    case Unit::kSteps:
      return v1::UNIT_STEPS;
  }
  return v1::UNIT_UNSPECIFIED;
}

v1::Finished ToProto(const Finished& finished, const Objects& objects) {
  v1::Finished message;
  if (finished.status.ok()) {
    *message.mutable_artifact() =
        ToProto(finished.artifact, objects.Path(finished.artifact));
  } else if (finished.status.code() == absl::StatusCode::kCancelled) {
    *message.mutable_cancelled() = ToFailure(finished.status);
  } else {
    *message.mutable_failure() = ToFailure(finished.status);
  }
  return message;
}

absl::StatusOr<EngineEndpoint> EngineFromProto(
    const v1::PackRequest& request,
    const absl::StatusOr<EngineEndpoint>& default_engine) {
  return request.has_engine() ? EndpointFromProto(request.engine())
                              : default_engine;
}

// Its request_id with what it asks for: the same one for something else is
// another request, since it must not be answered with the first one's artifact.
// The bytes, and so the key, may be others in another release: then the request
// is done anew.
std::string RequestKey(const v1::PackRequest& request) {
  v1::PackRequest asked = request;
  // What a caller may change between two tries.
  asked.clear_cancel_on_disconnect();
  asked.clear_lease();
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream out(&bytes);
    google::protobuf::io::CodedOutputStream coded(&out);
    // Or maps have no order.
    coded.SetSerializationDeterministic(true);
    asked.SerializeToCodedStream(&coded);
  }
  return Sha256Of(bytes).hex();
}

absl::Status CheckRequestId(const v1::PackRequest& request) {
  constexpr size_t kMaxRequestIdBytes = 64;
  const std::string& id = request.request_id();
  if (id.size() > kMaxRequestIdBytes ||
      !std::all_of(id.begin(), id.end(), [](char c) {
        return absl::ascii_isalnum(c) || c == '-' || c == '_' || c == '.';
      })) {
    return BadRequest(
        "A request_id has at most 64 letters, digits, '-', '_' and '.'");
  }
  return id.empty() || !request.has_upload()
             ? absl::OkStatus()
             : BadRequest("An upload cannot be repeated: no request_id");
}

}  // namespace

v1::Stage ToProto(Stage stage) {
  switch (stage) {
    case Stage::kNone:
      return v1::STAGE_UNSPECIFIED;
    case Stage::kIdentify:
      return v1::STAGE_IDENTIFY;
    case Stage::kBuild:
      return v1::STAGE_BUILD;
    case Stage::kRead:
      return v1::STAGE_READ;
    case Stage::kMerge:
      return v1::STAGE_MERGE;
    case Stage::kAssemble:
      return v1::STAGE_ASSEMBLE;
    case Stage::kPush:
      return v1::STAGE_PUSH;
    case Stage::kPack:
      return v1::STAGE_PACK;
    case Stage::kVerify:
      return v1::STAGE_VERIFY;
    case Stage::kPublish:
      return v1::STAGE_PUBLISH;
  }
  return v1::STAGE_UNSPECIFIED;
}

v1::JobState ToProto(JobState state) {
  switch (state) {
    case JobState::kQueued:
      return v1::JOB_STATE_QUEUED;
    case JobState::kRunning:
      return v1::JOB_STATE_RUNNING;
    case JobState::kCancelling:
      return v1::JOB_STATE_CANCELLING;
    case JobState::kSucceeded:
      return v1::JOB_STATE_SUCCEEDED;
    case JobState::kFailed:
      return v1::JOB_STATE_FAILED;
    case JobState::kCancelled:
      return v1::JOB_STATE_CANCELLED;
    case JobState::kInterrupted:
      return v1::JOB_STATE_INTERRUPTED;
  }
  return v1::JOB_STATE_UNSPECIFIED;
}

v1::EngineEndpoint ToProto(const EngineEndpoint& endpoint) {
  v1::EngineEndpoint message;
  message.set_host(endpoint.host);
  message.set_tls_dir(endpoint.tls_dir);
  message.set_skip_tls_verify(endpoint.skip_tls_verify);
  message.set_origin(endpoint.origin);
  return message;
}

v1::Progress ToProto(const Progress& progress) {
  v1::Progress message;
  message.set_stage(ToProto(progress.stage));
  message.set_current(progress.current);
  message.set_total(progress.total);
  message.set_unit(ToProto(progress.unit));
  message.set_total_is_estimate(progress.total_is_estimate);
  return message;
}

v1::Artifact ToProto(const ArtifactRecord& record,
                     const std::filesystem::path& path) {
  v1::Artifact message;
  message.set_digest(record.digest.ToString());
  message.set_content_key(record.content_key.ToString());
  message.set_path(path.string());
  message.set_size_bytes(record.size_bytes);
  message.set_unpacked_bytes(record.unpacked_bytes);
  message.set_entry_count(record.entry_count);
  message.set_platform(record.platform);
  message.set_config_digest(record.config_digest.ToString());
  for (const std::string& reference : record.references) {
    message.add_references(reference);
  }
  message.set_packer(record.packer);
  *message.mutable_created_at() =
      TimeUtil::MillisecondsToTimestamp(record.created_ms);
  *message.mutable_last_used_at() =
      TimeUtil::MillisecondsToTimestamp(record.last_used_ms);
  for (const Note& note : record.notes) {
    v1::PackNote* out = message.add_notes();
    out->set_kind(note.kind);
    out->set_count(note.count);
    // A proto3 string must be UTF-8; names in an image need not be.
    out->set_example(Printable(note.example));
    out->set_message(note.message);
  }
  return message;
}

v1::Miss ToProto(const Miss& miss) {
  v1::Miss message;
  message.set_reason(miss.reason);
  if (miss.at_ms != 0) {
    *message.mutable_at() = TimeUtil::MillisecondsToTimestamp(miss.at_ms);
  }
  message.set_rule(Printable(miss.rule));
  for (const InputChange& change : miss.changes) {
    v1::InputChange& out = *message.add_changes();
    out.set_name(change.name);
    out.set_before(change.before);
    out.set_after(change.after);
  }
  message.set_message(MissSentence(miss));
  message.set_recent_quarantines(miss.quarantines);
  return message;
}

v1::Job ToProto(const JobSnapshot& job, const Objects& objects) {
  v1::Job message;
  message.set_id(job.id);
  message.set_state(ToProto(job.state));
  message.set_stage(ToProto(job.stage));
  message.set_source(Printable(job.source));
  message.set_content_key(job.content_key.ToString());
  *message.mutable_created_at() =
      TimeUtil::MillisecondsToTimestamp(job.created_ms);
  if (job.started_ms != 0) {
    *message.mutable_started_at() =
        TimeUtil::MillisecondsToTimestamp(job.started_ms);
  }
  if (job.finished_ms != 0) {
    *message.mutable_finished_at() =
        TimeUtil::MillisecondsToTimestamp(job.finished_ms);
  }
  message.set_interest_count(job.interest_count);
  message.set_last_seq(job.last_seq);
  message.set_attempt(job.attempt);
  if (job.state == JobState::kSucceeded) {
    *message.mutable_artifact() =
        ToProto(job.artifact, objects.Path(job.artifact));
  } else if (!job.status.ok()) {
    *message.mutable_failure() = ToFailure(job.status);
  }
  if (job.progress.stage != Stage::kNone) {
    *message.mutable_progress() = ToProto(job.progress);
  }
  if (!job.miss.reason.empty()) {
    *message.mutable_miss() = ToProto(job.miss);
  }
  return message;
}

v1::JobEvent ToProto(const std::string& job_id, const JobEvent& event,
                     const Objects& objects) {
  v1::JobEvent message;
  message.set_job_id(job_id);
  message.set_seq(event.seq);
  *message.mutable_time() = TimeUtil::MillisecondsToTimestamp(event.time_ms);
  if (const auto* started = std::get_if<StageStarted>(&event.what)) {
    message.mutable_stage_started()->set_stage(ToProto(started->stage));
  } else if (const auto* progress = std::get_if<Progress>(&event.what)) {
    *message.mutable_progress() = ToProto(*progress);
  } else if (const auto* line = std::get_if<LogLine>(&event.what)) {
    message.mutable_log()->set_text(line->text);
    message.mutable_log()->set_warning(line->warning);
  } else if (const auto* finished = std::get_if<Finished>(&event.what)) {
    *message.mutable_finished() = ToProto(*finished, objects);
  }
  return message;
}

absl::StatusOr<PackSpec> FromProto(
    const v1::PackRequest& request,
    const absl::StatusOr<EngineEndpoint>& default_engine) {
  PackSpec spec;
  switch (request.source_case()) {
    case v1::PackRequest::kImage: {
      ImageSource source;
      ASSIGN_OR_RETURN(source.reference, ReferenceFromProto(request.image()));
      ASSIGN_OR_RETURN(source.engine, EngineFromProto(request, default_engine));
      spec.source = std::move(source);
      break;
    }
    case v1::PackRequest::kArchive: {
      ASSIGN_OR_RETURN(spec.source, ArchiveFromProto(request.archive()));
      break;
    }
    case v1::PackRequest::kUpload: {
      const std::string& name = request.upload().name();
      const std::string& reference = request.upload().reference();
      RETURN_IF_ERROR(CheckText(name, kMaxPathBytes, "The upload's name"));
      RETURN_IF_ERROR(
          CheckText(reference, kMaxReferenceBytes, "The reference"));
      spec.source = UploadedSource{.name = name, .reference = reference};
      break;
    }
    case v1::PackRequest::kBuild: {
      BuildSource source;
      ASSIGN_OR_RETURN(source.build, BuildFromProto(request.build()));
      ASSIGN_OR_RETURN(source.engine, EngineFromProto(request, default_engine));
      spec.source = std::move(source);
      break;
    }
    case v1::PackRequest::SOURCE_NOT_SET:
      return BadRequest("The request names no source");
  }
  ASSIGN_OR_RETURN(spec.packer, PackerFromProto(request.packer()));
  RETURN_IF_ERROR(
      CheckText(request.search_path(), kMaxSearchPathBytes, "The PATH"));
  spec.search_path = request.search_path();
  ASSIGN_OR_RETURN(spec.options, OptionsFromProto(request.options()));
  if (request.has_lease()) {
    ASSIGN_OR_RETURN(spec.lease, FromProto(request.lease()));
  }
  RETURN_IF_ERROR(CheckRequestId(request));
  if (!request.request_id().empty()) {
    spec.request_key = RequestKey(request);
  }
  spec.force = request.force();
  spec.tied = request.cancel_on_disconnect();
  return spec;
}

}  // namespace bottled
