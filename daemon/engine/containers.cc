#include "engine/containers.h"

#include <chrono>
#include <string_view>
#include <utility>

#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/errors.h"
#include "engine/save_stream.h"
#include "engine/target.h"
#include "fmt/format.h"
#include "image/json.h"

namespace bottled {
namespace {

using nlohmann::json;

constexpr size_t kMaxContainerId = 128;
constexpr size_t kMaxContainerLabel = 4096;

absl::Status Unexpected(const EngineClient& engine, const EngineReply& reply) {
  return EngineError(engine.endpoint(), reply.head.status, reply.error_text);
}

// A call that changes something. A slow answer is better than none: after that
// nobody knows whether it was done.
EngineRequest Change(const EngineClient& engine, const char* method,
                     std::string path) {
  EngineRequest request;
  request.method = method;
  request.path = std::move(path);
  request.head_timeout = engine.options().stall_timeout;
  return request;
}

std::string ContainerPath(const std::string& name, std::string_view rest) {
  return fmt::format("/containers/{}{}", EncodeQuery(name), rest);
}

bool Holds(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

bool IsContainerId(const json& value) {
  return value.is_string() && !value.get_ref<const std::string&>().empty() &&
         value.get_ref<const std::string&>().size() <= kMaxContainerId;
}

}  // namespace

std::string ContainerJson(const ContainerSpec& spec) {
  json host = {{"AutoRemove", spec.auto_remove},
               {"RestartPolicy", {{"Name", "no"}}}};
  json body = {{"Image", spec.image}};
  if (!spec.command.empty()) {
    body["Cmd"] = spec.command;
  }
  if (!spec.env.empty()) {
    body["Env"] = spec.env;
  }
  if (!spec.labels.empty()) {
    body["Labels"] = spec.labels;
  }
  if (!spec.working_dir.empty()) {
    body["WorkingDir"] = spec.working_dir;
  }
  if (spec.port.has_value()) {
    const std::string port = fmt::format("{}/tcp", spec.port->container_port);
    body["ExposedPorts"][port] = json::object();
    json binding = {{"HostIp", "127.0.0.1"},
                    {"HostPort", fmt::format("{}", spec.port->host_port)}};
    host["PortBindings"][port] = json::array({std::move(binding)});
  }
  if (!spec.tmpfs.empty()) {
    host["Tmpfs"] = spec.tmpfs;
  }
  if (!spec.network_mode.empty()) {
    host["NetworkMode"] = spec.network_mode;
  }
  if (spec.memory_bytes > 0) {
    host["Memory"] = spec.memory_bytes;
  }
  if (spec.pids_limit > 0) {
    host["PidsLimit"] = spec.pids_limit;
  }
  body["HostConfig"] = std::move(host);
  // Bytes that are no UTF-8 must not throw; the engine will refuse the result.
  return body.dump(-1, ' ', false, json::error_handler_t::replace);
}

absl::StatusOr<std::string> CreateContainer(EngineClient& engine,
                                            const ContainerSpec& spec,
                                            const CancelToken& cancel) {
  EngineRequest request = Change(
      engine, "POST", "/containers/create?name=" + EncodeQuery(spec.name));
  request.body = ContainerJson(spec);
  ASSIGN_OR_RETURN(EngineReply reply, engine.Call(request, cancel));
  if (reply.head.status == 404) {
    return ImageNotFound(engine.endpoint(), spec.image);
  }
  // podman 4 says 500.
  if (reply.head.status == 409 ||
      (reply.head.status == 500 &&
       Holds(reply.error_text, "name is already in use"))) {
    return ContainerNameTaken(engine.endpoint(), spec.name);
  }
  ASSIGN_OR_RETURN(const std::string body, engine.ReadReply(reply, cancel));
  const std::optional<json> answer = ParseJson(body);
  if (!answer.has_value() || !IsContainerId(Member(*answer, "Id"))) {
    return EngineAnswerInvalid("it names no ID of the container it created");
  }
  return Member(*answer, "Id").get<std::string>();
}

absl::Status StartContainer(EngineClient& engine, const std::string& id,
                            const CancelToken& cancel) {
  ASSIGN_OR_RETURN(
      const EngineReply reply,
      engine.Call(Change(engine, "POST", ContainerPath(id, "/start")), cancel));
  // 304: it runs already.
  if (reply.ok() || reply.head.status == 304) {
    return absl::OkStatus();
  }
  for (const char* text :
       {"port is already allocated", "address already in use",
        "Ports are not available"}) {
    if (Holds(reply.error_text, text)) {
      return PortTaken(engine.endpoint(), reply.error_text);
    }
  }
  return Unexpected(engine, reply);
}

absl::StatusOr<std::optional<ContainerState>> InspectContainer(
    EngineClient& engine, const std::string& name, const CancelToken& cancel) {
  EngineRequest request;
  request.path = ContainerPath(name, "/json");
  ASSIGN_OR_RETURN(EngineReply reply, engine.Call(request, cancel));
  if (reply.head.status == 404) {
    return std::nullopt;
  }
  ASSIGN_OR_RETURN(const std::string body, engine.ReadReply(reply, cancel));
  const std::optional<json> answer = ParseJson(body);
  const json parsed = answer.value_or(json());
  const json& state = Member(parsed, "State");
  const json& running = Member(state, "Running");
  if (!IsContainerId(Member(parsed, "Id")) || !running.is_boolean()) {
    return EngineAnswerInvalid("the container's description lacks its state");
  }
  ContainerState container;
  container.id = Member(parsed, "Id").get<std::string>();
  container.running = running.get<bool>();
  const json& exit_code = Member(state, "ExitCode");
  if (exit_code.is_number_integer()) {
    container.exit_code = exit_code.get<int>();
  }
  const json& labels = Member(Member(parsed, "Config"), "Labels");
  if (labels.is_object()) {
    for (const auto& [key, value] : labels.items()) {
      std::string text;
      if (!ReadText(value, &text)) {
        return EngineAnswerInvalid("a label of the container is no text");
      }
      container.labels[Printable(key, kMaxContainerLabel)] =
          Printable(text, kMaxContainerLabel);
    }
  }
  return container;
}

absl::StatusOr<bool> RemoveContainer(EngineClient& engine,
                                     const std::string& name,
                                     const CancelToken& cancel) {
  ASSIGN_OR_RETURN(
      const EngineReply reply,
      engine.Call(Change(engine, "DELETE", ContainerPath(name, "?force=1&v=1")),
                  cancel));
  if (reply.ok()) {
    return true;
  }
  const bool being_removed = reply.head.status == 409 &&
                             Holds(reply.error_text, "already in progress");
  if (reply.head.status == 404 || being_removed) {
    return false;
  }
  return Unexpected(engine, reply);
}

absl::StatusOr<std::unique_ptr<ByteSource>> ExportContainer(
    EngineClient& engine, const std::string& id, const CancelToken& cancel) {
  EngineRequest request;
  request.path = ContainerPath(id, "/export");
  request.head_timeout = engine.options().first_byte_timeout;
  request.block_bytes = kSaveBlockBytes;
  ASSIGN_OR_RETURN(EngineReply reply, engine.Call(request, cancel));
  return engine.StreamReply(std::move(reply), cancel);
}

}  // namespace bottled
