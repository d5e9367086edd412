#include "jobs/preflight.h"

#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "engine/tools.h"
#include "fakes/fake_engine.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jobs/tools.h"

namespace bottled {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::EngineFixture;
using testing::FakeReply;
using ::testing::HasSubstr;
using ::testing::Not;
using Level = Finding::Level;

constexpr int64_t kGiB = int64_t{1} << 30;

class PreflightTest : public ::testing::Test {
 protected:
  PreflightTest() {
    places_.state_dir = dir_.path() / "state";
    places_.cache_dir = dir_.path() / "cache";
    machine_.temporary_dir = dir_.path();
    machine_.free_bytes = [this](const std::filesystem::path& path) {
      asked_.push_back(path);
      return free_bytes_;
    };
    machine_.kvm = [this] { return kvm_; };
    fake_.Route(
        "/info",
        FakeReply::Json(EngineFixture("docker-29.7.2-overlay2/info.json")));
    std::filesystem::create_directory(dir_.path() / "bin");
  }

  // An smolvm that says so.
  void WriteSmolvm(std::string_view version,
                   std::string_view help = " -o, --output") {
    const std::filesystem::path path = dir_.path() / "bin/smolvm";
    std::ofstream(path, std::ios::trunc)
        << "#!/bin/sh\ncase \"$1\" in --version) echo '" << version
        << "';; *) echo '" << help << "';; esac\n";
    ::chmod(path.c_str(), 0755);
  }
  std::string Path() const { return (dir_.path() / "bin").string(); }

  Preflight Make() {
    return Preflight(
        {.engines = engines_, .smolvm = smolvm_, .places = places_}, machine_);
  }
  std::vector<Finding> Diagnose() {
    return Make().Diagnose(testing::EndpointOf(fake_), Path(), CancelToken());
  }
  // The only finding of a check.
  static Finding Of(std::string_view check, const std::vector<Finding>& all) {
    std::vector<Finding> found;
    for (const Finding& finding : all) {
      if (finding.check == check) {
        found.push_back(finding);
      }
    }
    EXPECT_EQ(found.size(), 1U) << check;
    return found.empty() ? Finding() : found.front();
  }

  testing::TempDir dir_;
  testing::FakeEngine fake_;
  Engines engines_{testing::PatientOptions()};
  SmolvmPrograms smolvm_{SmolvmPrograms::Options()};
  Places places_;
  Preflight::Machine machine_;
  absl::StatusOr<int64_t> free_bytes_ = 100 * kGiB;
  KvmStatus kvm_{KvmStatus::State::kOk, "/dev/kvm can be used"};
  std::vector<std::filesystem::path> asked_;
};

TEST_F(PreflightTest, AHealthyMachine) {
  WriteSmolvm("smolvm 1.32.2");
  std::vector<std::string> checks;
  for (const Finding& finding : Diagnose()) {
    checks.push_back(finding.check);
    EXPECT_EQ(finding.level, Level::kOk) << finding.message;
    EXPECT_EQ(finding.reason, "");
    EXPECT_EQ(finding.remedy, "");
    EXPECT_NE(finding.message, "");
  }
  EXPECT_THAT(checks, ElementsAre("engine", "smolvm", "kvm", "disk"));
  checks.clear();
  for (const Finding& finding : Make().Launch(Path())) {
    checks.push_back(finding.check);
    EXPECT_EQ(finding.level, Level::kOk) << finding.message;
  }
  EXPECT_THAT(checks, ElementsAre("smolvm", "kvm", "disk"));
}

TEST_F(PreflightTest, TellsWhatTheEngineIs) {
  fake_.SetVersions("1.44", "1.24");
  Finding engine = Of("engine", Diagnose());
  EXPECT_THAT(engine.message,
              AllOf(HasSubstr("docker 29.7.2"), HasSubstr(fake_.host()),
                    HasSubstr("API 1.44"), HasSubstr("store overlay2")));
  fake_.SetPodman(true);
  fake_.Route("/info",
              FakeReply::Json(EngineFixture("podman-4.3.1/info.json")));
  fake_.Stop();
  Diagnose();
  fake_.Start();
  engine = Of("engine", Diagnose());
  EXPECT_THAT(engine.message, HasSubstr("podman 4.3.1"));
}

TEST_F(PreflightTest, AnEngineThatIsGoneIsNotTakenFromMemory) {
  EXPECT_EQ(Of("engine", Diagnose()).level, Level::kOk);
  fake_.Stop();
  const Finding engine = Of("engine", Diagnose());
  EXPECT_EQ(engine.level, Level::kFail);
  EXPECT_EQ(engine.reason, "ENGINE_UNREACHABLE");
  EXPECT_NE(engine.remedy, "");
  EXPECT_EQ(Make().Launch(Path()).size(), 3U);
}

TEST_F(PreflightTest, AnEngineThatTalksNonsense) {
  fake_.Route("/info", FakeReply::Json("[\"\x1b[31m\"]"));
  const Finding engine = Of("engine", Diagnose());
  EXPECT_EQ(engine.level, Level::kFail);
  EXPECT_EQ(engine.reason, "ENGINE_ANSWER_INVALID");
  EXPECT_THAT(engine.message, Not(HasSubstr("\x1b")));
}

TEST_F(PreflightTest, NoEngineIsAFindingToo) {
  const auto findings = Make().Diagnose(
      MakeError(absl::StatusCode::kInvalidArgument, "ENGINE_CONTEXT_NOT_FOUND",
                "no such context", "Choose another."),
      Path(), CancelToken());
  const Finding engine = Of("engine", findings);
  EXPECT_EQ(engine.level, Level::kFail);
  EXPECT_EQ(engine.reason, "ENGINE_CONTEXT_NOT_FOUND");
  EXPECT_EQ(engine.message, "no such context");
  EXPECT_EQ(engine.remedy, "Choose another.");
  EXPECT_EQ(findings.size(), 4U);
}

TEST_F(PreflightTest, ACancelledEngineCallEnds) {
  CancelSource source;
  source.Cancel();
  const auto findings =
      Make().Diagnose(testing::EndpointOf(fake_), Path(), source.token());
  EXPECT_EQ(Of("engine", findings).reason, "CANCELLED");
}

TEST_F(PreflightTest, SmolvmFindings) {
  const struct {
    std::string_view version;
    std::string_view help;
    Level packing;
    Level launching;
    std::string_view reason;
    std::string_view message;
  } kCases[] = {
      {"smolvm 1.8.0", "-o ", Level::kOk, Level::kOk, "", "smolvm 1.8.0"},
      {"smolvm 2.0.0", "-o ", Level::kOk, Level::kOk, "", "smolvm 2.0.0"},
      {"smolvm 1.7.9", "-o ", Level::kFail, Level::kFail, "SMOLVM_TOO_OLD",
       "allow list"},
      {"smolvm 0.8.0", "-o ", Level::kFail, Level::kFail, "SMOLVM_TOO_OLD",
       "0.8.0"},
      {"smolvm 0.3.1", "usage:", Level::kFail, Level::kFail, "SMOLVM_FOREIGN",
       "not the smolvm of smol-machines"},
      {"SmolVM", "-o ", Level::kFail, Level::kFail, "SMOLVM_FOREIGN", "SmolVM"},
  };
  for (const auto& test : kCases) {
    WriteSmolvm(test.version, test.help);
    const Finding packing = Of("smolvm", Diagnose());
    EXPECT_EQ(packing.level, test.packing) << test.version;
    EXPECT_EQ(packing.reason, test.reason) << packing.message;
    EXPECT_THAT(packing.message, HasSubstr(std::string(test.message)));
    EXPECT_EQ(packing.remedy.empty(), test.reason.empty());
    const Finding launching = Of("smolvm", Make().Launch(Path()));
    EXPECT_EQ(launching.level, test.launching) << test.version;
    EXPECT_EQ(launching.reason, test.reason);
  }
}

TEST_F(PreflightTest, AMissingSmolvmOnlyStopsLaunching) {
  const Finding packing = Of("smolvm", Diagnose());
  EXPECT_EQ(packing.level, Level::kWarn);
  EXPECT_EQ(packing.reason, "SMOLVM_NOT_FOUND");
  EXPECT_THAT(packing.message, HasSubstr("launched"));
  const Finding launching = Of("smolvm", Make().Launch(Path()));
  EXPECT_EQ(launching.level, Level::kFail);
  EXPECT_EQ(launching.reason, "SMOLVM_NOT_FOUND");
}

TEST_F(PreflightTest, KvmFindings) {
  const struct {
    KvmStatus::State state;
    std::string_view reason;
    std::string_view remedy;
  } kCases[] = {
      {KvmStatus::State::kAbsent, "KVM_ABSENT", "nested virtualisation"},
      {KvmStatus::State::kDenied, "KVM_DENIED", "usermod -aG kvm"},
      {KvmStatus::State::kOther, "KVM_UNUSABLE", "kernel's log"},
  };
  for (const auto& test : kCases) {
    kvm_ = {test.state, "what was found"};
    const Finding packing = Of("kvm", Diagnose());
    EXPECT_EQ(packing.level, Level::kWarn);
    EXPECT_EQ(packing.reason, test.reason);
    EXPECT_THAT(packing.message, HasSubstr("what was found"));
    EXPECT_THAT(packing.remedy, HasSubstr(std::string(test.remedy)));
    EXPECT_EQ(Of("kvm", Make().Launch(Path())).level, Level::kFail);
  }
}

TEST_F(PreflightTest, DiskFindings) {
  const struct {
    int64_t bytes;
    Level level;
    std::string_view reason;
    std::string_view text;
  } kCases[] = {
      {5 * kGiB, Level::kOk, "", "5.00 GiB"},
      {5 * kGiB - 1, Level::kWarn, "DISK_LOW", "only "},
      {kGiB / 2, Level::kWarn, "DISK_LOW", "512 MiB"},
      {kGiB / 2 - 1, Level::kFail, "DISK_FULL", "only "},
      {0, Level::kFail, "DISK_FULL", "0 B"},
  };
  for (const auto& test : kCases) {
    free_bytes_ = test.bytes;
    for (const Finding& disk :
         {Of("disk", Diagnose()), Of("disk", Make().Launch(Path()))}) {
      EXPECT_EQ(disk.level, test.level) << test.bytes;
      EXPECT_EQ(disk.reason, test.reason);
      EXPECT_THAT(disk.message, HasSubstr(std::string(test.text)));
      EXPECT_EQ(disk.remedy.empty(), test.reason.empty());
      // All three are on one disk, and are named.
      for (const std::filesystem::path& path :
           {places_.state_dir, places_.cache_dir, machine_.temporary_dir}) {
        EXPECT_THAT(disk.message, HasSubstr(path.string()));
      }
    }
  }
}

TEST_F(PreflightTest, ADiskThatCannotBeAsked) {
  free_bytes_ = ErrnoError(EIO, "statvfs /x");
  const Finding disk = Of("disk", Diagnose());
  EXPECT_EQ(disk.level, Level::kWarn);
  EXPECT_EQ(disk.reason, "IO_ERROR");
}

TEST_F(PreflightTest, AsksEachDiskOnce) {
  // Neither directory exists: what is asked is the nearest that does.
  places_.cache_dir = dir_.path() / "a/b/c";
  Make().Launch(Path());
  EXPECT_THAT(asked_, ElementsAre(dir_.path()));
  asked_.clear();
  struct stat here{};
  struct stat other{};
  ASSERT_EQ(::stat(dir_.path().c_str(), &here), 0);
  ASSERT_EQ(::stat("/proc", &other), 0);
  ASSERT_NE(here.st_dev, other.st_dev);
  places_.cache_dir = "/proc/bottled/\x1b[0m";
  const auto findings = Make().Launch(Path());
  EXPECT_EQ(findings.size(), 4U);
  EXPECT_THAT(asked_, ElementsAre(dir_.path(), "/proc"));
  EXPECT_THAT(findings[3].message,
              AllOf(HasSubstr("/proc/bottled/"), Not(HasSubstr("\x1b"))));
}

TEST(PreflightMachineTest, ThisOneAnswers) {
  const Preflight::Machine machine = Preflight::Machine::This();
  EXPECT_TRUE(machine.temporary_dir.is_absolute());
  const auto free_bytes = machine.free_bytes("/");
  ASSERT_TRUE(free_bytes.ok()) << free_bytes.status();
  EXPECT_GE(*free_bytes, 0);
  EXPECT_NE(machine.kvm().message, "");
}

}  // namespace
}  // namespace bottled
