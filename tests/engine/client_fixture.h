// What the tests of EngineClient share: a fake engine and a client of it.

#ifndef BOTTLED_TESTS_ENGINE_CLIENT_FIXTURE_H_
#define BOTTLED_TESTS_ENGINE_CLIENT_FIXTURE_H_

#include <string>

#include "engine/client.h"
#include "engine/tools.h"

namespace bottled::testing {

inline constexpr char kInspectPath[] = "/images/fx/tiny:1/json";

class ClientTest : public ::testing::Test {
 protected:
  ClientTest() : client_(EndpointOf(fake_), PatientOptions()) {}

  void ServeTiny() {
    fake_.Route(kInspectPath,
                FakeReply::Json(EngineFixture(
                    "docker-20.10.24-overlay2/inspect-tiny.json")));
  }

  // The last request of a path.
  FakeRequest Last(const std::string& path) {
    FakeRequest found;
    for (const FakeRequest& request : fake_.requests()) {
      if (request.path == path) {
        found = request;
      }
    }
    return found;
  }

  FakeEngine fake_;
  EngineClient client_;
};

}  // namespace bottled::testing

#endif  // BOTTLED_TESTS_ENGINE_CLIENT_FIXTURE_H_
