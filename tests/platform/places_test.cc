#include "platform/places.h"

#include <unistd.h>

#include <cstdlib>
#include <string>

#include "base/error.h"
#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "platform/map_env.h"

namespace bottled {
namespace {

using testing::HasSubstr;

TEST(Places, DefaultsBelowHome) {
  const auto places = Places::Resolve(MapEnv({{"HOME", "/home/u"}}), {});
  ASSERT_TRUE(places.ok()) << places.status();
  EXPECT_EQ(places->state_dir, "/home/u/.local/state/bottled");
  EXPECT_EQ(places->cache_dir, "/home/u/.cache/bottled");
  EXPECT_EQ(places->socket,
            fmt::format("/tmp/bottled-{}/v1.sock", ::geteuid()));
}

TEST(Places, XdgThenVariablesThenFlags) {
  std::map<std::string, std::string> env = {{"HOME", "/home/u"},
                                            {"XDG_STATE_HOME", "/xs"},
                                            {"XDG_CACHE_HOME", "/xc/"},
                                            {"XDG_RUNTIME_DIR", "/run/u"}};
  auto places = Places::Resolve(MapEnv(env), {});
  ASSERT_TRUE(places.ok()) << places.status();
  EXPECT_EQ(places->state_dir, "/xs/bottled");
  EXPECT_EQ(places->cache_dir, "/xc/bottled");
  EXPECT_EQ(places->socket, "/run/u/bottled/v1.sock");

  env["BOTTLED_STATE_DIR"] = "/bs/";
  env["BOTTLED_CACHE_DIR"] = "/bc";
  env["BOTTLED_SOCKET"] = "/b.sock";
  places = Places::Resolve(MapEnv(env), {});
  ASSERT_TRUE(places.ok()) << places.status();
  EXPECT_EQ(places->state_dir, "/bs");
  EXPECT_EQ(places->cache_dir, "/bc");
  EXPECT_EQ(places->socket, "/b.sock");

  places = Places::Resolve(
      MapEnv(env),
      {.state_dir = "/fs", .cache_dir = "/fc", .socket = "/f.sock"});
  ASSERT_TRUE(places.ok()) << places.status();
  EXPECT_EQ(places->state_dir, "/fs");
  EXPECT_EQ(places->cache_dir, "/fc");
  EXPECT_EQ(places->socket, "/f.sock");
}

TEST(Places, EmptyVariablesCountAsUnset) {
  const auto places = Places::Resolve(MapEnv({{"HOME", "/h"},
                                              {"XDG_STATE_HOME", ""},
                                              {"BOTTLED_CACHE_DIR", ""},
                                              {"XDG_RUNTIME_DIR", ""},
                                              {"BOTTLED_SOCKET", ""}}),
                                      {});
  ASSERT_TRUE(places.ok()) << places.status();
  EXPECT_EQ(places->state_dir, "/h/.local/state/bottled");
  EXPECT_EQ(places->cache_dir, "/h/.cache/bottled");
  EXPECT_THAT(places->socket.native(), HasSubstr("/tmp/bottled-"));
}

TEST(Places, HomeIsNeededOnlyWhenNothingElseSays) {
  const auto missing = Places::Resolve(MapEnv({}), {});
  EXPECT_TRUE(HasReason(missing.status(), "BAD_PATH"));
  EXPECT_THAT(std::string(missing.status().message()), HasSubstr("HOME"));
  EXPECT_TRUE(
      Places::Resolve(MapEnv({}), {.state_dir = "/s", .cache_dir = "/c"}).ok());
}

TEST(Places, RelativePathsAreErrorsThatNameTheirOrigin) {
  for (const char* name :
       {"BOTTLED_STATE_DIR", "BOTTLED_CACHE_DIR", "BOTTLED_SOCKET",
        "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR", "HOME"}) {
    std::map<std::string, std::string> env = {{"HOME", "/home/u"}};
    env[name] = "relative/path";
    const auto places = Places::Resolve(MapEnv(env), {});
    EXPECT_TRUE(HasReason(places.status(), "BAD_PATH")) << name;
    EXPECT_THAT(std::string(places.status().message()), HasSubstr(name));
  }
  EXPECT_TRUE(HasReason(
      Places::Resolve(MapEnv({{"HOME", "/h"}}), {.socket = "x.sock"}).status(),
      "BAD_PATH"));
}

TEST(Places, SocketPathMustFit) {
  const auto resolve = [](size_t length) {
    PlaceOverrides overrides;
    overrides.socket = "/" + std::string(length - 1, 's');
    return Places::Resolve(MapEnv({{"HOME", "/h"}}), overrides);
  };
#ifdef __APPLE__
  constexpr size_t kLimit = 103;
#else
  constexpr size_t kLimit = 107;
#endif
  EXPECT_TRUE(resolve(kLimit).ok());
  EXPECT_TRUE(HasReason(resolve(kLimit + 1).status(), "BAD_PATH"));
}

TEST(Places, NamesOnDisk) {
  Places places;
  places.state_dir = "/s";
  places.cache_dir = "/c";
  const std::string hex = "ab" + std::string(62, '0');
  EXPECT_EQ(places.database(), "/s/bottled.db");
  EXPECT_EQ(places.lock(), "/s/LOCK");
  EXPECT_EQ(places.log_dir(), "/s/logs");
  EXPECT_EQ(places.object_dir(hex), "/c/obj/ab");
  EXPECT_EQ(places.object(hex), "/c/obj/ab/" + hex + ".smolmachine");
  EXPECT_EQ(places.object_record(hex), "/c/obj/ab/" + hex + ".json");
  EXPECT_EQ(places.job_stage("j1"), "/c/stage/j1");
  EXPECT_EQ(places.quarantine(), "/c/quarantine");
  EXPECT_EQ(places.trash(), "/c/trash");
  EXPECT_EQ(ParseObjectName(places.object(hex).filename().native()), hex);
}

TEST(Places, ParseObjectNameIsStrict) {
  const std::string hex(64, 'f');
  EXPECT_EQ(ParseObjectName(hex + ".smolmachine"), hex);
  EXPECT_EQ(ParseObjectName(hex), std::nullopt);
  EXPECT_EQ(ParseObjectName(""), std::nullopt);
  EXPECT_EQ(ParseObjectName(".smolmachine"), std::nullopt);
  EXPECT_EQ(ParseObjectName(hex + ".json"), std::nullopt);
  EXPECT_EQ(ParseObjectName(hex + ".smolmachine~"), std::nullopt);
  EXPECT_EQ(ParseObjectName("f" + hex + ".smolmachine"), std::nullopt);
  EXPECT_EQ(ParseObjectName(std::string(64, 'F') + ".smolmachine"),
            std::nullopt);
  EXPECT_EQ(ParseObjectName(std::string(63, 'f') + "/.smolmachine"),
            std::nullopt);
}

TEST(Places, ProcessEnv) {
  ASSERT_EQ(::setenv("BOTTLED_TEST_VARIABLE", "v", 1), 0);
  EXPECT_EQ(ProcessEnv()("BOTTLED_TEST_VARIABLE"), "v");
  ::unsetenv("BOTTLED_TEST_VARIABLE");
  EXPECT_EQ(ProcessEnv()("BOTTLED_TEST_VARIABLE"), std::nullopt);
}

}  // namespace
}  // namespace bottled
