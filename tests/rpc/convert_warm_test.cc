#include "rpc/convert_warm.h"

#include "base/error.h"
#include "gtest/gtest.h"
#include "jobs/errors.h"
#include "store/failure_json.h"

namespace bottled {
namespace {

const EngineEndpoint& DefaultEngine() {
  static const EngineEndpoint engine{.host = "unix:///default.sock",
                                     .origin = "default"};
  return engine;
}

std::string ReasonOf(const v1::WarmSource& source) {
  return GetErrorDetail(FromProto(source, DefaultEngine()).status()).reason;
}

TEST(ConvertWarm, TakesAnImageWithTheDefaults) {
  v1::WarmSource source;
  source.mutable_image()->set_reference("a:1");
  source.set_search_path("/bin");
  const auto spec = FromProto(source, DefaultEngine());
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(std::get<std::string>(spec->source), "a:1");
  EXPECT_EQ(spec->engine->host, "unix:///default.sock");
  EXPECT_EQ(spec->build_environment.at("PATH"), "/bin");
}

TEST(ConvertWarm, TakesABuildAndAnAgent) {
  v1::WarmSource source;
  source.mutable_build()->set_context("/src");
  source.mutable_engine()->set_host("unix:///other.sock");
  source.mutable_options()->set_cpus(2);
  source.set_packer("native");
  const auto build = FromProto(source, DefaultEngine());
  ASSERT_TRUE(build.ok()) << build.status();
  EXPECT_EQ(std::get<BuildSpec>(build->source).context, "/src");
  EXPECT_EQ(build->engine->host, "unix:///other.sock");
  EXPECT_EQ(build->options.cpus, 2);
  EXPECT_EQ(build->packer, PackerKind::kNative);

  source.mutable_agent()->set_name("demo");
  source.mutable_agent()->set_home("/home/me");
  source.mutable_agent()->set_default_image("d:1");
  const auto agent = FromProto(source, DefaultEngine());
  ASSERT_TRUE(agent.ok()) << agent.status();
  EXPECT_EQ(agent->bottle.agent, "demo");
  EXPECT_EQ(agent->bottle.home, "/home/me");
  EXPECT_EQ(agent->default_image, "d:1");
}

TEST(ConvertWarm, BadFormsAreRefused) {
  v1::WarmSource source;
  EXPECT_EQ(ReasonOf(source), "BAD_REQUEST");
  source.mutable_image();
  EXPECT_EQ(ReasonOf(source), "BAD_REQUEST");
  source.mutable_agent()->set_home("relative");
  EXPECT_EQ(ReasonOf(source), "BAD_REQUEST");
  source.mutable_agent()->set_name("demo");
  EXPECT_EQ(ReasonOf(source), "BAD_REQUEST");
  source.mutable_image()->set_reference("a:1");
  source.set_packer("none");
  EXPECT_EQ(ReasonOf(source), "BAD_REQUEST");
  source.clear_packer();
  source.mutable_engine()->set_host("nonsense");
  EXPECT_EQ(ReasonOf(source), "BAD_ENGINE_ADDRESS");
}

TEST(ConvertWarm, ShowsATarget) {
  WarmView view;
  view.row.id = "i";
  view.row.kind = WarmKind::kBuild;
  view.row.name = "/src";
  view.row.created_ms = 1000;
  view.row.failure_json = EncodeFailure(WarmContextTooLarge("/src"));
  view.row.unused_count = 2;
  view.status = WarmStatus::kFailed;
  view.next_ms = 5000;
  view.blind = "why";
  v1::WarmTarget message = ToProto(view);
  EXPECT_EQ(message.kind(), "build");
  EXPECT_EQ(message.state(), v1::WARM_STATE_FAILED);
  EXPECT_EQ(message.failure().reason(), "CONTEXT_TOO_LARGE");
  EXPECT_EQ(message.next_try_at().seconds(), 5);
  EXPECT_FALSE(message.has_checked_at());
  EXPECT_EQ(message.unused_count(), 2);
  EXPECT_EQ(message.blind(), "why");
  view.row.paused = "unused";
  view.status = WarmStatus::kPaused;
  message = ToProto(view);
  EXPECT_EQ(message.state(), v1::WARM_STATE_PAUSED);
  EXPECT_EQ(message.why(), "unused");
}

}  // namespace
}  // namespace bottled
