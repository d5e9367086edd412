#include "image/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "image/archive_tools.h"

namespace bottled {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::string DiffId(char digit) { return "sha256:" + std::string(64, digit); }

TEST(ImageConfig, ReadsAllThatAMachineNeeds) {
  const auto config = ParseImageConfig(R"({
    "architecture": "arm64", "os": "linux", "variant": "v8",
    "created": "2026-01-02T03:04:05.123456789Z",
    "config": {
      "Env": ["PATH=/bin", "A=b c", "A=last", "EMPTY="],
      "Entrypoint": ["/init"], "Cmd": ["run", ""],
      "WorkingDir": "/work", "User": "agent:10",
      "Labels": {"x": "y"}, "Volumes": {"/v": {}}
    },
    "rootfs": {"type": "layers", "diff_ids": [")" +
                                       DiffId('a') + "\",\"" + DiffId('b') +
                                       R"("]},
    "history": [{"created_by": "x"}]
  })");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->platform.ToString(), "linux/arm64/v8");
  EXPECT_EQ(config->platform.WithoutVariant(), "linux/arm64");
  EXPECT_EQ(config->created, "2026-01-02T03:04:05.123456789Z");
  EXPECT_THAT(config->env, ElementsAre("PATH=/bin", "A=last", "EMPTY="));
  EXPECT_THAT(config->entrypoint, ElementsAre("/init"));
  EXPECT_THAT(config->cmd, ElementsAre("run", ""));
  EXPECT_EQ(config->working_dir, "/work");
  EXPECT_EQ(config->user, "agent:10");
  EXPECT_THAT(config->diff_ids,
              ElementsAre(Digest::FromHex(std::string(64, 'a')),
                          Digest::FromHex(std::string(64, 'b'))));
}

TEST(ImageConfig, AbsentAndNullMeanEmpty) {
  for (const char* text :
       {"{}", R"({"config":null,"rootfs":null,"os":null})",
        R"({"config":{"Env":null,"Cmd":null,"Entrypoint":null,"User":null,
            "WorkingDir":null},"rootfs":{"diff_ids":null}})"}) {
    const auto config = ParseImageConfig(text);
    ASSERT_TRUE(config.ok()) << config.status();
    EXPECT_EQ(*config, ImageConfig());
  }
}

TEST(ImageConfig, DropsAMalformedTime) {
  for (const char* created :
       {"yesterday", "2026-01-02", "2026-01-02T03:04:05", ""}) {
    const auto config =
        ParseImageConfig(R"({"created":")" + std::string(created) + "\"}");
    ASSERT_TRUE(config.ok());
    EXPECT_EQ(config->created, "") << created;
  }
}

TEST(ImageConfig, RefusesWhatItCannotTrust) {
  std::string deep;
  for (int i = 0; i < 2000; ++i) {
    deep += "[";
  }
  std::string many = R"({"x":[)";
  for (int i = 0; i < 600'000; ++i) {
    many += "1,";
  }
  many += "1]}";
  for (const std::string& text :
       {std::string(),
        std::string("null"),
        std::string("[]"),
        std::string("{"),
        std::string("{}{}"),
        std::string("\xff"),
        deep,
        many,
        "{\"x\":" + deep + "}",
        std::string(R"({"os":1})"),
        std::string(R"({"created":5})"),
        std::string(R"({"config":[]})"),
        std::string(R"({"config":{"Env":"A=b"}})"),
        std::string(R"({"config":{"Env":[1]}})"),
        std::string(R"({"config":{"Env":[null]}})"),
        std::string(R"({"config":{"Cmd":"sh"}})"),
        std::string(R"({"config":{"User":0}})"),
        std::string(R"({"config":{"Env":["A=\u0000"]}})"),
        std::string(R"({"config":{"User":"a\u0000b"}})"),
        std::string("{\"config\":{\"User\":\"\xff\"}}"),
        std::string(R"({"os":"linux","os":"plan9"})"),
        std::string(R"({"rootfs":{"diff_ids":["sha256:00"]}})"),
        std::string(R"({"rootfs":{"diff_ids":{}}})"),
        std::string(17 << 20, ' ') + "{}"}) {
    const auto config = ParseImageConfig(text);
    EXPECT_EQ(ReasonOf(config.status()), "BAD_IMAGE_CONFIG")
        << text.substr(0, 60);
  }
}

TEST(NormalizeEnv, KeepsTheLastInTheFirstPlace) {
  EXPECT_THAT(NormalizeEnv({"A=1", "B=2", "A=3", "C", "=x", "B=", "D=e=f"}),
              ElementsAre("A=3", "B=", "D=e=f"));
  EXPECT_THAT(NormalizeEnv({}), IsEmpty());
}

TEST(HostPlatform, IsLinuxOnAKnownProcessor) {
  EXPECT_EQ(HostPlatform().os, "linux");
  EXPECT_THAT(HostPlatform().architecture, testing::AnyOf("amd64", "arm64"));
}

}  // namespace
}  // namespace bottled
