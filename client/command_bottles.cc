#include "base/clock.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "bottled/v1/bottled.pb.h"
#include "client/commands.h"
#include "client/describe_bottles.h"
#include "client/engine_endpoint.h"
#include "client/errors.h"
#include "client/json.h"
#include "fmt/format.h"

namespace bottled::client {

absl::Status RunBottlesList(const Context& context) {
  ASSIGN_OR_RETURN(const v1::ListBottlesResponse response,
                   context.session.Call<v1::ListBottlesResponse>(
                       "ListBottles", v1::ListBottlesRequest()));
  if (context.out.json()) {
    context.out.JsonLine("bottles", JsonArray(response.bottles()));
  } else {
    context.out.Result(DescribeBottles(response, Clock::System().NowMs()));
  }
  return absl::OkStatus();
}

absl::Status RunBottlesShow(const Context& context) {
  v1::GetBottleRequest request;
  request.set_slug(context.options.slugs.front());
  ASSIGN_OR_RETURN(
      const v1::GetBottleResponse response,
      context.session.Call<v1::GetBottleResponse>("GetBottle", request));
  if (context.out.json()) {
    context.out.Result(fmt::format(
        "{{\"bottle\":{},\"plan\":{}}}\n", ToJson(response.bottle()),
        response.has_plan() ? PlanToJson(response.plan()) : "null"));
  } else {
    context.out.Result(DescribeBottle(response));
  }
  return absl::OkStatus();
}

absl::Status RunBottlesRemove(const Context& context) {
  // One after the other: those before an error are gone, and printed.
  for (const std::string& slug : context.options.slugs) {
    v1::RemoveBottleRequest request;
    request.set_slug(slug);
    ASSIGN_OR_RETURN(const v1::RemoveBottleResponse response,
                     context.session.Call<v1::RemoveBottleResponse>(
                         "RemoveBottle", request));
    if (context.out.json()) {
      context.out.JsonLine("removed", ToJson(response.bottle()));
    } else {
      context.out.Result(Printable(response.bottle().slug()) + "\n");
    }
  }
  return absl::OkStatus();
}

absl::Status RunBottlesConflict(const Context& context) {
  v1::ReportConflictRequest request;
  request.set_slug(context.options.slugs.front());
  request.set_subnet(context.options.subnet);
  ASSIGN_OR_RETURN(*request.mutable_engine(),
                   MakeEngineEndpoint(context.env, context.options.engine));
  ASSIGN_OR_RETURN(const v1::ReportConflictResponse response,
                   context.session.Call<v1::ReportConflictResponse>(
                       "ReportConflict", request, kEngineTimeout));
  if (!response.has_plan()) {
    return BadAnswer("ReportConflict", "it holds no plan");
  }
  if (context.out.json()) {
    context.out.JsonLine("plan", PlanToJson(response.plan()));
  } else {
    context.out.Result(Printable(response.plan().addresses().subnet()) + "\n");
  }
  return absl::OkStatus();
}

}  // namespace bottled::client
