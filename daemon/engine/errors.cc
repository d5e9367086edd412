#include "engine/errors.h"

#include "base/error.h"
#include "base/strings.h"
#include "fmt/format.h"

namespace bottled {
namespace {

// "unix:///var/run/docker.sock (from DOCKER_HOST)"
std::string Describe(const EngineEndpoint& endpoint) {
  std::string text = Printable(endpoint.host, 256);
  if (!endpoint.origin.empty()) {
    text += fmt::format(" (from {})", Printable(endpoint.origin, 128));
  }
  return text;
}

std::string Seconds(std::chrono::milliseconds time) {
  return fmt::format("{:.3g} s", static_cast<double>(time.count()) / 1000.0);
}

}  // namespace

absl::Status EngineUnreachable(const EngineEndpoint& endpoint,
                               const std::string& why) {
  std::string remedy =
      "Start docker, or name the right engine: check DOCKER_HOST and "
      "`docker context ls`, or pass --engine.";
  if (!endpoint.tls_dir.empty()) {
    remedy = fmt::format(
        "Check that the engine runs, and that ca.pem, cert.pem and key.pem in "
        "{} are the ones for it.",
        Printable(endpoint.tls_dir, 256));
  } else if (endpoint.host.starts_with("ssh://")) {
    remedy =
        "Check that `ssh HOST docker version` works without a question: the "
        "host's key must be known, and yours accepted.";
  }
  return MakeError(absl::StatusCode::kUnavailable, kEngineUnreachable,
                   fmt::format("no engine answers at {}: {}",
                               Describe(endpoint), Printable(why, 1024)),
                   remedy);
}

absl::Status EnginePermissionDenied(const EngineEndpoint& endpoint) {
  return MakeError(
      absl::StatusCode::kPermissionDenied, kEnginePermissionDenied,
      fmt::format("the engine at {} may not be used by this user",
                  Describe(endpoint)),
      "Add yourself to the group that owns the socket (usually "
      "`sudo usermod -aG docker $USER`), log in again and restart bottled; or "
      "use a rootless engine.");
}

absl::Status EngineTimeout(const EngineEndpoint& endpoint,
                           std::chrono::milliseconds limit) {
  return MakeError(
      absl::StatusCode::kDeadlineExceeded, kEngineTimeout,
      fmt::format("the engine at {} did not answer within {}",
                  Describe(endpoint), Seconds(limit)),
      "Check that `docker version` answers; restart the engine if not.");
}

absl::Status EngineApiUnsupported(const EngineEndpoint& endpoint,
                                  const std::string& why) {
  return MakeError(absl::StatusCode::kFailedPrecondition, kEngineApiUnsupported,
                   fmt::format("the engine at {} cannot be used: {}",
                               Describe(endpoint), why),
                   "Use Docker 20.10 or newer, or podman 4 or newer.");
}

absl::Status EngineError(const EngineEndpoint& endpoint, long http_status,
                         const std::string& text) {
  const std::string status =
      http_status == 0 ? "" : fmt::format(" (HTTP {})", http_status);
  return MakeError(absl::StatusCode::kUnknown, kEngineError,
                   fmt::format("the engine at {} failed{}: {}",
                               Describe(endpoint), status, text),
                   // Go's net/http says so.
                   text.find("HTTPS server") != std::string::npos
                       ? "It wants TLS: set DOCKER_TLS_VERIFY and "
                         "DOCKER_CERT_PATH, or use a context."
                       : "Look into the engine's log; restarting it may help.");
}

absl::Status EngineAnswerInvalid(const std::string& why) {
  return MakeError(absl::StatusCode::kUnknown, kEngineAnswerInvalid,
                   "the engine's answer makes no sense: " + why,
                   "Check that the address belongs to Docker or podman.");
}

absl::Status EngineStreamBroken(const EngineEndpoint& endpoint,
                                const std::string& why) {
  return MakeError(
      absl::StatusCode::kUnavailable, kEngineStreamBroken,
      fmt::format("the engine at {} broke off the image's stream: {}",
                  Describe(endpoint), Printable(why, 1024)),
      "Try again; if it happens again, look into the engine's log.");
}

absl::Status EngineStalled(const EngineEndpoint& endpoint,
                           std::chrono::milliseconds silence) {
  return MakeError(
      absl::StatusCode::kDeadlineExceeded, kEngineStalled,
      fmt::format("the engine at {} sent nothing of the image for {}",
                  Describe(endpoint), Seconds(silence)),
      "Check the engine's disk and load, then try again.");
}

absl::Status ImageNotFound(const EngineEndpoint& endpoint,
                           const std::string& reference) {
  const std::string name = Printable(reference, 512);
  return MakeError(
      absl::StatusCode::kNotFound, kImageNotFound,
      fmt::format("the engine at {} has no image \"{}\"", Describe(endpoint),
                  name),
      fmt::format("Get it with `docker pull {}` or `docker build -t {} …`; "
                  "`docker images` lists what is there.",
                  name, name));
}

absl::Status ImageUnsavable(const std::string& id, const std::string& text) {
  return MakeError(
      absl::StatusCode::kFailedPrecondition, kImageUnsavable,
      fmt::format("the engine cannot give out image {}: {}", Printable(id, 128),
                  text),
      "The engine's copy is gone or damaged: pull or build the image again.");
}

absl::Status BadBuild(const std::string& what) {
  return MakeError(absl::StatusCode::kInvalidArgument, "BAD_BUILD",
                   fmt::format("cannot build that: {}", what),
                   "See `bottlectl help pack` for what --build takes.");
}

absl::Status BuilderNotFound() {
  return MakeError(absl::StatusCode::kFailedPrecondition, "BUILDER_NOT_FOUND",
                   "there is no docker command on the caller's PATH",
                   "Install docker's command line (docker-ce-cli, docker.io), "
                   "or build elsewhere and pack the image.");
}

absl::Status BuildFailed(const std::string& step, const std::string& last_line,
                         int exit_code) {
  return MakeError(
      absl::StatusCode::kFailedPrecondition, "BUILD_FAILED",
      fmt::format("the build failed{}: {} (exit code {})",
                  step.empty() ? "" : " in " + Printable(step, 512),
                  last_line.empty() ? "the builder said nothing"
                                    : Printable(last_line, 1024),
                  exit_code),
      "The builder's lines above say why; `docker build` on the same context "
      "fails in the same way.");
}

absl::Status ArchitectureMismatch(const std::string& reference,
                                  const std::string& found,
                                  const Platform& wanted) {
  const std::string name = Printable(reference, 512);
  const std::string platform = Printable(wanted.WithoutVariant(), 128);
  return MakeError(
      absl::StatusCode::kFailedPrecondition, kArchitectureMismatch,
      fmt::format("image \"{}\" is made for {}, not for {}", name, found,
                  platform),
      fmt::format("Run `docker pull --platform {} {}`, or build it with "
                  "`docker build --platform {} …`.",
                  platform, name, platform));
}

absl::Status ContainerNameTaken(const EngineEndpoint& endpoint,
                                const std::string& name) {
  const std::string shown = Printable(name, 256);
  return MakeError(
      absl::StatusCode::kAlreadyExists, kContainerNameTaken,
      fmt::format("the engine at {} has a container \"{}\" already",
                  Describe(endpoint), shown),
      fmt::format("Remove it with `docker rm -f {}` if it is not needed.",
                  shown));
}

absl::Status PortTaken(const EngineEndpoint& endpoint,
                       const std::string& text) {
  return MakeError(
      absl::StatusCode::kUnavailable, kPortTaken,
      fmt::format("the engine at {} could not publish a port: {}",
                  Describe(endpoint), text),
      "Another program on the engine's host has the port: try again.");
}

absl::Status PushFailed(const std::string& target, const std::string& text,
                        bool may_pass) {
  return MakeError(
      may_pass ? absl::StatusCode::kUnavailable
               : absl::StatusCode::kFailedPrecondition,
      kPushFailed,
      fmt::format("the engine could not push {}: {}", Printable(target, 512),
                  text),
      // Go's net/http says so.
      text.find("HTTP response to HTTPS client") != std::string::npos
          ? "The engine insists on TLS there: it takes plain HTTP from "
            "127.0.0.1 and from its insecure-registries only."
          : "Look into the engine's log; `docker push` of the same name fails "
            "in the same way.");
}

absl::Status ImagePullFailed(const EngineEndpoint& endpoint,
                             const std::string& reference,
                             const std::string& text) {
  const std::string name = Printable(reference, 512);
  return MakeError(
      absl::StatusCode::kFailedPrecondition, kImagePullFailed,
      fmt::format("the engine at {} could not pull \"{}\": {}",
                  Describe(endpoint), name, text),
      fmt::format("Check that `docker pull {}` works; without a network, bring "
                  "the image there with `docker load`.",
                  name));
}

absl::Status RegistryUnreachable(const std::string& address,
                                 const std::string& why) {
  return MakeError(
      absl::StatusCode::kUnavailable, kRegistryUnreachable,
      fmt::format("no registry answers this host at {}: {}",
                  Printable(address, 256), Printable(why, 1024)),
      "Check that the engine's published ports can be reached from this host.");
}

absl::Status RegistryError(const std::string& address, long http_status,
                           const std::string& why) {
  const std::string status =
      http_status == 0 ? "" : fmt::format(" (HTTP {})", http_status);
  return MakeError(
      absl::StatusCode::kUnknown, kRegistryError,
      fmt::format("the registry at {} failed{}: {}", Printable(address, 256),
                  status, Printable(why, 2048)),
      "Check what listens there, and look into its log.");
}

absl::Status ManifestMissing(const std::string& address,
                             const std::string& name) {
  return MakeError(absl::StatusCode::kNotFound, kManifestMissing,
                   fmt::format("the registry at {} has no {}",
                               Printable(address, 256), Printable(name, 512)),
                   "Push the image again: the registry may have been replaced "
                   "meanwhile.");
}

}  // namespace bottled
