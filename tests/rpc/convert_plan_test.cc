#include "rpc/convert_plan.h"

#include "base/error.h"
#include "bottle/plan_tools.h"
#include "google/protobuf/util/json_util.h"
#include "google/protobuf/util/message_differencer.h"
#include "gtest/gtest.h"

namespace bottled {
namespace {

TEST(PlanFromJson, EveryFieldOfThePlanIsOneOfTheMessage) {
  PlanInput input = MakePlanInput("/state/bottles/researcher-x1y2z");
  input.artifact = MakePlanArtifact();
  const Plan plan = MakePlan(std::move(input)).value();
  v1::Plan strict;
  // Without options an unknown field is an error.
  ASSERT_TRUE(
      google::protobuf::util::JsonStringToMessage(PlanJson(plan), &strict)
          .ok());
  const v1::Plan message = PlanFromJson(PlanJson(plan)).value();
  EXPECT_EQ(message.slug(), "researcher-x1y2z");
  EXPECT_EQ(message.artifact().size_bytes(), 12345);
  EXPECT_EQ(message.verify().labels().at("bottled.slug"), "researcher-x1y2z");
  EXPECT_EQ(message.gates_size(), 4);
  EXPECT_EQ(message.policy().hosts(0).host(), "api.example.com");
  EXPECT_EQ(message.smolvm_argv_size(),
            static_cast<int>(SmolvmArgv(plan).size()));
}

TEST(PlanFromJson, ToleratesNewerFilesAndRefusesOthers) {
  EXPECT_TRUE(PlanFromJson(R"({"slug":"a","of_the_future":1})").ok());
  for (const char* damaged : {"", "[]", "{\"slug\":", "\x00\x00"}) {
    EXPECT_TRUE(HasReason(PlanFromJson(damaged).status(), "PLAN_DAMAGED"));
  }
}

TEST(PlanToProto, EqualsThePlansText) {
  PlanInput input = MakePlanInput("/state/bottles/researcher-x1y2z");
  input.artifact = MakePlanArtifact();
  input.cwd = "/work/caf\xc3\xa9/\xff";
  Plan plan = MakePlan(std::move(input)).value();
  plan.revision = int64_t{1} << 40;
  plan.warnings = {{.reason = "X", .message = "line\nline"}};
  const v1::Plan text = PlanFromJson(PlanJson(plan)).value();
  const v1::Plan message = ToProto(plan);
  std::string difference;
  google::protobuf::util::MessageDifferencer differencer;
  differencer.ReportDifferencesToString(&difference);
  EXPECT_TRUE(differencer.Compare(text, message)) << difference;
  EXPECT_EQ(message.cwd(), "/work/caf\xc3\xa9/\xef\xbf\xbd");
  EXPECT_TRUE(v1::Plan().ParseFromString(message.SerializeAsString()));
}

}  // namespace
}  // namespace bottled
