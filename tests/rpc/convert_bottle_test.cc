#include "rpc/convert_bottle.h"

#include "base/error.h"
#include "gtest/gtest.h"

namespace bottled {
namespace {

TEST(BottleQueryFromProto, TakesTheDefaultEngineIfThereIsOne) {
  v1::BottleRequest request;
  request.set_agent("a");
  const absl::StatusOr<EngineEndpoint> engine =
      EngineEndpoint{.host = "unix:///x"};
  EXPECT_EQ(FromProto(request, engine)->engine->host, "unix:///x");
  EXPECT_FALSE(FromProto(request, absl::StatusOr<EngineEndpoint>(
                                      absl::NotFoundError("none")))
                   ->engine.has_value());
}

TEST(BottleQueryFromProto, RefusesBadForms) {
  const absl::StatusOr<EngineEndpoint> engine =
      EngineEndpoint{.host = "unix:///x"};
  const auto reason = [&](const v1::BottleRequest& request) {
    const auto query = FromProto(request, engine);
    return query.ok() ? "" : GetErrorDetail(query.status()).reason;
  };
  v1::BottleRequest request;
  request.set_home("relative");
  EXPECT_EQ(reason(request), "BAD_REQUEST");
  request.set_home("/h");
  request.set_cwd("relative");
  EXPECT_EQ(reason(request), "BAD_REQUEST");
  request.set_cwd(std::string("/a\0b", 4));
  EXPECT_EQ(reason(request), "BAD_REQUEST");
  request.set_cwd("");
  request.set_endpoint_mode(static_cast<v1::EndpointMode>(99));
  EXPECT_EQ(reason(request), "BAD_REQUEST");
  request.set_endpoint_mode(v1::ENDPOINT_MODE_LOOPBACK);
  EXPECT_EQ(reason(request), "");
  for (int i = 0; i < 65; ++i) {
    request.add_bottles("b");
  }
  EXPECT_EQ(reason(request), "BAD_REQUEST");
}

TEST(PrepareSpecFromProto, TakesEachSource) {
  const absl::StatusOr<EngineEndpoint> engine =
      EngineEndpoint{.host = "unix:///x"};
  v1::PrepareRequest request;
  EXPECT_TRUE(std::holds_alternative<std::monostate>(
      FromProto(request, engine)->source));
  request.mutable_image()->set_reference("a:1");
  EXPECT_EQ(std::get<std::string>(FromProto(request, engine)->source), "a:1");
  request.mutable_archive()->set_path("/a.tar");
  EXPECT_EQ(
      std::get<ArchiveFileSource>(FromProto(request, engine)->source).path,
      "/a.tar");
  request.mutable_build()->set_context("/c");
  EXPECT_EQ(std::get<BuildSpec>(FromProto(request, engine)->source).context,
            "/c");
  request.set_freshness(v1::FRESHNESS_ALWAYS);
  EXPECT_TRUE(FromProto(request, engine)->always_build);
  request.mutable_build()->set_context("relative");
  EXPECT_FALSE(FromProto(request, engine).ok());
}

}  // namespace
}  // namespace bottled
