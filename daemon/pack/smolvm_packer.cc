#include "pack/smolvm_packer.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "base/error.h"
#include "base/status_macros.h"
#include "fmt/format.h"
#include "pack/errors.h"
#include "platform/fd.h"
#include "platform/kvm.h"
#include "platform/pipe.h"
#include "platform/process.h"

namespace bottled {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// Run by root, smolvm's VM is another user, who must get to what lies in these
// but need not see what else there is.
constexpr mode_t kPassableMode = 0711;
constexpr milliseconds kWatchTick(100);
constexpr milliseconds kLookPause(1'000);
// More files than that are not looked at: what smolvm writes there are some
// large ones.
constexpr int kMaxLookedAt = 20'000;
// What a pipe may still hold of a program that has ended; somebody who was not
// ended with it may go on writing.
constexpr size_t kMaxLastBytes = size_t{1} << 20;

absl::Status MakeStage(const std::filesystem::path& dir) {
  for (const char* name : {"out", "work", "state", "staging", "tmp"}) {
    const std::filesystem::path path = dir / name;
    // chmod(), as of mkdir()'s mode the umask leaves less.
    if (::mkdir(path.c_str(), kPassableMode) != 0 ||
        ::chmod(path.c_str(), kPassableMode) != 0) {
      return ErrnoError(errno, "cannot make " + path.native());
    }
  }
  // Empty: else it would read the user's.
  const std::filesystem::path config = dir / "smolvm.toml";
  const Fd file(
      ::open(config.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  return file.valid() ? absl::OkStatus()
                      : ErrnoError(errno, "cannot make " + config.native());
}

// What the files below `dir` take on the disk. Follows no links.
int64_t BytesBelow(const std::filesystem::path& dir) {
  namespace fs = std::filesystem;
  std::error_code error;
  fs::recursive_directory_iterator entry(
      dir, fs::directory_options::skip_permission_denied, error);
  int64_t bytes = 0;
  for (int seen = 0; !error && entry != fs::recursive_directory_iterator() &&
                     seen < kMaxLookedAt;
       ++seen) {
    struct stat info{};
    if (::lstat(entry->path().c_str(), &info) == 0) {
      bytes += static_cast<int64_t>(info.st_blocks) * 512;
    }
    entry.increment(error);
  }
  return bytes;
}

// Whether anything happens.
class StallWatch {
 public:
  StallWatch(const SmolvmPackSpec& spec, steady_clock::time_point now)
      : spec_(spec),
        pause_(std::min(kLookPause, spec.stall_limit / 2)),
        bytes_(BytesBelow(spec.stage_dir)),
        active_at_(now),
        look_at_(now + pause_) {}

  void OnOutput() { active_at_ = steady_clock::now(); }

  bool Stalled() {
    if (steady_clock::now() >= look_at_) {
      const int64_t bytes = BytesBelow(spec_.stage_dir);
      const auto now = steady_clock::now();
      if (bytes > bytes_) {
        active_at_ = now;
      }
      bytes_ = bytes;
      // However long it took to look.
      look_at_ = now + pause_;
    }
    return steady_clock::now() - active_at_ >= spec_.stall_limit;
  }

 private:
  const SmolvmPackSpec& spec_;
  const milliseconds pause_;
  int64_t bytes_;
  steady_clock::time_point active_at_;
  steady_clock::time_point look_at_;
};

// Both outputs of the program, and what they amount to.
class Outputs {
 public:
  explicit Outputs(const SmolvmSink& sink) : sink_(sink) {}

  // The ends for the child; CloseWriteEnds() once it has them.
  absl::Status Open() {
    for (Stream& stream : streams_) {
      ASSIGN_OR_RETURN(stream.pipe, MakePipe());
    }
    return absl::OkStatus();
  }
  int out_fd() const { return streams_[0].pipe.write.get(); }
  int err_fd() const { return streams_[1].pipe.write.get(); }
  void CloseWriteEnds() {
    for (Stream& stream : streams_) {
      stream.pipe.write.Reset();
    }
  }

  // Waits for bytes, an end, a cancellation, or for `limit`; takes what is
  // there. Returns the number of bytes.
  size_t Take(milliseconds limit, const CancelToken& cancel) {
    std::array<pollfd, 3> wait = {
        pollfd{streams_[0].pipe.read.get(), POLLIN, 0},
        pollfd{streams_[1].pipe.read.get(), POLLIN, 0},
        pollfd{cancel.fd(), POLLIN, 0}};
    if (::poll(wait.data(), wait.size(), static_cast<int>(limit.count())) <=
        0) {
      return 0;
    }
    size_t taken = 0;
    for (size_t i = 0; i < streams_.size(); ++i) {
      if (wait.at(i).revents != 0) {
        taken += Read(streams_.at(i));
      }
    }
    return taken;
  }

  // What is left after the end.
  void TakeRest() {
    size_t taken = 0;
    while (taken < kMaxLastBytes) {
      const size_t more = Take(milliseconds(0), CancelToken());
      if (more == 0) {
        break;
      }
      taken += more;
    }
    for (Stream& stream : streams_) {
      Tell(stream.output.Finish());
    }
  }

  // The last that was said; errors are on the second.
  std::string Words() const {
    const SmolvmOutput& out = streams_[0].output;
    const SmolvmOutput& err = streams_[1].output;
    for (const std::string& words :
         {err.error(), out.error(), err.last_line(), out.last_line()}) {
      if (!words.empty()) {
        return words;
      }
    }
    return {};
  }

 private:
  struct Stream {
    Pipe pipe;
    SmolvmOutput output;
  };

  size_t Read(Stream& stream) {
    ssize_t got = 0;
    do {
      got = ::read(stream.pipe.read.get(), buffer_.data(), buffer_.size());
    } while (got < 0 && errno == EINTR);
    if (got <= 0) {
      stream.pipe.read.Reset();
      return 0;
    }
    const auto size = static_cast<size_t>(got);
    Tell(stream.output.Add(std::string_view(buffer_.data(), size)));
    return size;
  }

  void Tell(const std::vector<std::string>& lines) {
    for (const std::string& line : lines) {
      if (sink_.line != nullptr) {
        sink_.line(line);
      }
    }
    // Each stream knows of some phases only.
    const auto rank = [](const SmolvmProgress& progress) {
      return std::pair(progress.phase, progress.done);
    };
    for (const Stream& stream : streams_) {
      const SmolvmProgress& progress = stream.output.progress();
      if (rank(progress) > rank(told_)) {
        told_ = progress;
        if (sink_.progress != nullptr) {
          sink_.progress(told_);
        }
      }
    }
  }

  const SmolvmSink& sink_;
  std::array<Stream, 2> streams_;
  SmolvmProgress told_;
  std::array<char, 64 << 10> buffer_{};
};

bool IsWordPart(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' ||
         c == '/' || c == '.' || c == ':';
}

// "KVM", "/dev/kvm", "KVM_CREATE_VM", but no path or image that is called so.
bool NamesKvm(std::string_view lower) {
  constexpr std::string_view kWord = "kvm";
  if (lower.find("/dev/kvm") != lower.npos) {
    return true;
  }
  for (size_t at = lower.find(kWord); at != lower.npos;
       at = lower.find(kWord, at + 1)) {
    const size_t end = at + kWord.size();
    const bool begins = at == 0 || !IsWordPart(lower[at - 1]);
    const bool ends = end == lower.size() || lower[end] == ':' ||
                      lower[end] == '.' || !IsWordPart(lower[end]);
    if (begins && ends) {
      return true;
    }
  }
  return false;
}

bool IsVmTrouble(std::string_view words) {
  std::string lower(words);
  absl::AsciiStrToLower(&lower);
  return NamesKvm(lower) || lower.find("hypervisor") != lower.npos ||
         // libkrun's own words, as "KvmContext(KvmOpen(Error(13)))".
         lower.find("kvmcontext(") != lower.npos ||
         lower.find("before the agent was ready") != lower.npos ||
         lower.find("agent did not become ready") != lower.npos ||
         lower.find("no boot progress") != lower.npos;
}

absl::Status Failure(int wait_status, const std::string& words) {
  if (words.find("No space left on device") != words.npos) {
    return ErrnoError(ENOSPC, "smolvm pack create: " + words);
  }
  if (IsVmTrouble(words)) {
    const KvmStatus kvm = CheckKvm(KvmDevice());
    return VmUnavailableError(
        words, kvm.state == KvmStatus::State::kOk ? "" : kvm.message);
  }
  return SmolvmPackFailedError(
      WIFSIGNALED(wait_status)
          ? fmt::format("ended by signal {}", WTERMSIG(wait_status))
          : fmt::format("exit status {}", WEXITSTATUS(wait_status)),
      words);
}

// The output must be a file that lies in the directory that we made.
absl::Status CheckOutput(const std::filesystem::path& output,
                         const std::string& words) {
  const Fd dir(::open(output.parent_path().c_str(),
                      O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!dir.valid()) {
    return SmolvmOutputInvalidError("its directory is gone", words);
  }
  const Fd file(::openat(dir.get(), output.filename().c_str(),
                         O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!file.valid()) {
    return SmolvmOutputInvalidError(
        errno == ENOENT  ? "left no .smolmachine file"
        : errno == ELOOP ? "its .smolmachine file is a symbolic link"
                         : "its .smolmachine file cannot be opened",
        words);
  }
  struct stat info{};
  if (::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode)) {
    return SmolvmOutputInvalidError("its .smolmachine file is no regular file",
                                    words);
  }
  return absl::OkStatus();
}

// Runs the program to its end, or ends it. The wait status.
absl::StatusOr<int> Watch(const SmolvmPackSpec& spec, Process& program,
                          Outputs& outputs, const CancelToken& cancel) {
  const auto began = steady_clock::now();
  StallWatch stall(spec, began);
  while (true) {
    int status = 0;
    if (program.TryWait(&status)) {
      // Its group, should there be no supervisor.
      program.Stop(milliseconds(0));
      outputs.TakeRest();
      return status;
    }
    if (outputs.Take(kWatchTick, cancel) > 0) {
      stall.OnOutput();
    }
    absl::Status reason = cancel.Check();
    if (reason.ok() && steady_clock::now() - began >= spec.total_limit) {
      reason = PackTimeoutError(spec.total_limit, outputs.Words());
    }
    if (reason.ok() && stall.Stalled()) {
      reason = PackStalledError(spec.stall_limit, outputs.Words());
    }
    if (!reason.ok()) {
      program.Stop(spec.grace);
      outputs.TakeRest();
      return reason;
    }
  }
}

}  // namespace

absl::StatusOr<std::filesystem::path> RunSmolvmPack(const SmolvmPackSpec& spec,
                                                    const SmolvmSink& sink,
                                                    const CancelToken& cancel) {
  RETURN_IF_ERROR(cancel.Check());
  RETURN_IF_ERROR(MakeStage(spec.stage_dir));
  const SmolvmCommand command = MakeSmolvmCommand(spec);
  Outputs outputs(sink);
  RETURN_IF_ERROR(outputs.Open());
  ASSIGN_OR_RETURN(Process program,
                   Process::Start({.argv = command.argv,
                                   .env = command.env,
                                   .stdout_fd = outputs.out_fd(),
                                   .stderr_fd = outputs.err_fd(),
                                   .new_session = true,
                                   .working_dir = command.working_dir,
                                   .supervisor = spec.supervisor,
                                   // Its VM is another user only then.
                                   .public_files = ::geteuid() == 0}));
  outputs.CloseWriteEnds();
  ASSIGN_OR_RETURN(const int status, Watch(spec, program, outputs, cancel));
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return Failure(status, outputs.Words());
  }
  RETURN_IF_ERROR(CheckOutput(command.output, outputs.Words()));
  return command.output;
}

}  // namespace bottled
