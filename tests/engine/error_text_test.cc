#include "engine/error_text.h"

#include "engine/tools.h"
#include "nlohmann/json.hpp"

namespace bottled {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

TEST(ErrorText, TakesTheMessageOfAllForms) {
  EXPECT_EQ(EngineErrorText("{\"message\":\"No such image: x:1\"}\n"),
            "No such image: x:1");
  EXPECT_EQ(EngineErrorText(
                R"({"cause":"short","message":"long: short","response":404})"),
            "long: short");
  EXPECT_EQ(EngineErrorText(R"({"cause":"short","message":"  "})"), "short");
  EXPECT_EQ(EngineErrorText("Not Found\n"), "Not Found");
}

TEST(ErrorText, SaysSomethingForNothing) {
  EXPECT_EQ(EngineErrorText(""), "no message");
  EXPECT_EQ(EngineErrorText(" \r\n"), "no message");
  EXPECT_EQ(EngineErrorText("{}"), "{}");
  EXPECT_EQ(EngineErrorText(R"({"message":7})"), R"({"message":7})");
}

TEST(ErrorText, IsSafeToPrintAndBounded) {
  const std::string text = EngineErrorText("{\"message\":\"a\\u001b[31mb\"}");
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  EXPECT_LE(EngineErrorText(std::string(1 << 20, 'x')).size(), 2100U);
  // Deep nesting must not blow the stack.
  EXPECT_FALSE(EngineErrorText(std::string(100'000, '[')).empty());
}

TEST(ErrorText, RedactsPathsOfTheHost) {
  EXPECT_EQ(RedactPaths("open /var/lib/docker/a/b: no such file"),
            "open b: no such file");
  EXPECT_EQ(RedactPaths("/a/b/c"), "c");
  EXPECT_EQ(RedactPaths("x \"/home/me/secret dir\" y"), "x \"secret dir\" y");
  EXPECT_EQ(RedactPaths("lower=/var/a/diff:/var/b/diff,upper=/c/d/"),
            "lower=diff:diff,upper=d");
  EXPECT_EQ(RedactPaths("unix:///run/user/1000/docker.sock: refused"),
            "unix:docker.sock: refused");
}

TEST(ErrorText, KeepsWhatIsNoPath) {
  for (const char* text :
       {"No such image: fx/tiny:1", "its platform (linux/amd64) is",
        "Get \"https://host:5000/v2/\": refused", "a / b", "and/or", "",
        "docker.io/library/alpine:3"}) {
    EXPECT_EQ(RedactPaths(text), text);
  }
}

TEST(ErrorText, RecordedBodiesShowNoPathOfTheHost) {
  int seen = 0;
  for (const char* engine : testing::kRecordedEngines) {
    const auto entries = nlohmann::json::parse(
        testing::EngineFixture(std::string(engine) + "/http-errors.json"));
    for (const auto& entry : entries) {
      if (entry["status"].get<int>() < 400) {
        continue;
      }
      const std::string text =
          EngineErrorText(entry["body"].get<std::string>());
      EXPECT_THAT(text, Not(HasSubstr("/var/lib")));
      // Two long bodies were recorded only in part.
      if (nlohmann::json::accept(entry["body"].get<std::string>())) {
        EXPECT_THAT(text, Not(HasSubstr("{\"")));
      }
      EXPECT_THAT(text, Not(SizeIs(0)));
      ++seen;
    }
  }
  EXPECT_GT(seen, 60);
}

}  // namespace
}  // namespace bottled
