// Places: every name that bottled uses on disk, made in one module.
//
//   state dir    $BOTTLED_STATE_DIR, $XDG_STATE_HOME/bottled,
//                ~/.local/state/bottled                             0700
//     bottled.db (+ -wal)   the index                               0600
//     LOCK                  flock of the running daemon             0600
//     START                 flock of the bottlectl that starts it   0600
//     logs/bottled.log      of daemons started by bottlectl         0600
//     reserve               only when the cache is on another disk  0600
//     bottles/<slug>/       a bottle's files (bottle/bottle_files.h)  0700
//   cache dir    $BOTTLED_CACHE_DIR, $XDG_CACHE_HOME/bottled,
//                ~/.cache/bottled                                   0700
//     obj/<aa>/<64 hex>.smolmachine   artifacts                     0400
//     obj/<aa>/<64 hex>.json          enough to rebuild their rows  0400
//     stage/<job>/                    work of a running job         0700
//     quarantine/  trash/                                           0700
//     reserve                         space for a full disk         0600
//   socket       $BOTTLED_SOCKET, $XDG_RUNTIME_DIR/bottled/v1.sock,
//                /tmp/bottled-<uid>/v1.sock (dir 0700, socket 0600)
//
// Pure: reads the environment that it is given, touches no file. Immutable,
// so thread-safe. Also used by bottlectl.

#ifndef BOTTLED_PLATFORM_PLACES_H_
#define BOTTLED_PLATFORM_PLACES_H_

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace bottled {

// Looks a variable up; nullopt when it is not set.
using GetEnv = std::function<std::optional<std::string>(const char* name)>;

// The process's own environment.
GetEnv ProcessEnv();

// Overrides from flags; empty = not given.
struct PlaceOverrides {
  std::string state_dir;
  std::string cache_dir;
  std::string socket;
};

// The directory of copies, beside the database.
inline constexpr char kBackupDir[] = "backup";

struct Places {
  std::filesystem::path state_dir;
  std::filesystem::path cache_dir;
  std::filesystem::path socket;

  // Resolves all three. Relative values and a missing HOME are errors (reason
  // BAD_PATH), as is a socket path longer than the system allows: 107 bytes on
  // Linux, 103 on macOS (sockaddr_un.sun_path).
  static absl::StatusOr<Places> Resolve(const GetEnv& env,
                                        const PlaceOverrides& overrides);

  std::filesystem::path database() const { return state_dir / "bottled.db"; }
  std::filesystem::path backups() const { return state_dir / kBackupDir; }
  std::filesystem::path lock() const { return state_dir / "LOCK"; }
  std::filesystem::path start_lock() const { return state_dir / "START"; }
  std::filesystem::path log_dir() const { return state_dir / "logs"; }
  std::filesystem::path daemon_log() const { return log_dir() / "bottled.log"; }
  std::filesystem::path bottles() const { return state_dir / "bottles"; }
  std::filesystem::path bottle(std::string_view slug) const {
    return bottles() / slug;
  }
  std::filesystem::path objects() const { return cache_dir / "obj"; }
  std::filesystem::path stage() const { return cache_dir / "stage"; }
  std::filesystem::path quarantine() const { return cache_dir / "quarantine"; }
  std::filesystem::path trash() const { return cache_dir / "trash"; }
  std::filesystem::path cache_reserve() const { return cache_dir / "reserve"; }
  std::filesystem::path state_reserve() const { return state_dir / "reserve"; }
  std::filesystem::path layers() const { return cache_dir / "layers"; }

  // obj/<aa> of a digest; `hex` is 64 lower-case hexadecimal digits.
  std::filesystem::path object_dir(std::string_view hex) const;
  // obj/<aa>/<hex>.smolmachine
  std::filesystem::path object(std::string_view hex) const;
  // obj/<aa>/<hex>.json
  std::filesystem::path object_record(std::string_view hex) const;
  // stage/<job>
  std::filesystem::path job_stage(std::string_view job_id) const;
};

// The inverse of Places::object(): the 64 hexadecimal digits of a file name
// "<64 hex>.smolmachine", or nullopt.
std::optional<std::string> ParseObjectName(std::string_view file_name);

}  // namespace bottled

#endif  // BOTTLED_PLATFORM_PLACES_H_
