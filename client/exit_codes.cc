#include "client/exit_codes.h"

#include <string>
#include <string_view>

#include "base/error.h"

namespace bottled::client {
namespace {

struct Row {
  std::string_view reason;
  ExitCode code;
};

constexpr Row kTable[] = {
    {"USAGE", kExitUsage},

    {"IMAGE_NOT_FOUND", kExitNotFound},
    {"ARTIFACT_NOT_FOUND", kExitNotFound},
    {"JOB_NOT_FOUND", kExitNotFound},
    {"ARCHIVE_NOT_FOUND", kExitNotFound},
    {"BOTTLE_NOT_FOUND", kExitNotFound},
    {"MANIFEST_AGENT_NOT_FOUND", kExitNotFound},
    {"MANIFEST_BOTTLE_NOT_FOUND", kExitNotFound},

    {"ARCHITECTURE_MISMATCH", kExitInvalid},
    {"ARCHIVE_AMBIGUOUS", kExitInvalid},
    {"ARCHIVE_INCOMPLETE", kExitInvalid},
    {"ARCHIVE_INVALID", kExitInvalid},
    {"ARCHIVE_NOT_A_FILE", kExitInvalid},
    {"ARCHIVE_NO_IMAGE", kExitInvalid},
    {"ARCHIVE_TRUNCATED", kExitInvalid},
    {"ARTIFACT_AMBIGUOUS", kExitInvalid},
    {"BAD_ADDRESS_POOL", kExitInvalid},
    {"BAD_ARCHIVE_PATH", kExitInvalid},
    {"BAD_BUILD", kExitInvalid},
    {"BAD_DIGEST", kExitInvalid},
    {"BAD_IMAGE_CONFIG", kExitInvalid},
    {"BAD_PACK_OPTIONS", kExitInvalid},
    {"BAD_REFERENCE", kExitInvalid},
    {"BAD_REQUEST", kExitInvalid},
    {"DIGEST_MISMATCH", kExitInvalid},
    {"GATE_UNRENDERABLE", kExitInvalid},
    {"IMAGE_UNSAVABLE", kExitInvalid},
    {"LAYER_INVALID", kExitInvalid},
    {"LAYER_TRUNCATED", kExitInvalid},
    {"UNPACKABLE", kExitInvalid},
    {"WARM_TARGET_AMBIGUOUS", kExitInvalid},

    {"BAD_ENGINE_ADDRESS", kExitEngine},
    {"BUILDER_NOT_FOUND", kExitEngine},
    {"BUILD_FAILED", kExitEngine},
    {"CONTAINER_NAME_TAKEN", kExitEngine},
    {"DOCKER_CONFIG_INVALID", kExitEngine},
    {"ENGINE_ANSWER_INVALID", kExitEngine},
    {"ENGINE_API_UNSUPPORTED", kExitEngine},
    {"ENGINE_CONTEXT_NOT_FOUND", kExitEngine},
    {"ENGINE_ERROR", kExitEngine},
    {"ENGINE_PERMISSION_DENIED", kExitEngine},
    {"ENGINE_STALLED", kExitEngine},
    {"ENGINE_STREAM_BROKEN", kExitEngine},
    {"ENGINE_STREAM_ERROR", kExitEngine},
    {"ENGINE_TIMEOUT", kExitEngine},
    {"ENGINE_UNREACHABLE", kExitEngine},
    {"IMAGE_HAS_NO_NAME", kExitEngine},
    {"IMAGE_PULL_FAILED", kExitEngine},
    {"MANIFEST_MISSING", kExitEngine},
    {"NO_PUSH_ADDRESS", kExitEngine},
    {"PACK_STALLED", kExitEngine},
    {"PACK_TIMEOUT", kExitEngine},
    {"PORT_TAKEN", kExitEngine},
    {"PUSH_DIFFERS", kExitEngine},
    {"PUSH_FAILED", kExitEngine},
    {"REGISTRY_ERROR", kExitEngine},
    {"REGISTRY_FAILED", kExitEngine},
    {"REGISTRY_IMAGE_MISSING", kExitEngine},
    {"REGISTRY_UNREACHABLE", kExitEngine},
    {"SMOLVM_OUTPUT_INVALID", kExitEngine},
    {"SMOLVM_PACK_FAILED", kExitEngine},
    {"SMOLVM_TAKES_NO_ARCHIVES", kExitEngine},
    {"VM_UNAVAILABLE", kExitEngine},

    {"ADDRESSES_EXHAUSTED", kExitSpace},
    {"IMAGE_TOO_LARGE", kExitSpace},
    {"NO_SPACE", kExitSpace},
    {"DISK_FULL", kExitSpace},
    {"TOO_MANY_FILES", kExitSpace},
    {"TOO_MANY_JOBS", kExitSpace},
    {"TOO_MANY_JOBS_OF_CLIENT", kExitSpace},
    {"TOO_MANY_UPLOADS", kExitSpace},
    {"TOO_MANY_WATCHERS", kExitSpace},
    {"WARM_REFUSED", kExitSpace},

    {"CONNECTION_LOST", kExitDaemon},
    {"DAEMON_LOST", kExitDaemon},
    {"DAEMON_MANAGED", kExitDaemon},
    {"DAEMON_NOT_RUNNING", kExitDaemon},
    {"DAEMON_START_FAILED", kExitDaemon},
    {"DAEMON_STILL_RUNNING", kExitDaemon},
    {"DAEMON_TOO_OLD", kExitDaemon},
    {"DAEMON_UNTRUSTED", kExitDaemon},
    {"SHUTTING_DOWN", kExitDaemon},

    {"CANCELLED", kExitCancelled},

    // Whatever their canonical codes.
    {"BAD_COMMAND", kExitFailure},
    {"CHECKS_FAILED", kExitFailure},
    {"LEASE_LOST", kExitFailure},
    {"PROGRAM_NOT_FOUND", kExitFailure},
    {"VERIFY_FAILED", kExitFailure},
};

// Reasons that begin like this, and have no row of their own.
constexpr Row kFamilies[] = {
    {"MANIFEST_", kExitInvalid},
};

}  // namespace

ExitCode ExitCodeFor(const absl::Status& status) {
  if (status.ok()) {
    return kExitOk;
  }
  const std::string reason = GetErrorDetail(status).reason;
  for (const Row& row : kTable) {
    if (row.reason == reason) {
      return row.code;
    }
  }
  for (const Row& row : kFamilies) {
    if (reason.starts_with(row.reason)) {
      return row.code;
    }
  }
  switch (status.code()) {
    case absl::StatusCode::kNotFound:
      return kExitNotFound;
    case absl::StatusCode::kInvalidArgument:
      return kExitInvalid;
    case absl::StatusCode::kResourceExhausted:
      return kExitSpace;
    case absl::StatusCode::kUnavailable:
      return kExitDaemon;
    case absl::StatusCode::kCancelled:
      return kExitCancelled;
    default:
      return kExitFailure;
  }
}

}  // namespace bottled::client
