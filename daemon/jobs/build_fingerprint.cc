#include "jobs/build_fingerprint.h"

#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/status_macros.h"
#include "engine/build.h"
#include "fmt/format.h"
#include "image/digest.h"
#include "jobs/dockerignore.h"
#include "platform/file.h"
#include "platform/stat_times.h"

namespace bottled {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxDockerfileBytes = size_t{4} << 20;
constexpr int kCancelInterval = 256;

// Every part is preceded by its length, so that no two lists look the same.
class Hasher {
 public:
  void Add(std::string_view part) {
    sha_.Update(fmt::format("{}:", part.size()));
    sha_.Update(part);
  }
  std::string Finish() { return sha_.Finish().hex(); }

 private:
  Sha256 sha_;
};

class ContextWalk {
 public:
  ContextWalk(const DockerIgnore& ignore, Hasher& hasher,
              const CancelToken& cancel)
      : ignore_(ignore), hasher_(hasher), cancel_(cancel) {}

  // False when there are too many files.
  absl::StatusOr<bool> Directory(const fs::path& directory,
                                 const std::string& relative) {
    ASSIGN_OR_RETURN(const std::vector<std::string> names, ListDir(directory));
    for (const std::string& name : names) {
      if (++files_ > kMaxContextFiles) {
        return false;
      }
      if (files_ % kCancelInterval == 0) {
        RETURN_IF_ERROR(cancel_.Check());
      }
      const fs::path path = directory / name;
      const std::string inner = relative + "/" + name;
      if (ignore_.Ignores(std::string_view(inner).substr(1))) {
        continue;
      }
      struct stat info = {};
      if (::lstat(path.c_str(), &info) != 0) {
        const int error = errno;
        return ErrnoError(error, "look at " + path.native());
      }
      AddEntry(inner, path, info);
      if (S_ISDIR(info.st_mode)) {
        ASSIGN_OR_RETURN(const bool whole, Directory(path, inner));
        if (!whole) {
          return false;
        }
      }
    }
    return true;
  }

 private:
  void AddEntry(const std::string& relative, const fs::path& path,
                const struct stat& info) {
    hasher_.Add(relative);
    // A directory's own times change with files that docker may ignore, and go
    // into no layer by themselves.
    const bool timed = !S_ISDIR(info.st_mode);
    hasher_.Add(fmt::format("{:o} {} {}", info.st_mode,
                            timed ? info.st_size : 0,
                            timed ? ModifiedNs(info) : 0));
    if (S_ISLNK(info.st_mode)) {
      std::error_code error;
      hasher_.Add(fs::read_symlink(path, error).native());
    }
  }

  const DockerIgnore& ignore_;
  Hasher& hasher_;
  const CancelToken& cancel_;
  int64_t files_ = 0;
};

void AddRequest(const BuildSpec& spec, std::string_view salt, Hasher& hasher) {
  hasher.Add("bottled/build/v1");
  hasher.Add(salt);
  hasher.Add(spec.context);
  hasher.Add(spec.dockerfile);
  hasher.Add(spec.target);
  hasher.Add(spec.platform);
  for (const BuildArg& arg : spec.args) {
    hasher.Add(arg.name);
    const auto inherited = spec.environment.find(arg.name);
    if (arg.value.has_value()) {
      hasher.Add("=" + *arg.value);
    } else {
      hasher.Add(inherited == spec.environment.end() ? ""
                                                     : "=" + inherited->second);
    }
  }
}

}  // namespace

absl::StatusOr<std::string> BuildFingerprint(const BuildSpec& spec,
                                             std::string_view salt,
                                             const CancelToken& cancel) {
  if (spec.pull || spec.no_cache || !spec.secrets.empty() ||
      !spec.ssh.empty() || !spec.context.starts_with('/')) {
    return std::string();
  }
  Hasher hasher;
  AddRequest(spec, salt, hasher);
  const fs::path dockerfile = spec.dockerfile.empty()
                                  ? fs::path(spec.context) / "Dockerfile"
                                  : fs::path(spec.dockerfile);
  ASSIGN_OR_RETURN(const std::string content,
                   ReadSmallFile(dockerfile, kMaxDockerfileBytes));
  hasher.Add(content);
  ASSIGN_OR_RETURN(const DockerIgnore ignore, ReadDockerIgnore(spec));
  if (!ignore.text().empty()) {
    hasher.Add(ignore.text());
  }
  ContextWalk walk(ignore, hasher, cancel);
  ASSIGN_OR_RETURN(const bool whole, walk.Directory(spec.context, ""));
  return whole ? hasher.Finish() : std::string();
}

}  // namespace bottled
