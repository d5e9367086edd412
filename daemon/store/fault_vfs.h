// The name of the SQLite VFS that the index is opened with: SQLite's own, or,
// with BOTTLED_FAULTS, one around it that shows what SQLite does to its files
// to the observer of platform/fault_calls.h.

#ifndef BOTTLED_STORE_FAULT_VFS_H_
#define BOTTLED_STORE_FAULT_VFS_H_

namespace bottled {

#ifdef BOTTLED_FAULTS

// Registers it at the first call. Thread-safe.
//
// A file's xWrite, xTruncate, xSync, xOpen (kCreate when it makes the file) and
// the VFS's xDelete are calls of their paths. A directory that the unix VFS
// syncs by itself (os_unix.c: with the first sync of a new journal, and after a
// delete with syncDir) is a kFsync of the directory.
const char* FaultVfs();

// How often a database file was opened through it by this process.
int FaultVfsOpens();

#else

inline constexpr const char* FaultVfs() { return nullptr; }

#endif  // BOTTLED_FAULTS

}  // namespace bottled

#endif  // BOTTLED_STORE_FAULT_VFS_H_
