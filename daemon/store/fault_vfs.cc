// Part of fault builds only.
#include "store/fault_vfs.h"

#include <sqlite3.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <new>
#include <string>

#include "platform/fault_calls.h"

namespace bottled {
namespace {

std::atomic<int> database_opens = 0;

// SQLite allocates szOsFile bytes: this, then the file of the VFS below.
struct ShimFile {
  sqlite3_file base;
  std::string* path;
  // A new journal or log: its first sync syncs the directory as well.
  bool sync_dir;
};

constexpr size_t kBelowOffset =
    (sizeof(ShimFile) + alignof(std::max_align_t) - 1) /
    alignof(std::max_align_t) * alignof(std::max_align_t);

ShimFile* Shim(sqlite3_file* file) { return reinterpret_cast<ShimFile*>(file); }
sqlite3_file* Below(sqlite3_file* file) {
  return reinterpret_cast<sqlite3_file*>(reinterpret_cast<char*>(file) +
                                         kBelowOffset);
}
const sqlite3_io_methods* Methods(sqlite3_file* file) {
  return Below(file)->pMethods;
}
sqlite3_vfs* Below(sqlite3_vfs* vfs) {
  return static_cast<sqlite3_vfs*>(vfs->pAppData);
}

// As os_unix.c maps them.
int CodeOf(int error, int io_code) {
  return error == ENOSPC || error == EDQUOT ? SQLITE_FULL : io_code;
}

// Makes `call` unless the observer fails it or leaves it out.
template <typename Make>
int Watched(FaultCall call, int io_code, const Make& make) {
  FaultObserver* observer = GetFaultObserver();
  if (observer == nullptr) {
    return make(call);
  }
  if (const int error = observer->Before(call); error != 0) {
    return CodeOf(error, io_code);
  }
  const int code = call.skip ? SQLITE_OK : make(call);
  observer->After(call, code == SQLITE_OK ? 0 : -1);
  return code;
}

std::string ParentOf(const std::string& path) {
  return std::filesystem::path(path).parent_path().native();
}

int Close(sqlite3_file* file) {
  delete Shim(file)->path;
  return Methods(file)->xClose(Below(file));
}

int Read(sqlite3_file* file, void* out, int size, sqlite3_int64 offset) {
  return Methods(file)->xRead(Below(file), out, size, offset);
}

int Write(sqlite3_file* file, const void* data, int size,
          sqlite3_int64 offset) {
  return Watched(
      {.op = FaultOp::kWrite,
       .path = *Shim(file)->path,
       .offset = offset,
       .data = {static_cast<const char*>(data), static_cast<size_t>(size)}},
      SQLITE_IOERR_WRITE, [&](const FaultCall& call) {
        // os_unix.c writes the rest of a short write itself.
        (void)call;
        return Methods(file)->xWrite(Below(file), data, size, offset);
      });
}

int Truncate(sqlite3_file* file, sqlite3_int64 size) {
  return Watched(
      {.op = FaultOp::kTruncate, .path = *Shim(file)->path, .size = size},
      SQLITE_IOERR_TRUNCATE, [&](const FaultCall&) {
        return Methods(file)->xTruncate(Below(file), size);
      });
}

int Sync(sqlite3_file* file, int flags) {
  const int code = Watched({.op = FaultOp::kFsync, .path = *Shim(file)->path},
                           SQLITE_IOERR_FSYNC, [&](const FaultCall&) {
                             return Methods(file)->xSync(Below(file), flags);
                           });
  if (code != SQLITE_OK || !Shim(file)->sync_dir) {
    return code;
  }
  Shim(file)->sync_dir = false;
  return Watched({.op = FaultOp::kFsync, .path = ParentOf(*Shim(file)->path)},
                 SQLITE_IOERR_DIR_FSYNC,
                 [](const FaultCall&) { return SQLITE_OK; });
}

int FileSize(sqlite3_file* file, sqlite3_int64* size) {
  return Methods(file)->xFileSize(Below(file), size);
}
int Lock(sqlite3_file* file, int level) {
  return Methods(file)->xLock(Below(file), level);
}
int Unlock(sqlite3_file* file, int level) {
  return Methods(file)->xUnlock(Below(file), level);
}
int CheckReservedLock(sqlite3_file* file, int* result) {
  return Methods(file)->xCheckReservedLock(Below(file), result);
}
int FileControl(sqlite3_file* file, int op, void* arg) {
  return Methods(file)->xFileControl(Below(file), op, arg);
}
int SectorSize(sqlite3_file* file) {
  return Methods(file)->xSectorSize(Below(file));
}
int DeviceCharacteristics(sqlite3_file* file) {
  return Methods(file)->xDeviceCharacteristics(Below(file));
}
int ShmMap(sqlite3_file* file, int page, int size, int extend,
           void volatile** out) {
  return Methods(file)->xShmMap(Below(file), page, size, extend, out);
}
int ShmLock(sqlite3_file* file, int offset, int count, int flags) {
  return Methods(file)->xShmLock(Below(file), offset, count, flags);
}
void ShmBarrier(sqlite3_file* file) { Methods(file)->xShmBarrier(Below(file)); }
int ShmUnmap(sqlite3_file* file, int remove) {
  return Methods(file)->xShmUnmap(Below(file), remove);
}

// Version 2: without memory-mapped reads, which the index turns off anyway.
constexpr sqlite3_io_methods kMethods = {
    .iVersion = 2,
    .xClose = Close,
    .xRead = Read,
    .xWrite = Write,
    .xTruncate = Truncate,
    .xSync = Sync,
    .xFileSize = FileSize,
    .xLock = Lock,
    .xUnlock = Unlock,
    .xCheckReservedLock = CheckReservedLock,
    .xFileControl = FileControl,
    .xSectorSize = SectorSize,
    .xDeviceCharacteristics = DeviceCharacteristics,
    .xShmMap = ShmMap,
    .xShmLock = ShmLock,
    .xShmBarrier = ShmBarrier,
    .xShmUnmap = ShmUnmap,
    .xFetch = nullptr,
    .xUnfetch = nullptr,
};

int OpenFile(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags,
             int* out_flags) {
  sqlite3_vfs* below = Below(vfs);
  // Without methods, SQLite does not close what was not opened.
  file->pMethods = nullptr;
  const auto open = [&](const FaultCall&) {
    return below->xOpen(below, name, Below(file), flags, out_flags);
  };
  constexpr int kJournals = SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_WAL;
  int there = 1;
  if (name != nullptr) {
    below->xAccess(below, name, SQLITE_ACCESS_EXISTS, &there);
  }
  const bool makes = there == 0 && (flags & SQLITE_OPEN_CREATE) != 0;
  if ((flags & SQLITE_OPEN_MAIN_DB) != 0) {
    ++database_opens;
  }
  const int code =
      name == nullptr  // a temporary file: nothing that lasts
          ? open({})
          : Watched(
                {.op = makes ? FaultOp::kCreate : FaultOp::kOpen, .path = name},
                SQLITE_CANTOPEN, open);
  if (code != SQLITE_OK) {
    return code;
  }
  Shim(file)->path = new std::string(name == nullptr ? "" : name);
  Shim(file)->sync_dir = makes && (flags & kJournals) != 0;
  file->pMethods = &kMethods;
  return SQLITE_OK;
}

int Delete(sqlite3_vfs* vfs, const char* name, int sync_dir) {
  const int code =
      Watched({.op = FaultOp::kUnlink, .path = name}, SQLITE_IOERR_DELETE,
              [&](const FaultCall&) {
                return Below(vfs)->xDelete(Below(vfs), name, sync_dir);
              });
  if (code != SQLITE_OK || sync_dir == 0) {
    return code;
  }
  return Watched({.op = FaultOp::kFsync, .path = ParentOf(name)},
                 SQLITE_IOERR_DIR_FSYNC,
                 [](const FaultCall&) { return SQLITE_OK; });
}

int Access(sqlite3_vfs* vfs, const char* name, int flags, int* result) {
  return Below(vfs)->xAccess(Below(vfs), name, flags, result);
}
int FullPathname(sqlite3_vfs* vfs, const char* name, int size, char* out) {
  return Below(vfs)->xFullPathname(Below(vfs), name, size, out);
}
int Randomness(sqlite3_vfs* vfs, int size, char* out) {
  return Below(vfs)->xRandomness(Below(vfs), size, out);
}
int Sleep(sqlite3_vfs* vfs, int micros) {
  return Below(vfs)->xSleep(Below(vfs), micros);
}
int CurrentTime(sqlite3_vfs* vfs, double* now) {
  return Below(vfs)->xCurrentTime(Below(vfs), now);
}
int GetLastError(sqlite3_vfs* vfs, int size, char* out) {
  return Below(vfs)->xGetLastError(Below(vfs), size, out);
}
int CurrentTimeInt64(sqlite3_vfs* vfs, sqlite3_int64* now) {
  return Below(vfs)->xCurrentTimeInt64(Below(vfs), now);
}

}  // namespace

const char* FaultVfs() {
  static sqlite3_vfs vfs = {};
  static const int registered = [] {
    sqlite3_vfs* below = sqlite3_vfs_find(nullptr);
    vfs.iVersion = 2;
    vfs.szOsFile = static_cast<int>(kBelowOffset) + below->szOsFile;
    vfs.mxPathname = below->mxPathname;
    vfs.zName = "bottled-fault";
    vfs.pAppData = below;
    vfs.xOpen = OpenFile;
    vfs.xDelete = Delete;
    vfs.xAccess = Access;
    vfs.xFullPathname = FullPathname;
    vfs.xRandomness = Randomness;
    vfs.xSleep = Sleep;
    vfs.xCurrentTime = CurrentTime;
    vfs.xGetLastError = GetLastError;
    vfs.xCurrentTimeInt64 = CurrentTimeInt64;
    return sqlite3_vfs_register(&vfs, 0);
  }();
  return registered == SQLITE_OK ? vfs.zName : nullptr;
}

int FaultVfsOpens() { return database_opens; }

}  // namespace bottled
