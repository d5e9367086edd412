#include "base/clock.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "bottled/v1/bottled.pb.h"
#include "client/commands.h"
#include "client/describe.h"
#include "client/json.h"
#include "client/progress.h"
#include "fmt/format.h"

namespace bottled::client {

absl::Status RunJobs(const Context& context) {
  v1::ListJobsRequest request;
  request.set_include_finished(context.options.all);
  ASSIGN_OR_RETURN(
      const v1::ListJobsResponse response,
      context.session.Call<v1::ListJobsResponse>("ListJobs", request));
  if (context.out.json()) {
    context.out.JsonLine("jobs", JsonArray(response.jobs()));
  } else {
    context.out.Result(DescribeJobs(response, Clock::System().NowMs()));
  }
  return absl::OkStatus();
}

absl::Status RunCancel(const Context& context) {
  v1::CancelJobRequest request;
  request.set_job_id(context.options.job_id);
  request.set_force(context.options.force);
  ASSIGN_OR_RETURN(
      const v1::CancelJobResponse response,
      context.session.Call<v1::CancelJobResponse>("CancelJob", request));
  if (context.out.json()) {
    context.out.JsonLine("job", ToJson(response.job()));
  } else {
    context.out.Result(fmt::format("{} {}\n", Printable(response.job().id()),
                                   StateWord(response.job().state())));
  }
  return absl::OkStatus();
}

}  // namespace bottled::client
