// What the engine tests share.

#ifndef BOTTLED_TESTS_ENGINE_TOOLS_H_
#define BOTTLED_TESTS_ENGINE_TOOLS_H_

#include <fstream>
#include <iterator>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/error.h"
#include "endpoint/endpoint.h"
#include "engine/client.h"
#include "fakes/fake_engine.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "image/platform.h"

namespace bottled::testing {

// What was recorded from real engines, for example
// "docker-20.10.24-overlay2/inspect-tiny.json".
inline std::string EngineFixture(const std::string& name) {
  std::ifstream file(std::string(BOTTLED_TEST_DATA) + "/engines/" + name,
                     std::ios::binary);
  EXPECT_TRUE(file.is_open()) << name;
  return {std::istreambuf_iterator<char>(file), {}};
}

inline constexpr const char* kRecordedEngines[] = {
    "docker-20.10.24-overlay2", "docker-29.7.2-overlay2",
    "docker-29.7.2-containerd", "podman-4.3.1"};

inline Platform Amd64() { return {"linux", "amd64", ""}; }
inline Platform Arm64() { return {"linux", "arm64", ""}; }

inline EngineEndpoint EndpointOf(const FakeEngine& fake) {
  EngineEndpoint endpoint;
  endpoint.host = fake.host();
  endpoint.origin = "--engine";
  return endpoint;
}

// Timeouts that a healthy machine never meets, except where a test sets them.
inline EngineClient::Options PatientOptions() {
  EngineClient::Options options;
  options.unary_timeout = std::chrono::seconds(60);
  options.first_byte_timeout = std::chrono::seconds(60);
  options.stall_timeout = std::chrono::seconds(60);
  options.unavailable_retry_delay = std::chrono::milliseconds(1);
  return options;
}

inline const absl::Status& StatusOf(const absl::Status& status) {
  return status;
}
template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& result) {
  return result.status();
}

MATCHER(IsOk, "") {
  *result_listener << StatusOf(arg).ToString();
  return arg.ok();
}

MATCHER_P(FailsWith, reason, "") {
  *result_listener << StatusOf(arg).ToString();
  return !arg.ok() && HasReason(StatusOf(arg), reason);
}

inline std::string MessageOf(const absl::Status& status) {
  return std::string(status.message());
}

// Reads a source to its end.
inline absl::Status Drain(ByteSource& source, std::string* out) {
  while (true) {
    absl::StatusOr<std::string_view> block = source.Next();
    if (!block.ok()) {
      return block.status();
    }
    if (block->empty()) {
      return absl::OkStatus();
    }
    out->append(*block);
  }
}

}  // namespace bottled::testing

#endif  // BOTTLED_TESTS_ENGINE_TOOLS_H_
