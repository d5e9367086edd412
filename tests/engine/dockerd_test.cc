// The client on a real dockerd: $BOTTLED_TEST_DOCKER_HOST names one that has at
// least one image; $BOTTLED_TEST_IMAGE names it (default "base:1").
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "engine/child.h"
#include "engine/tools.h"

namespace bottled {
namespace {

using testing::Drain;
using testing::FailsWith;
using testing::IsOk;
using ::testing::Not;
using ::testing::SizeIs;

class DockerdTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* host = std::getenv("BOTTLED_TEST_DOCKER_HOST");
    if (host == nullptr) {
      BOTTLED_MISSING("$BOTTLED_TEST_DOCKER_HOST");
    }
    EngineEndpoint endpoint;
    endpoint.host = host;
    endpoint.origin = "test";
    client_ = std::make_unique<EngineClient>(endpoint);
    const char* image = std::getenv("BOTTLED_TEST_IMAGE");
    image_ = image == nullptr ? "base:1" : image;
    platform_ = HostPlatform();
  }

  std::unique_ptr<EngineClient> client_;
  std::string image_;
  Platform platform_;
};

TEST_F(DockerdTest, Negotiates) {
  const auto info = client_->Negotiate({});
  ASSERT_THAT(info, IsOk());
  EXPECT_GE(info->api, kOldestApi);
  EXPECT_LE(info->api, kHighestApi);
}

TEST_F(DockerdTest, InspectsByNameAndById) {
  const auto by_name = client_->InspectImage(image_, platform_, {});
  ASSERT_THAT(by_name, IsOk());
  EXPECT_THAT(by_name->config.diff_ids, Not(SizeIs(0)));
  for (const std::string& id : {by_name->id.ToString(), by_name->id.hex(),
                                by_name->id.hex().substr(0, 12)}) {
    const auto by_id = client_->InspectImage(id, platform_, {});
    ASSERT_THAT(by_id, IsOk()) << id;
    EXPECT_EQ(by_id->id, by_name->id);
    EXPECT_EQ(by_id->config, by_name->config);
  }
}

TEST_F(DockerdTest, SavesAWholeTar) {
  const auto image = client_->InspectImage(image_, platform_, {});
  ASSERT_THAT(image, IsOk());
  auto source = client_->SaveImage(image->id, platform_, {});
  ASSERT_THAT(source, IsOk());
  int64_t bytes = 0;
  std::string tail;
  while (true) {
    const auto block = (*source)->Next();
    ASSERT_THAT(block, IsOk());
    if (block->empty()) {
      break;
    }
    bytes += static_cast<int64_t>(block->size());
    tail.append(
        block->substr(block->size() - std::min<size_t>(block->size(), 1024)));
    tail.erase(0, tail.size() - std::min<size_t>(tail.size(), 1024));
  }
  EXPECT_GT(bytes, 10'000);
  EXPECT_EQ(bytes % 512, 0);
  EXPECT_EQ(tail, std::string(1024, '\0'));
}

TEST_F(DockerdTest, TypesItsRefusals) {
  EXPECT_THAT(client_->InspectImage("bottled/none:1", platform_, {}),
              FailsWith("IMAGE_NOT_FOUND"));
  EXPECT_THAT(client_->InspectImage("UPPER:1", platform_, {}),
              FailsWith("BAD_REFERENCE"));
  EXPECT_THAT(
      client_->SaveImage(Digest::FromHex(std::string(64, '0')), platform_, {}),
      FailsWith("IMAGE_NOT_FOUND"));
  EXPECT_THAT(client_->InspectImage(image_, {"linux", "riscv64", ""}, {}),
              FailsWith("ARCHITECTURE_MISMATCH"));
}

TEST_F(DockerdTest, CancelsASave) {
  const auto image = client_->InspectImage(image_, platform_, {});
  ASSERT_THAT(image, IsOk());
  CancelSource cancel;
  std::thread canceller([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    cancel.Cancel();
  });
  auto source = client_->SaveImage(image->id, platform_, cancel.token());
  canceller.join();
  // However fast the engine is: a cancelled token ends what is asked next.
  if (source.ok()) {
    EXPECT_THAT((*source)->Next(), FailsWith("CANCELLED"));
  } else {
    EXPECT_THAT(source, FailsWith("CANCELLED"));
  }
}

}  // namespace
}  // namespace bottled
