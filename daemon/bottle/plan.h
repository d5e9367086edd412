// Plan: everything that a launcher needs to start a bottle, and its JSON text,
// which is both the file plan.json and, field by field, the message
// bottled.v1.Plan (proto/bottled/v1/bottle.proto documents each field).
//
// Pure, thread-safe.

#ifndef BOTTLED_BOTTLE_PLAN_H_
#define BOTTLED_BOTTLE_PLAN_H_

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bottle/addresses.h"
#include "bottle/bottle_files.h"
#include "bottle/gate.h"
#include "bottle/identity.h"
#include "bottle/manifest.h"
#include "bottle/warning.h"
#include "image/digest.h"
#include "nlohmann/json_fwd.hpp"
#include "store/records.h"

namespace bottled {

// Beside plan.json (bottle_files.h), relative to the bottle's directory.
inline constexpr std::string_view kPromptFile = "agent/prompt.txt";
inline constexpr std::string_view kComposeFile = "compose.yaml";
inline constexpr std::string_view kMetadataFile = "metadata.json";

// Older smolvm drops the allow list of `machine create --from` silently.
inline constexpr std::string_view kMinSmolvm = "1.8.0";

// What smolvm boots.
struct PlanArtifact {
  Digest digest;
  std::string content_key;
  std::string path;
  int64_t size_bytes = 0;
  std::string platform;
  std::string config_digest;
};

struct PlanGate {
  std::string name;
  int port = 0;
  std::vector<std::string> files;  // relative to the bottle's directory
  std::vector<GateMount> mounts;   // sources are absolute
  std::vector<EnvRef> env_refs;
};

struct Plan {
  Identity identity;
  int64_t revision = 0;
  Manifest manifest;
  Addresses addresses;
  std::string cwd;
  bool copy_cwd = false;
  int64_t started_ms = 0;
  std::optional<PlanArtifact> artifact;
  // The bottle's directory.
  std::filesystem::path directory;
  std::vector<std::string> guest_env;
  std::vector<PlanGate> gates;
  // All but plan.json.
  std::vector<BottleFile> files;
  std::vector<std::string> directories;
  std::vector<Warning> warnings;
};

// What the renderers need beside the manifest.
struct PlanInput {
  Manifest manifest;
  Identity identity;
  Addresses addresses;
  std::string cwd;
  bool copy_cwd = false;
  int64_t started_ms = 0;
  // Absolute.
  std::filesystem::path directory;
  std::optional<PlanArtifact> artifact;
  // The bundle's image in compose.yaml.
  std::string bundle_image;
};

// Renders the gates and everything else; touches no file. Revision 0. Reason
// GATE_UNRENDERABLE.
absl::StatusOr<Plan> MakePlan(PlanInput input);

// SHA-256 of the plan without its revision, artifact, warnings and what was
// only looked at: two plans that mean the same have the same digest.
std::string PlanDigest(const Plan& plan);

// `smolvm machine create …`, without a shell; empty without an artifact. None
// of the flags that `--from` accepts and ignores (-w, --block-private,
// --secret-env) is used.
std::vector<std::string> SmolvmArgv(const Plan& plan);

// The content of plan.json. Fields have the names of bottled.v1.Plan, and are
// in the order in which a reader wants them.
nlohmann::ordered_json PlanDocument(const Plan& plan);

// Its whole text, indented, with a newline at its end. What is not UTF-8 in a
// name becomes U+FFFD.
std::string PlanJson(const Plan& plan);

}  // namespace bottled

#endif  // BOTTLED_BOTTLE_PLAN_H_
