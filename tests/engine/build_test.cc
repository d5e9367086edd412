#include "engine/build.h"

#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "platform/temp_dir.h"

namespace bottled {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

const EngineEndpoint kEngine = {.host = "unix:///e.sock"};

BuildSpec Spec() {
  BuildSpec spec;
  spec.context = "/ctx";
  spec.environment = {{"PATH", "/bin"}, {"HOME", "/home/me"}};
  return spec;
}

TEST(BuildCommandTest, NamesTheEngineAndBothTags) {
  BuildSpec spec = Spec();
  spec.tag = "app:1";
  spec.dockerfile = "/ctx/F";
  spec.target = "t";
  spec.no_cache = true;
  const BuildCommand command = MakeBuildCommand(spec, kEngine, true, "u:1");
  EXPECT_THAT(command.argv,
              ElementsAre("docker", "buildx", "build", "--progress=plain",
                          "--load", "--file=/ctx/F", "--target=t", "--no-cache",
                          "--tag=u:1", "--tag=app:1", "/ctx"));
  EXPECT_THAT(command.env, Contains("DOCKER_HOST=unix:///e.sock"));
  EXPECT_THAT(command.env, Contains("HOME=/home/me"));
  EXPECT_THAT(command.env, Contains("BUILDX_NO_DEFAULT_ATTESTATIONS=1"));
}

TEST(BuildCommandTest, ValuesOfArgumentsStayOutOfTheArguments) {
  BuildSpec spec = Spec();
  spec.args = {{.name = "TOKEN", .value = "s3cret-value"},
               {.name = "PASSED", .value = std::nullopt},
               {.name = "HTTP_PROXY", .value = "http://p"}};
  const BuildCommand command = MakeBuildCommand(spec, kEngine, false, "u:1");
  EXPECT_THAT(command.argv, Contains("--build-arg=TOKEN"));
  EXPECT_THAT(command.argv, Contains("--build-arg=PASSED"));
  // It would change what the CLI itself does.
  EXPECT_THAT(command.argv, Contains("--build-arg=HTTP_PROXY=http://p"));
  EXPECT_THAT(command.env, Contains("TOKEN=s3cret-value"));
  for (const std::string& argument : command.argv) {
    EXPECT_THAT(argument, Not(HasSubstr("s3cret")));
  }
}

TEST(BuildCommandTest, TheClientsChoiceOfEngineIsNotMadeAgain) {
  BuildSpec spec = Spec();
  spec.environment["DOCKER_CONTEXT"] = "other";
  spec.environment["DOCKER_TLS_VERIFY"] = "1";
  EXPECT_THAT(MakeBuildCommand(spec, kEngine, true, "u:1").env,
              Not(Contains(::testing::AnyOf(StartsWith("DOCKER_CONTEXT="),
                                            StartsWith("DOCKER_TLS")))));
  EXPECT_THAT(MakeBuildCommand(spec, {.host = "tcp://h:1", .tls_dir = "/c"},
                               true, "u:1")
                  .env,
              ::testing::AllOf(Contains("DOCKER_TLS_VERIFY=1"),
                               Contains("DOCKER_CERT_PATH=/c")));
}

TEST(ValidateBuildTest, RefusesWhatNoBuilderTakes) {
  EXPECT_TRUE(ValidateBuild(Spec()).ok());
  const auto refused = [](const auto& change) {
    BuildSpec spec = Spec();
    change(spec);
    return HasReason(ValidateBuild(spec), "BAD_BUILD");
  };
  EXPECT_TRUE(refused([](BuildSpec& s) { s.context = "ctx"; }));
  EXPECT_TRUE(refused([](BuildSpec& s) { s.context = "--privileged"; }));
  EXPECT_TRUE(refused([](BuildSpec& s) { s.dockerfile = "Dockerfile"; }));
  EXPECT_TRUE(refused([](BuildSpec& s) { s.args = {{"A B", "v"}}; }));
  EXPECT_TRUE(refused([](BuildSpec& s) { s.args = {{"", "v"}}; }));
  EXPECT_TRUE(
      refused([](BuildSpec& s) { s.args = {{"A", std::string("v\0w", 3)}}; }));
  EXPECT_TRUE(refused([](BuildSpec& s) { s.environment["A=B"] = "v"; }));
  EXPECT_TRUE(refused([](BuildSpec& s) { s.target = std::string(5000, 't'); }));
  EXPECT_TRUE(refused([](BuildSpec& s) { s.secrets.assign(1000, "id=x"); }));
}

// A docker command of our own, for what the real one cannot be made to do.
class FakeCli : public ::testing::Test {
 protected:
  void Install(const std::string& script) {
    const std::string path = (dir_.path() / "docker").string();
    std::ofstream(path) << "#!/bin/sh\n" << script;
    ::chmod(path.c_str(), 0755);
    spec_ = Spec();
    spec_.environment["PATH"] = dir_.path().string() + ":/usr/bin:/bin";
  }

  absl::Status Run(const CancelToken& cancel = {}) {
    return RunBuild(
        spec_, kEngine, true, "u:1",
        {.line = [this](const std::string& line) { lines_.push_back(line); },
         .steps = [this](BuildOutput::Steps steps) { steps_ = steps; }},
        /*supervisor=*/"", cancel);
  }

  TempDir dir_;
  BuildSpec spec_;
  std::vector<std::string> lines_;
  BuildOutput::Steps steps_;
};

TEST_F(FakeCli, PassesOutputAndSteps) {
  Install(
      "[ \"$2\" = version ] && exit 0\n"
      "echo '#5 [1/2] FROM x'\necho '#6 [2/2] RUN y' >&2\nprintf last\n");
  EXPECT_TRUE(Run().ok());
  EXPECT_THAT(lines_, Contains("#5 [1/2] FROM x"));
  EXPECT_THAT(lines_, Contains("last"));
  EXPECT_EQ(steps_, (BuildOutput::Steps{.done = 2, .total = 2}));
}

TEST_F(FakeCli, FallsBackWithoutThePlugin) {
  Install("[ \"$1\" = buildx ] && exit 1\necho \"$1 $DOCKER_BUILDKIT\"\n");
  EXPECT_TRUE(Run().ok());
  EXPECT_THAT(lines_, ElementsAre("build 0"));
  spec_.secrets = {"id=x,env=Y"};
  EXPECT_TRUE(HasReason(Run(), "BAD_BUILD"));
}

TEST_F(FakeCli, AFailureNamesStepAndLastLine) {
  Install(
      "[ \"$2\" = version ] && exit 0\n"
      "echo '#6 [2/2] RUN false'\necho 'ERROR: no luck'\nexit 3\n");
  const absl::Status status = Run();
  EXPECT_TRUE(HasReason(status, "BUILD_FAILED"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("[2/2] RUN false"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("no luck"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("exit code 3"));
}

TEST_F(FakeCli, SecretsAreTakenOutOfLines) {
  Install("[ \"$2\" = version ] && exit 0\necho \"token is $TOKEN, ok\"\n");
  spec_.args = {{.name = "TOKEN", .value = "canary-0123456789"}};
  EXPECT_TRUE(Run().ok());
  EXPECT_THAT(lines_, ElementsAre("token is ***, ok"));

  lines_.clear();
  spec_.args = {{.name = "TOKEN", .value = std::nullopt}};
  spec_.environment["TOKEN"] = "canary-from-the-environment";
  EXPECT_TRUE(Run().ok());
  EXPECT_THAT(lines_, ElementsAre("token is ***, ok"));
}

TEST_F(FakeCli, ACancelEndsTheWholeGroup) {
  const std::string pid_file = (dir_.path() / "pid").string();
  Install(
      "[ \"$2\" = version ] && exit 0\n"
      "trap '' TERM\nsleep 1000 &\necho $! >" +
      pid_file +
      "\n"
      "echo started\nwait\n");
  CancelSource source;
  std::thread canceller([&] {
    while (!std::ifstream(pid_file).good()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    source.Cancel();
  });
  EXPECT_EQ(Run(source.token()).code(), absl::StatusCode::kCancelled);
  canceller.join();
  pid_t pid = 0;
  std::ifstream(pid_file) >> pid;
  // Gone, or a zombie that init has not collected yet.
  std::string state;
  for (int i = 0; i < 100; ++i) {
    std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
    state.assign(std::istreambuf_iterator<char>(stat), {});
    if (state.empty() || state.find(") Z") != std::string::npos) {
      return;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  FAIL() << state;
}

TEST(RunBuildTest, WithoutACliThereIsAReason) {
  const TempDir dir;
  BuildSpec spec = Spec();
  spec.environment["PATH"] = dir.path().string();
  EXPECT_TRUE(HasReason(RunBuild(spec, kEngine, true, "u:1",
                                 {.line = [](const std::string&) {},
                                  .steps = [](BuildOutput::Steps) {}},
                                 "", {}),
                        "BUILDER_NOT_FOUND"));
}

}  // namespace
}  // namespace bottled
