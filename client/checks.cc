#include "client/checks.h"

#include <sys/stat.h>

#include "base/error.h"
#include "base/strings.h"
#include "fmt/format.h"

namespace bottled::client {
namespace {

v1::Finding MakeFinding(std::string_view check, v1::Finding::Level level,
                        std::string_view reason, const std::string& message,
                        std::string_view remedy) {
  v1::Finding finding;
  finding.set_check(std::string(check));
  finding.set_level(level);
  finding.set_reason(std::string(reason));
  // Paths need not be UTF-8, and messages must.
  finding.set_message(Printable(message));
  finding.set_remedy(Printable(remedy));
  return finding;
}

}  // namespace

v1::Finding FailedFinding(std::string_view check, const absl::Status& status) {
  const ErrorDetail detail = GetErrorDetail(status);
  return MakeFinding(check, v1::Finding::LEVEL_FAIL, Printable(detail.reason),
                     std::string(status.message()), detail.remedy);
}

v1::Finding SkippedFinding(std::string_view check) {
  return MakeFinding(check, v1::Finding::LEVEL_WARN, "SKIPPED",
                     "not looked at: only a running daemon can", "");
}

SocketFile LookAtSocket(const std::string& path) {
  SocketFile file = {.path = path};
  struct stat info = {};
  if (::lstat(path.c_str(), &info) == 0) {
    file.exists = true;
    file.mode = info.st_mode & 07777;
  }
  return file;
}

v1::Finding CheckSocket(const SocketFile& file,
                        const absl::StatusOr<v1::GetInfoResponse>& info,
                        const PeerCredentials& peer) {
  if (!info.ok() && HasReason(info.status(), "DAEMON_UNTRUSTED")) {
    return FailedFinding("socket", info.status());
  }
  if (!file.exists) {
    return MakeFinding("socket", v1::Finding::LEVEL_OK, "",
                       file.path + " is not there; the daemon makes it", "");
  }
  const std::string shown =
      fmt::format("{} (mode {:04o})", file.path, file.mode);
  if ((file.mode & (S_IWGRP | S_IWOTH)) != 0) {
    return MakeFinding("socket", v1::Finding::LEVEL_WARN, "SOCKET_OPEN",
                       shown + ": only its directory keeps others out",
                       "chmod 600 " + file.path);
  }
  if (!info.ok()) {
    return MakeFinding("socket", v1::Finding::LEVEL_OK, "",
                       shown + ": nobody answers", "");
  }
  std::string who = "the daemon listens";
  if (peer.pid != 0) {
    who = peer.pid == info->pid()
              ? fmt::format("the daemon listens (pid {})", peer.pid)
              : fmt::format("a service manager made it (pid {})", peer.pid);
  }
  return MakeFinding("socket", v1::Finding::LEVEL_OK, "",
                     fmt::format("{}: {}", shown, who), "");
}

v1::Finding CheckDaemon(const absl::StatusOr<v1::GetInfoResponse>& info,
                        std::string_view version) {
  if (!info.ok()) {
    return FailedFinding("daemon", info.status());
  }
  if (info->version() != version) {
    return MakeFinding(
        "daemon", v1::Finding::LEVEL_WARN, "VERSION_MISMATCH",
        fmt::format("the daemon is {}, bottlectl is {}", info->version(),
                    version),
        "bottlectl daemon stop; the next command starts the installed one");
  }
  return MakeFinding(
      "daemon", v1::Finding::LEVEL_OK, "",
      fmt::format("bottled {} runs (pid {})", version, info->pid()), "");
}

}  // namespace bottled::client
