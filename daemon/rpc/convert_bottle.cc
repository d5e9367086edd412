#include "rpc/convert_bottle.h"

#include <algorithm>
#include <utility>

#include "base/status_macros.h"
#include "base/strings.h"
#include "bottle/addresses.h"
#include "google/protobuf/util/time_util.h"
#include "rpc/convert_source.h"
#include "rpc/errors.h"

namespace bottled {
namespace {

using google::protobuf::util::TimeUtil;

constexpr int kMaxBottles = 64;
constexpr size_t kMaxNameBytes = 256;

v1::Finding::Level ToProto(Finding::Level level) {
  switch (level) {
    case Finding::Level::kOk:
      return v1::Finding::LEVEL_OK;
    case Finding::Level::kWarn:
      return v1::Finding::LEVEL_WARN;
    case Finding::Level::kFail:
      return v1::Finding::LEVEL_FAIL;
  }
  return v1::Finding::LEVEL_UNSPECIFIED;
}

absl::StatusOr<std::optional<EndpointMode>> ModeFromProto(
    v1::EndpointMode mode) {
  switch (mode) {
    case v1::ENDPOINT_MODE_UNSPECIFIED:
      return std::nullopt;
    case v1::ENDPOINT_MODE_BRIDGE:
      return EndpointMode::kBridge;
    case v1::ENDPOINT_MODE_LOOPBACK:
      return EndpointMode::kLoopback;
    default:
      return BadRequest("Unknown endpoint mode");
  }
}

}  // namespace

v1::Bottle ToProto(const BottleView& view) {
  const BottleRecord& record = view.record;
  v1::Bottle message;
  message.set_slug(record.slug);
  message.set_agent(record.agent);
  for (const std::string& bottle : record.bottles) {
    message.add_bottles(bottle);
  }
  message.set_cwd(record.cwd);
  message.set_state("expired");
  if (view.lease.has_value()) {
    const EndpointMode mode =
        ParseEndpointMode(record.planned_mode).value_or(EndpointMode::kBridge);
    const Addresses addresses = AddressesOf(*view.lease, mode, true);
    message.set_subnet(addresses.subnet.ToString());
    message.set_endpoint_ip(addresses.endpoint_ip().ToString());
    message.set_state(view.lease->state == LeaseState::kActive ? "active"
                                                               : "reserved");
  }
  message.set_revision(record.plan_revision);
  message.set_artifact(record.artifact.ToString());
  *message.mutable_started_at() =
      TimeUtil::MillisecondsToTimestamp(record.started_ms);
  *message.mutable_updated_at() =
      TimeUtil::MillisecondsToTimestamp(record.updated_ms);
  message.set_directory(view.directory.native());
  return message;
}

v1::Finding ToProto(const Finding& finding) {
  v1::Finding message;
  message.set_check(finding.check);
  message.set_level(ToProto(finding.level));
  message.set_reason(finding.reason);
  message.set_message(Printable(finding.message));
  message.set_remedy(Printable(finding.remedy));
  return message;
}

absl::StatusOr<BottleQuery> FromProto(
    const v1::BottleRequest& request,
    const absl::StatusOr<EngineEndpoint>& default_engine) {
  BottleQuery query{
      .agent = request.agent(),
      .resume = request.resume(),
      .bottles = {request.bottles().begin(), request.bottles().end()},
      .home = request.home(),
      .cwd = request.cwd(),
      .copy_cwd = request.copy_cwd(),
      .mode = std::nullopt,
      .engine = std::nullopt};
  RETURN_IF_ERROR(CheckText(query.agent, kMaxNameBytes, "The agent's name"));
  RETURN_IF_ERROR(CheckText(query.resume, kMaxNameBytes, "The slug"));
  RETURN_IF_ERROR(CheckPath(query.home, "home"));
  RETURN_IF_ERROR(CheckPath(query.cwd, "cwd"));
  if (request.bottles_size() > kMaxBottles) {
    return BadRequest("Too many bottles");
  }
  for (const std::string& bottle : query.bottles) {
    RETURN_IF_ERROR(CheckText(bottle, kMaxNameBytes, "A bottle's name"));
  }
  ASSIGN_OR_RETURN(query.mode, ModeFromProto(request.endpoint_mode()));
  ASSIGN_OR_RETURN(
      query.engine,
      OptionalEngine(request.has_engine(), request.engine(), default_engine));
  return query;
}

absl::StatusOr<PrepareSpec> FromProto(
    const v1::PrepareRequest& request,
    const absl::StatusOr<EngineEndpoint>& default_engine) {
  PrepareSpec spec;
  ASSIGN_OR_RETURN(spec.bottle, FromProto(request.bottle(), default_engine));
  spec.engine = spec.bottle.engine.has_value()
                    ? absl::StatusOr<EngineEndpoint>(*spec.bottle.engine)
                    : default_engine;
  switch (request.source_case()) {
    case v1::PrepareRequest::kImage: {
      ASSIGN_OR_RETURN(spec.source, ReferenceFromProto(request.image()));
      break;
    }
    case v1::PrepareRequest::kArchive: {
      ASSIGN_OR_RETURN(spec.source, ArchiveFromProto(request.archive()));
      break;
    }
    case v1::PrepareRequest::kBuild: {
      ASSIGN_OR_RETURN(spec.source, BuildFromProto(request.build()));
      break;
    }
    case v1::PrepareRequest::SOURCE_NOT_SET:
      break;
  }
  spec.default_image = request.default_image();
  RETURN_IF_ERROR(
      CheckText(spec.default_image, kMaxReferenceBytes, "The default image"));
  spec.build_environment.insert(request.build_environment().begin(),
                                request.build_environment().end());
  spec.always_build = request.freshness() == v1::FRESHNESS_ALWAYS;
  ASSIGN_OR_RETURN(spec.options, OptionsFromProto(request.options()));
  ASSIGN_OR_RETURN(spec.packer, PackerFromProto(request.packer()));
  spec.tied = request.cancel_on_disconnect();
  return spec;
}

}  // namespace bottled
