#include "client/connection.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/error.h"
#include "base/status_macros.h"
#include "client/errors.h"
#include "fmt/format.h"

namespace bottled::client {
namespace {

absl::Status CheckSocketFile(const std::filesystem::path& socket) {
  struct stat info = {};
  const std::filesystem::path dir = socket.parent_path();
  // The directory may be a link of ours; who may write into it counts.
  if (::stat(dir.c_str(), &info) == 0) {
    if (info.st_uid != ::geteuid()) {
      return DaemonUntrusted(
          fmt::format("{} belongs to another user", dir.native()));
    }
    if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
      return DaemonUntrusted(
          fmt::format("others can write into {}", dir.native()));
    }
  }
  if (::lstat(socket.c_str(), &info) == 0) {
    if (!S_ISSOCK(info.st_mode)) {
      return DaemonUntrusted(
          fmt::format("{} is not a socket", socket.native()));
    }
    if (info.st_uid != ::geteuid()) {
      return DaemonUntrusted(
          fmt::format("{} belongs to another user", socket.native()));
    }
  }
  // What does not exist is for connect() to report.
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Connection> ConnectDaemon(const std::filesystem::path& socket) {
  RETURN_IF_ERROR(CheckSocketFile(socket));
  ASSIGN_OR_RETURN(Fd fd, ConnectUnix(socket));
  Connection connection;
  ASSIGN_OR_RETURN(connection.peer, GetPeerCredentials(fd.get()));
  if (connection.peer.uid != ::geteuid()) {
    return DaemonUntrusted(fmt::format("user {} listens on {}",
                                       connection.peer.uid, socket.native()));
  }
  ASSIGN_OR_RETURN(connection.channel, GrpcChannel::Create(std::move(fd)));
  return connection;
}

}  // namespace bottled::client
