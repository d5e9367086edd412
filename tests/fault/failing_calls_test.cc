// Every call of publication, removal, quarantine and recovery fails in turn
// (reliability.md, test 6).
//
//   BOTTLED_FAULT_STRIDE   every how many calls (1)
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/seed.h"
#include "fault/trace.h"
#include "fault/workload.h"
#include "fmt/format.h"
#include "gtest/gtest.h"
#include "platform/temp_dir.h"
#include "store/errors.h"
#include "store/store_env.h"

namespace bottled::testing {
namespace {

namespace fs = std::filesystem;

struct Fault {
  const char* name;
  int error;  // 0: writes end after half of their bytes
  bool lasts;
  std::function<bool(const FaultCall&)> hits;
};

bool IsWrite(const FaultCall& call) { return call.op == FaultOp::kWrite; }
bool NeedsSpace(const FaultCall& call) {
  return call.op == FaultOp::kWrite || call.op == FaultOp::kCreate ||
         call.op == FaultOp::kMkdir || call.op == FaultOp::kRename ||
         call.op == FaultOp::kLink || call.op == FaultOp::kAllocate;
}
bool Opens(const FaultCall& call) {
  return call.op == FaultOp::kOpen || call.op == FaultOp::kCreate;
}
bool Changes(const FaultCall& call) { return call.op != FaultOp::kStat; }
// By descriptor: os_unix.c repeats SQLite's own calls.
bool IsOurWrite(const FaultCall& call) { return IsWrite(call) && call.fd >= 0; }

std::vector<Fault> Faults() {
  return {
      {.name = "EIO", .error = EIO, .lasts = false, .hits = Changes},
      {.name = "EIO for good", .error = EIO, .lasts = true, .hits = Changes},
      {.name = "ENOSPC", .error = ENOSPC, .lasts = false, .hits = NeedsSpace},
      {.name = "ENOSPC for good",
       .error = ENOSPC,
       .lasts = true,
       .hits = NeedsSpace},
      {.name = "EDQUOT for good",
       .error = EDQUOT,
       .lasts = true,
       .hits = NeedsSpace},
      {.name = "EMFILE for good",
       .error = EMFILE,
       .lasts = true,
       .hits = Opens},
      {.name = "EINTR", .error = EINTR, .lasts = false, .hits = IsOurWrite},
      {.name = "short write", .error = 0, .lasts = false, .hits = IsOurWrite},
  };
}

// Fails the n-th call that the fault hits, and notices what must not be done
// after an fsync has failed.
class NthCall {
 public:
  NthCall(const Fault& fault, int n) : fault_(fault), left_(n) {}

  int operator()(FaultCall& call) {
    NoticeRetry(call);
    if (!on_ || !fault_.hits(call)) {
      return 0;
    }
    --left_;
    if (left_ > 0 || (left_ < 0 && !fault_.lasts)) {
      return 0;
    }
    happened_ = true;
    site_ = call.op == FaultOp::kStat
                ? ""
                : std::string(NameOf(call.op)) + " " + PathOf(call);
    if (fault_.error == 0) {
      call.data =
          call.data.substr(0, std::max<size_t>(1, call.data.size() / 2));
      return 0;
    }
    if (call.op == FaultOp::kFsync && call.fd >= 0) {
      struct stat info = {};
      if (::fstat(call.fd, &info) == 0 && S_ISREG(info.st_mode)) {
        unsynced_ = info.st_ino;
      }
    }
    return fault_.error;
  }

  void Lift() { on_ = false; }
  bool happened() const { return happened_; }
  const std::string& site() const { return site_; }
  const std::string& retried() const { return retried_; }

 private:
  void NoticeRetry(const FaultCall& call) {
    struct stat info = {};
    if (unsynced_ == 0) {
      return;
    }
    if (call.op == FaultOp::kFsync && call.fd >= 0 &&
        ::fstat(call.fd, &info) == 0 && info.st_ino == unsynced_) {
      retried_ = "fsync again of " + PathOf(call);
    }
    if (call.op == FaultOp::kRename && ::lstat(call.path.c_str(), &info) == 0 &&
        info.st_ino == unsynced_ &&
        call.to.find("/obj/") != std::string::npos) {
      retried_ = "published without fsync: " + call.to;
    }
  }

  const Fault fault_;
  int left_;
  bool on_ = true;
  bool happened_ = false;
  std::string site_;
  ino_t unsynced_ = 0;
  std::string retried_;
};

std::vector<Step> Steps() {
  return {{.kind = Step::kPublish, .artifact = 1, .key = 1},
          {.kind = Step::kPublish, .artifact = 1, .key = 2},
          {.kind = Step::kPublish, .artifact = 2, .key = 1},
          {.kind = Step::kRemove, .artifact = 1},
          {.kind = Step::kQuarantine, .artifact = 2},
          {.kind = Step::kRestart},
          {.kind = Step::kForeign, .artifact = 3}};
}

int OpenDescriptors() {
  int count = 0;
  for ([[maybe_unused]] const auto& entry :
       fs::directory_iterator("/proc/self/fd")) {
    ++count;
  }
  return count;
}

// One run with the n-th call failing; `happened` says whether there were so
// many.
void RunWith(const Fault& fault, int n, bool& happened) {
  const TempDir dir;
  StoreEnv env(dir.path());
  ASSERT_TRUE(env.Start().ok());
  ASSERT_TRUE(RunStep(env, {.kind = Step::kPublish}, 1, nullptr).ok());
  Trace trace;
  trace.Mark(BeginMark({.kind = Step::kPublish}));
  trace.Mark(EndMark());
  NthCall nth(fault, n);
  Recorder recorder(nullptr, dir.path().native());
  recorder.set_fail(std::ref(nth));
  const Observed observed(recorder);
  int number = 1;
  for (const Step& step : Steps()) {
    absl::Status status = RunStep(env, step, ++number, &trace);
    if (!status.ok()) {
      ASSERT_TRUE(nth.happened()) << status;
      EXPECT_NE(GetErrorDetail(status).reason, "") << status;
      // Not the one that was told to go away.
      const bool full = fault.error == ENOSPC || fault.error == EDQUOT;
      if (full && step.kind != Step::kRestart && step.kind != Step::kForeign) {
        const auto hit = env.objects().Lookup(KeyOf(0));
        EXPECT_TRUE(hit.ok() && hit->has_value()) << hit.status();
      }
      nth.Lift();
      if (step.kind == Step::kRestart || step.kind == Step::kForeign) {
        env.Stop();
        ASSERT_TRUE(env.Start().ok());
        status = RunStep(env, step, 100 + number, &trace);
        ASSERT_TRUE(status.ok()) << status;
        continue;
      }
      const bool published = step.kind == Step::kPublish;
      if (published) {
        EndJob(env, fmt::format("job{}", number));
      }
      const auto hit = env.objects().Lookup(KeyOf(0));
      ASSERT_TRUE(hit.ok() && hit->has_value()) << hit.status();
      status = RunStep(env, step, 100 + number, &trace);
      if (HasReason(status, kIndexDegraded)) {
        // Its remedy: nothing is known of the disk before a restart.
        env.Stop();
        ASSERT_TRUE(env.Start().ok());
        status = RunStep(env, step, 200 + number, &trace);
      }
      ASSERT_TRUE(status.ok()) << status;
    }
  }
  nth.Lift();
  happened = nth.happened();
  EXPECT_EQ(nth.retried(), "");
  env.Stop();
  ASSERT_TRUE(env.Start().ok());
  if (fault.error == EIO) {
    // What was copied in is given up when its fsync fails.
    trace.Mark(BeginMark({.kind = Step::kCopied, .artifact = 3}));
    trace.Mark(EndMark());
  }
  const std::vector<TraceOp> marks = trace.Read();
  ASSERT_EQ(Told::Upto(marks, marks.size()).Broken(env), "") << nth.site();
}

TEST(FailingCalls, EachIsATypedErrorAndNothingBadIsKept) {
  const char* given = std::getenv("BOTTLED_FAULT_STRIDE");
  const int stride = given == nullptr ? 1 : std::atoi(given);
  const unsigned seed = TestSeed();
  std::printf("seed %u\n", seed);
  std::minstd_rand random(seed);
  const int before = OpenDescriptors();
  int runs = 0;
  for (const Fault& fault : Faults()) {
    bool happened = true;
    const int first = 1 + static_cast<int>(random() % stride);
    for (int n = first; happened; n += stride) {
      happened = false;
      SCOPED_TRACE(fmt::format("{}, call {}", fault.name, n));
      RunWith(fault, n, happened);
      if (HasFatalFailure()) {
        return;
      }
      ++runs;
    }
    ASSERT_EQ(OpenDescriptors(), before) << fault.name;
  }
  std::printf("%d runs\n", runs);
}

}  // namespace
}  // namespace bottled::testing
