// A manifest and the other inputs of a plan, for tests.

#ifndef BOTTLED_TESTS_BOTTLE_PLAN_TOOLS_H_
#define BOTTLED_TESTS_BOTTLE_PLAN_TOOLS_H_

#include <string>

#include "bottle/plan.h"

namespace bottled {

inline Manifest MakeManifest() {
  const Origin origin{
      .file = "/home/u/.bot-bottle/bottles/dev.md", .line = 7, .column = 3};
  Manifest manifest;
  manifest.agent.name = "researcher";
  manifest.agent.file = "/home/u/.bot-bottle/agents/researcher.md";
  manifest.agent.prompt = "Look closely.\r\n\n";
  manifest.bottle.names = {"dev"};
  manifest.bottle.files = {origin.file};
  manifest.bottle.env = {
      {.name = "RUST_LOG", .value = "info", .origin = origin}};
  manifest.bottle.routes = {
      {.host = "api.example.com",
       .path_allowlist = {},
       .auth = RouteAuth{.scheme = "Bearer", .token_ref = "API_TOKEN"},
       .origin = origin}};
  manifest.bottle.repos = {{.name = "app",
                            .url = "ssh://git@git.example.com/acme/app.git",
                            .host_key = "ssh-ed25519 AAAA",
                            .key_path = "/home/u/.ssh/id_app",
                            .extra_hosts = {},
                            .origin = origin}};
  manifest.bottle.supervise = true;
  manifest.digest = std::string(64, 'a');
  return manifest;
}

inline Addresses MakeAddresses() {
  return {.mode = EndpointMode::kBridge,
          .subnet = *Ipv4Net::Parse("172.16.192.16/28"),
          .gateway = *Ipv4::Parse("172.16.192.17"),
          .bundle_ip = *Ipv4::Parse("172.16.192.18"),
          .loopback_ip = *Ipv4::Parse("127.80.0.2"),
          .docker_checked = true};
}

inline PlanInput MakePlanInput(const std::string& directory) {
  return {.manifest = MakeManifest(),
          .identity = Identity("researcher-x1y2z"),
          .addresses = MakeAddresses(),
          .cwd = "/work/project",
          .copy_cwd = true,
          .started_ms = 1'700'000'000'000,
          .directory = directory,
          .artifact = std::nullopt,
          .bundle_image = "sidecars:1"};
}

inline PlanArtifact MakePlanArtifact() {
  return {.digest = Digest::FromHex(std::string(64, 'b')),
          .content_key = "sha256:" + std::string(64, 'c'),
          .path = "/cache/obj/bb/b.smolmachine",
          .size_bytes = 12345,
          .platform = "linux/amd64",
          .config_digest = "sha256:" + std::string(64, 'd')};
}

}  // namespace bottled

#endif  // BOTTLED_TESTS_BOTTLE_PLAN_TOOLS_H_
