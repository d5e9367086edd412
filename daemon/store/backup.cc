#include "store/backup.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/status_macros.h"
#include "fmt/format.h"
#include "platform/fd.h"
#include "platform/file.h"

namespace bottled {
namespace {

namespace fs = std::filesystem;

constexpr size_t kKeptCopies = 3;
constexpr std::string_view kCopyPrefix = "bottled-";
constexpr std::string_view kCopySuffix = ".db";
// VACUUM INTO wants a file that does not exist.
constexpr char kUnfinished[] = "unfinished";
// Of 10 million artifacts.
constexpr size_t kMaxBackupBytes = size_t{4} << 30;

std::optional<int64_t> TimeOf(std::string_view name) {
  if (!name.starts_with(kCopyPrefix) || !name.ends_with(kCopySuffix) ||
      name.size() <= kCopyPrefix.size() + kCopySuffix.size()) {
    return std::nullopt;
  }
  name.remove_prefix(kCopyPrefix.size());
  name.remove_suffix(kCopySuffix.size());
  int64_t time = 0;
  const auto [end, error] =
      std::from_chars(name.data(), name.data() + name.size(), time);
  return error == std::errc() && end == name.data() + name.size()
             ? std::optional(time)
             : std::nullopt;
}

fs::path PathOf(const fs::path& dir, int64_t made_ms) {
  return dir / fmt::format("{}{}{}", kCopyPrefix, made_ms, kCopySuffix);
}

// Copies from before a clock was set back look newer than they are: they get
// other times, in the order that they have.
absl::Status MakeRoomFor(const fs::path& dir, int64_t now_ms) {
  ASSIGN_OR_RETURN(std::vector<BackupFile> later, ListBackups(dir));
  int64_t before_ms = now_ms;
  for (size_t i = 0; i < later.size(); ++i) {
    if (later[i].made_ms < before_ms) {
      later.resize(i);
      break;
    }
    --before_ms;
    later[i].made_ms = before_ms;
  }
  // The oldest first: its new time may be the old one of a newer copy's.
  for (auto it = later.rbegin(); it != later.rend(); ++it) {
    RETURN_IF_ERROR(RenameNoReplace(it->path, PathOf(dir, it->made_ms)));
  }
  return absl::OkStatus();
}

// A rest of an attempt that was cut short, its journal too.
absl::Status RemoveUnfinished(const fs::path& dir) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, ListDir(dir));
  for (const std::string& name : names) {
    if (name.starts_with(kUnfinished)) {
      RETURN_IF_ERROR(RemoveTree(dir / name));
    }
  }
  return absl::OkStatus();
}

// Nobody else's to read, and on the medium.
absl::Status SettleCopy(const fs::path& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd.valid()) {
    const int error = errno;
    return ErrnoError(error, "open " + path.native());
  }
  if (::fchmod(fd.get(), 0600) != 0) {
    const int error = errno;
    return ErrnoError(error, "chmod " + path.native());
  }
  return SyncFd(fd.get(), path.native());
}

absl::Status TrimCopies(const fs::path& dir) {
  ASSIGN_OR_RETURN(const std::vector<BackupFile> all, ListBackups(dir));
  for (size_t i = kKeptCopies; i < all.size(); ++i) {
    RETURN_IF_ERROR(RemoveTree(all[i].path));
  }
  return absl::OkStatus();
}

absl::Status WriteAndCheck(const WriteCopy& write, const fs::path& path) {
  RETURN_IF_ERROR(write(path));
  RETURN_IF_ERROR(SettleCopy(path));
  return Database::CheckCopy(path);
}

}  // namespace

absl::StatusOr<std::vector<BackupFile>> ListBackups(const fs::path& dir) {
  std::vector<BackupFile> out;
  if (!PathExists(dir)) {
    return out;
  }
  ASSIGN_OR_RETURN(const std::vector<std::string> names, ListDir(dir));
  for (const std::string& name : names) {
    if (const std::optional<int64_t> time = TimeOf(name)) {
      out.push_back({.path = dir / name, .made_ms = *time});
    }
  }
  std::sort(out.begin(), out.end(),
            [](const BackupFile& a, const BackupFile& b) {
              return a.made_ms > b.made_ms;
            });
  return out;
}

absl::Status VacuumInto(Database& db, const fs::path& path) {
  ASSIGN_OR_RETURN(Statement copy, Statement::Prepare(db, "VACUUM INTO ?"));
  return Statement::Use(copy).Bind(path.native()).Run();
}

absl::Status MakeBackup(const WriteCopy& write, const fs::path& dir,
                        int64_t now_ms) {
  RETURN_IF_ERROR(EnsurePrivateDir(dir, 0700));
  RETURN_IF_ERROR(RemoveUnfinished(dir));
  const fs::path unfinished = dir / kUnfinished;
  const absl::Status copied = WriteAndCheck(write, unfinished);
  if (!copied.ok()) {
    // Its own error matters more than that of the tidying.
    (void)RemoveUnfinished(dir);
    return copied;
  }
  RETURN_IF_ERROR(MakeRoomFor(dir, now_ms));
  RETURN_IF_ERROR(RenameNoReplace(unfinished, PathOf(dir, now_ms)));
  RETURN_IF_ERROR(SyncDir(dir));
  return TrimCopies(dir);
}

absl::Status PutBackInPlace(const BackupFile& backup,
                            const fs::path& database) {
  ASSIGN_OR_RETURN(const std::string bytes,
                   ReadSmallFile(backup.path, kMaxBackupBytes));
  return WriteFileAtomic(database, bytes, 0600);
}

}  // namespace bottled
