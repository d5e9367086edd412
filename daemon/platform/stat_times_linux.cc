#include "platform/stat_times.h"

namespace bottled {
namespace {

int64_t Nanoseconds(const timespec& time) {
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

int64_t ModifiedNs(const struct stat& info) {
  return Nanoseconds(info.st_mtim);
}

int64_t ChangedNs(const struct stat& info) { return Nanoseconds(info.st_ctim); }

}  // namespace bottled
