#include "client/describe_warm.h"

#include "client/describe.h"
#include "client/table.h"
#include "fmt/format.h"

namespace bottled::client {
namespace {

std::string SourceName(const v1::WarmSource& source) {
  switch (source.source_case()) {
    case v1::WarmSource::kImage:
      return source.image().reference();
    case v1::WarmSource::kBuild:
      return source.build().context();
    case v1::WarmSource::kAgent:
      return source.agent().name();
    case v1::WarmSource::SOURCE_NOT_SET:
      break;
  }
  return "-";
}

std::string FailureLine(const v1::Failure& failure) {
  return fmt::format("{} [{}]", failure.message(), failure.reason());
}

// Whatever a person should know beside the state.
std::string Detail(const v1::WarmTarget& target) {
  if (!target.why().empty()) {
    return target.why();
  }
  if (target.has_failure()) {
    return FailureLine(target.failure());
  }
  if (!target.job_id().empty()) {
    return "job " + target.job_id();
  }
  return target.blind().empty()
             ? ""
             : "looked at from time to time: " + target.blind();
}

}  // namespace

std::string WarmStateWord(v1::WarmState state) {
  switch (state) {
    case v1::WARM_STATE_PENDING:
      return "pending";
    case v1::WARM_STATE_WARMING:
      return "warming";
    case v1::WARM_STATE_READY:
      return "ready";
    case v1::WARM_STATE_FAILED:
      return "failed";
    case v1::WARM_STATE_WAITING:
      return "waiting";
    case v1::WARM_STATE_PAUSED:
      return "paused";
    default:
      return "unknown";
  }
}

std::string DescribeWarmed(const v1::WarmRequest& request,
                           const v1::WarmResponse& response) {
  Table table({"SOURCE", "STATE", "TARGET", "DETAIL"});
  for (int i = 0; i < response.results_size(); ++i) {
    const v1::Warmed& result = response.results(i);
    std::string state = "pending";
    std::string detail;
    switch (result.result_case()) {
      case v1::Warmed::kArtifact:
        state = "ready";
        detail = result.artifact().path();
        break;
      case v1::Warmed::kJob:
        state = "warming";
        detail = "job " + result.job().id();
        break;
      case v1::Warmed::kFailure:
        state = "failed";
        detail = FailureLine(result.failure());
        break;
      case v1::Warmed::RESULT_NOT_SET:
        if (result.has_target()) {
          state = WarmStateWord(result.target().state());
          detail = Detail(result.target());
        }
        break;
    }
    table.Add(
        {i < request.sources_size() ? SourceName(request.sources(i)) : "-",
         state, result.has_target() ? result.target().id() : "-", detail});
  }
  return table.Format();
}

std::string DescribeWarmTargets(const v1::ListWarmTargetsResponse& response,
                                int64_t now_ms) {
  Table table({"TARGET", "KIND", "NAME", "STATE", "CHECKED", ">WARMED",
               ">UNUSED", "DETAIL"});
  for (const v1::WarmTarget& target : response.targets()) {
    table.Add({target.id(), target.kind(), target.name(),
               WarmStateWord(target.state()),
               FormatAge(target.checked_at(), now_ms),
               fmt::format("{}", target.warmed_count()),
               fmt::format("{}", target.unused_count()), Detail(target)});
  }
  return table.Format();
}

}  // namespace bottled::client
