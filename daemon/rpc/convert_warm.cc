#include "rpc/convert_warm.h"

#include <string>
#include <utility>

#include "base/status_macros.h"
#include "google/protobuf/util/time_util.h"
#include "rpc/convert.h"
#include "rpc/convert_bottle.h"
#include "rpc/convert_source.h"
#include "rpc/errors.h"
#include "rpc/grpc_status.h"
#include "store/failure_json.h"

namespace bottled {
namespace {

using google::protobuf::util::TimeUtil;

v1::WarmState ToProto(WarmStatus status) {
  switch (status) {
    case WarmStatus::kPending:
      return v1::WARM_STATE_PENDING;
    case WarmStatus::kWarming:
      return v1::WARM_STATE_WARMING;
    case WarmStatus::kReady:
      return v1::WARM_STATE_READY;
    case WarmStatus::kFailed:
      return v1::WARM_STATE_FAILED;
    case WarmStatus::kWaiting:
      return v1::WARM_STATE_WAITING;
    case WarmStatus::kPaused:
      return v1::WARM_STATE_PAUSED;
  }
  return v1::WARM_STATE_UNSPECIFIED;
}

absl::Status TakeAgent(const v1::WarmAgent& agent, PrepareSpec& spec) {
  if (agent.name().empty()) {
    return BadRequest("The agent's name is empty");
  }
  v1::BottleRequest bottle;
  bottle.set_agent(agent.name());
  *bottle.mutable_bottles() = agent.bottles();
  bottle.set_home(agent.home());
  bottle.set_cwd(agent.cwd());
  ASSIGN_OR_RETURN(spec.bottle, FromProto(bottle, spec.engine));
  spec.default_image = agent.default_image();
  RETURN_IF_ERROR(
      CheckText(spec.default_image, kMaxReferenceBytes, "The default image"));
  spec.build_environment.insert(agent.build_environment().begin(),
                                agent.build_environment().end());
  return absl::OkStatus();
}

void SetTime(int64_t ms, google::protobuf::Timestamp* time) {
  *time = TimeUtil::MillisecondsToTimestamp(ms);
}

}  // namespace

absl::StatusOr<PrepareSpec> FromProto(
    const v1::WarmSource& source,
    const absl::StatusOr<EngineEndpoint>& default_engine) {
  PrepareSpec spec;
  spec.engine =
      source.has_engine() ? EndpointFromProto(source.engine()) : default_engine;
  RETURN_IF_ERROR(spec.engine.status());
  switch (source.source_case()) {
    case v1::WarmSource::kImage: {
      ASSIGN_OR_RETURN(spec.source, ReferenceFromProto(source.image()));
      break;
    }
    case v1::WarmSource::kBuild: {
      ASSIGN_OR_RETURN(BuildSpec build, BuildFromProto(source.build()));
      spec.build_environment = build.environment;
      spec.source = std::move(build);
      break;
    }
    case v1::WarmSource::kAgent:
      RETURN_IF_ERROR(TakeAgent(source.agent(), spec));
      break;
    case v1::WarmSource::SOURCE_NOT_SET:
      return BadRequest("A source names nothing");
  }
  RETURN_IF_ERROR(
      CheckText(source.search_path(), kMaxSearchPathBytes, "The PATH"));
  if (!source.search_path().empty()) {
    spec.build_environment["PATH"] = source.search_path();
  }
  ASSIGN_OR_RETURN(spec.options, OptionsFromProto(source.options()));
  ASSIGN_OR_RETURN(spec.packer, PackerFromProto(source.packer()));
  return spec;
}

v1::WarmTarget ToProto(const WarmView& view) {
  const WarmTarget& row = view.row;
  v1::WarmTarget message;
  message.set_id(row.id);
  message.set_kind(std::string(WarmKindWord(row.kind)));
  message.set_name(row.name);
  *message.mutable_engine() = ToProto(view.engine);
  message.set_state(ToProto(view.status));
  message.set_why(row.paused.empty() ? view.waiting : row.paused);
  if (!row.failure_json.empty()) {
    *message.mutable_failure() = ToFailure(DecodeFailure(row.failure_json));
  }
  if (view.next_ms != 0) {
    SetTime(view.next_ms, message.mutable_next_try_at());
  }
  message.set_artifact(row.artifact.ToString());
  message.set_job_id(view.job_id);
  SetTime(row.created_ms, message.mutable_created_at());
  if (row.checked_ms != 0) {
    SetTime(row.checked_ms, message.mutable_checked_at());
  }
  if (row.warmed_ms != 0) {
    SetTime(row.warmed_ms, message.mutable_warmed_at());
  }
  message.set_warmed_count(row.warmed_count);
  message.set_unused_count(row.unused_count);
  message.set_blind(view.blind);
  return message;
}

v1::Warmed ToProto(const WarmResult& result, const Objects& objects) {
  v1::Warmed message;
  if (result.artifact.has_value()) {
    *message.mutable_artifact() =
        ToProto(*result.artifact, objects.Path(*result.artifact));
  } else if (result.job != nullptr) {
    *message.mutable_job() = ToProto(result.job->Snapshot(), objects);
  } else if (!result.failure.ok()) {
    *message.mutable_failure() = ToFailure(result.failure);
  }
  if (result.target.has_value()) {
    *message.mutable_target() = ToProto(*result.target);
  }
  return message;
}

}  // namespace bottled
