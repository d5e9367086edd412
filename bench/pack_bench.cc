// pack_bench ARCHIVE DIR [THREADS]: packs the image in ARCHIVE (`docker save`
// or an OCI layout) into a new artifact below DIR, verifies it and removes it.
// Prints how long each stage took and what memory it needed, one figure a line.
//
// "read" includes cutting and compressing, which run beside it; "merge"
// includes cutting again what is only partly alive. The archive should be in
// the page cache: read it once before.

#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "fmt/format.h"
#include "image/archive_reader.h"
#include "image/platform.h"
#include "pack/native_packer.h"
#include "pack/verifier.h"
#include "platform/fd.h"
#include "platform/file.h"

namespace bottled {
namespace {

class FileSource : public ByteSource {
 public:
  explicit FileSource(int fd) : fd_(fd), buffer_(size_t{1} << 20) {}

  absl::StatusOr<std::string_view> Next() override {
    const ssize_t size = ::read(fd_, buffer_.data(), buffer_.size());
    if (size < 0) {
      return absl::UnavailableError("cannot read the archive");
    }
    return std::string_view(buffer_.data(), static_cast<size_t>(size));
  }

 private:
  const int fd_;
  std::vector<char> buffer_;
};

class Stopwatch {
 public:
  // Seconds since construction or the last call, and the processor time in it.
  void Print(std::string_view stage) {
    const auto now = std::chrono::steady_clock::now();
    const double cpu = CpuSeconds();
    rusage usage = {};
    ::getrusage(RUSAGE_SELF, &usage);
    fmt::print("{:<12} {:7.2f} s   cpu {:7.2f} s   peak rss {:4} MiB\n", stage,
               std::chrono::duration<double>(now - start_).count(), cpu - cpu_,
               usage.ru_maxrss / 1024);
    start_ = now;
    cpu_ = cpu;
  }

 private:
  static double CpuSeconds() {
    rusage usage = {};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& time) {
      return static_cast<double>(time.tv_sec) +
             static_cast<double>(time.tv_usec) / 1e6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
  }

  std::chrono::steady_clock::time_point start_ =
      std::chrono::steady_clock::now();
  double cpu_ = CpuSeconds();
};

int Fail(std::string_view what, const absl::Status& status) {
  fmt::print(stderr, "{}: {}\n", what, status.ToString());
  return 1;
}

int VerifyAndRemove(const PackedSidecar& packed, Stopwatch& watch) {
  const Fd file(::open(packed.path.c_str(), O_RDONLY | O_CLOEXEC));
  ::unlink(packed.path.c_str());
  for (const VerifyDepth depth :
       {VerifyDepth::kChecksums, VerifyDepth::kDeep}) {
    const auto report = VerifySidecar(file.get(), depth, {}, nullptr);
    watch.Print(depth == VerifyDepth::kDeep ? "verify deep" : "verify");
    if (!report.ok()) {
      return Fail("verify", report.status());
    }
    if (report->digest != packed.digest) {
      return Fail("verify", absl::DataLossError("another digest"));
    }
  }
  return 0;
}

int Main(int argc, char** argv) {
  if (argc < 3 || argc > 4) {
    fmt::print(stderr, "usage: pack_bench ARCHIVE DIR [THREADS]\n");
    return 2;
  }
  const Fd archive(::open(argv[1], O_RDONLY | O_CLOEXEC));
  std::string dir = std::string(argv[2]) + "/pack_bench.XXXXXX";
  if (!archive.valid() || ::mkdtemp(dir.data()) == nullptr) {
    std::perror("pack_bench");
    return 1;
  }
  Stopwatch watch;
  int result = 0;
  const auto packer =
      NativePacker::Create({.stage_dir = dir,
                            .pack = {},
                            .threads = argc > 3 ? std::atoi(argv[3]) : 0},
                           {});
  if (!packer.ok()) {
    return Fail("create", packer.status());
  }
  FileSource source(archive.get());
  const auto image = ReadArchive(source, {.platform = HostPlatform()},
                                 (*packer)->layers(), nullptr, {});
  watch.Print("read");
  if (!image.ok()) {
    return Fail("read", image.status());
  }
  bool assembling = false;
  const auto packed = (*packer)->Finish(
      *image, [&](NativePacker::Phase phase, int64_t, int64_t) {
        if (phase == NativePacker::Phase::kAssemble && !assembling) {
          assembling = true;
          watch.Print("merge");
        }
      });
  watch.Print("assemble");
  if (!packed.ok()) {
    return Fail("finish", packed.status());
  }
  fmt::print("{} bytes read, {} unpacked, {} written, {} entries\n",
             image->bytes_read, packed->unpacked_bytes, packed->size_bytes,
             packed->entry_count);
  fmt::print("{}\n", packed->digest.ToString());
  result = VerifyAndRemove(*packed, watch);
  ::rmdir(dir.c_str());
  return result;
}

}  // namespace
}  // namespace bottled

int main(int argc, char** argv) { return bottled::Main(argc, argv); }
