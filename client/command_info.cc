#include "base/status_macros.h"
#include "base/strings.h"
#include "bottled/v1/bottled.pb.h"
#include "client/commands.h"
#include "client/describe.h"
#include "client/json.h"
#include "client/version.h"
#include "fmt/format.h"

namespace bottled::client {

absl::Status RunInfo(const Context& context) {
  v1::GetInfoRequest request;
  request.set_search_path(context.env("PATH").value_or(""));
  ASSIGN_OR_RETURN(
      const v1::GetInfoResponse info,
      context.session.Call<v1::GetInfoResponse>("GetInfo", request));
  if (context.out.json()) {
    context.out.JsonLine("info", ToJson(info));
  } else {
    context.out.Result(DescribeInfo(info));
  }
  return absl::OkStatus();
}

absl::Status RunSocket(const Context& context) {
  const std::string path = context.session.places().socket.native();
  v1::GetInfoResponse info;
  if (context.options.start) {
    ASSIGN_OR_RETURN(info, context.session.Call<v1::GetInfoResponse>(
                               "GetInfo", v1::GetInfoRequest()));
  }
  if (!context.out.json()) {
    context.out.Result(path + "\n");
  } else if (context.options.start) {
    context.out.JsonLine(
        "socket",
        fmt::format("{{\"path\":{},\"version\":{},\"pid\":{}}}",
                    JsonString(path), JsonString(info.version()), info.pid()));
  } else {
    context.out.JsonLine("socket", JsonObject("path", JsonString(path)));
  }
  return absl::OkStatus();
}

absl::Status RunVersion(const Context& context) {
  // Of the daemon as well, if there is one; none is started to be asked.
  const absl::StatusOr<v1::GetInfoResponse> info =
      context.session.Call<v1::GetInfoResponse>("GetInfo",
                                                v1::GetInfoRequest());
  const std::string daemon = info.ok() ? Printable(info->version()) : "";
  if (context.out.json()) {
    context.out.JsonLine(
        "version",
        fmt::format("{{\"client\":{},\"daemon\":{}}}", JsonString(kVersion),
                    info.ok() ? JsonString(daemon) : "null"));
  } else {
    context.out.Result(fmt::format("bottlectl {}\n", kVersion));
    if (info.ok()) {
      context.out.Result(fmt::format("bottled {}\n", daemon));
    }
  }
  return absl::OkStatus();
}

absl::Status RunCompletion(const Context& context) {
  context.out.Result(CompletionScript(context.options.shell));
  return absl::OkStatus();
}

}  // namespace bottled::client
