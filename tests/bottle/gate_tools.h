// A bottle for the gates' tests, and a reader of their files.

#ifndef BOTTLED_TESTS_BOTTLE_GATE_TOOLS_H_
#define BOTTLED_TESTS_BOTTLE_GATE_TOOLS_H_

#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bottle/compose.h"
#include "bottle/gate.h"
#include "gtest/gtest.h"
#include "yaml-cpp/yaml.h"

namespace bottled {

struct TestBottle {
  Manifest manifest;
  Identity identity{"dev-ab12c"};
  Addresses addresses{.mode = EndpointMode::kBridge,
                      .subnet = {{0xac10c010}, 28},
                      .gateway = {0xac10c011},
                      .bundle_ip = {0xac10c012},
                      .loopback_ip = {0x7f500002}};

  GateInput input() const {
    return {.manifest = manifest, .identity = identity, .addresses = addresses};
  }
  void Route(std::string host, std::vector<std::string> paths = {}) {
    manifest.bottle.routes.push_back(
        {.host = std::move(host),
         .path_allowlist = std::move(paths),
         .auth = {},
         .origin = {.file = "/home/u/.bot-bottle/bottles/dev.md", .line = 7}});
  }
  void Auth(std::string scheme, std::string token_ref) {
    manifest.bottle.routes.back().auth = {std::move(scheme),
                                          std::move(token_ref)};
  }
  GitRepo& Repo(std::string name, std::string url) {
    manifest.bottle.repos.push_back({.name = std::move(name),
                                     .url = std::move(url),
                                     .host_key = "ssh-ed25519 AAAAC3Nza+/8=",
                                     .key_path = "/home/u/.ssh/id_acme",
                                     .extra_hosts = {},
                                     .origin = {}});
    return manifest.bottle.repos.back();
  }
};

inline const GateFile* FindFile(const GateOutput& output,
                                std::string_view path) {
  for (const GateFile& file : output.files) {
    if (file.path == path) {
      return &file;
    }
  }
  return nullptr;
}

// Fails the test for what a lenient parser would let pass: two documents,
// duplicate keys, aliases, tags.
inline void ExpectPlainYaml(const YAML::Node& node) {
  if (node.IsSequence()) {
    for (const YAML::Node& item : node) {
      ExpectPlainYaml(item);
    }
  }
  if (node.IsMap()) {
    std::set<std::string> keys;
    for (const auto& entry : node) {
      EXPECT_TRUE(keys.insert(entry.first.Scalar()).second)
          << entry.first.Scalar();
      ExpectPlainYaml(entry.second);
    }
  }
}

inline YAML::Node StrictYaml(const std::string& text) {
  const std::vector<YAML::Node> documents = YAML::LoadAll(text);
  EXPECT_EQ(documents.size(), 1u);
  ExpectPlainYaml(documents.at(0));
  return documents.at(0);
}

inline std::vector<std::string> Keys(const YAML::Node& map) {
  std::vector<std::string> keys;
  for (const auto& entry : map) {
    keys.push_back(entry.first.Scalar());
  }
  return keys;
}

// A double-quoted scalar, which no parser takes for anything but a string.
inline bool IsQuoted(const YAML::Node& node) {
  return node.IsScalar() && node.Tag() == "!";
}

// All wanted gates, as the plan has them.
inline std::vector<RenderedGate> RenderAll(const TestBottle& bottle) {
  std::vector<RenderedGate> out;
  for (const Gate* gate : AllGates()) {
    if (gate->Wanted(bottle.manifest)) {
      absl::StatusOr<GateOutput> output = gate->Render(bottle.input());
      EXPECT_TRUE(output.ok()) << output.status();
      out.push_back({.name = std::string(gate->name()),
                     .port = gate->port(),
                     .output = *std::move(output)});
    }
  }
  return out;
}

}  // namespace bottled

#endif  // BOTTLED_TESTS_BOTTLE_GATE_TOOLS_H_
