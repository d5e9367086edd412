#include "pack/zoo.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <iterator>

#include "base/strings.h"
#include "platform/own_executable.h"

namespace bottled {
namespace {

std::string BytesOf(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

Zoo::Zoo(const std::string& script) : mark_("ZOO_MARK=" + RandomHex(16)) {
  const std::filesystem::path program = dir() / "smolvm";
  std::ofstream(program) << "#!/bin/sh\n"
                            "while [ $# -gt 0 ]; do\n"
                            "  [ \"$1\" = -o ] && out=$2\n"
                            "  shift\n"
                            "done\n"
                         << script << "\n";
  EXPECT_EQ(::chmod(program.c_str(), 0755), 0);
  const std::string layer = TarBuilder().AddFile("a", "b").Finish();
  Give(SidecarOf(ZstdFrame(SmolvmAssetsTar(layer)),
                 static_cast<int64_t>(layer.size())));
  std::filesystem::create_directory(dir() / "stage");
  spec.program = {.path = program, .version = "1.32.2"};
  spec.image = "/image.tar";
  spec.stage_dir = dir() / "stage";
  spec.inherited = {"PATH=/usr/bin:/bin", "GOOD=" + (dir() / "good").string(),
                    mark_};
  spec.supervisor = OwnExecutable();
  spec.total_limit = std::chrono::seconds(120);
  spec.stall_limit = std::chrono::seconds(120);
  spec.grace = std::chrono::milliseconds(100);
}

void Zoo::Give(const std::string& bytes) {
  std::ofstream(dir() / "good", std::ios::binary) << bytes;
}

absl::StatusOr<std::filesystem::path> Zoo::Run(const CancelToken& cancel) {
  const SmolvmSink sink = {
      .line =
          [this](const std::string& line) {
            lines.push_back(line);
            if (on_line != nullptr) {
              on_line(line);
            }
          },
      .progress =
          [this](const SmolvmProgress& now) { progress.push_back(now); }};
  return RunSmolvmPack(spec, sink, cancel);
}

std::vector<std::string> Zoo::Survivors() const {
  std::vector<std::string> found;
  std::error_code error;
  for (const auto& entry :
       std::filesystem::directory_iterator("/proc", error)) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") == std::string::npos &&
        BytesOf(entry.path() / "environ").find(mark_) != std::string::npos) {
      found.push_back(name + " " + BytesOf(entry.path() / "cmdline"));
    }
  }
  return found;
}

}  // namespace bottled
