#include "store/quarantine.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <tuple>
#include <vector>

#include "base/log.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "platform/file.h"
#include "platform/stat_times.h"

namespace bottled {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kNsPerMs = 1'000'000;

struct Item {
  fs::path path;
  int64_t bytes = 0;
  // A rename into the directory changes the ctime, and nothing later does.
  int64_t since_ms = 0;
};

// A planted directory counts as nothing: it goes by its age.
absl::StatusOr<std::vector<Item>> List(const Places& places) {
  std::vector<Item> items;
  ASSIGN_OR_RETURN(const std::vector<std::string> names,
                   ListDir(places.quarantine()));
  for (const std::string& name : names) {
    Item item{.path = places.quarantine() / name};
    struct stat info = {};
    if (::lstat(item.path.c_str(), &info) != 0) {
      continue;
    }
    item.bytes = S_ISREG(info.st_mode) ? info.st_size : 0;
    item.since_ms = ChangedNs(info) / kNsPerMs;
    items.push_back(std::move(item));
  }
  return items;
}

QuarantineTotals Sum(const std::vector<Item>& items) {
  QuarantineTotals totals;
  for (const Item& item : items) {
    ++totals.count;
    totals.bytes += item.bytes;
  }
  return totals;
}

}  // namespace

absl::StatusOr<QuarantineTotals> MeasureQuarantine(const Places& places) {
  ASSIGN_OR_RETURN(const std::vector<Item> items, List(places));
  return Sum(items);
}

absl::StatusOr<QuarantineTotals> TrimQuarantine(const Places& places,
                                                const QuarantineLimits& limits,
                                                int64_t now_ms) {
  ASSIGN_OR_RETURN(std::vector<Item> items, List(places));
  std::sort(items.begin(), items.end(), [](const Item& a, const Item& b) {
    return std::tie(a.since_ms, a.path) < std::tie(b.since_ms, b.path);
  });
  const int64_t oldest_ms =
      now_ms - std::chrono::milliseconds(limits.max_age).count();
  QuarantineTotals left = Sum(items);
  for (const Item& item : items) {
    if (item.since_ms >= oldest_ms && left.bytes <= limits.max_bytes) {
      break;
    }
    const absl::Status removed = RemoveTree(item.path);
    if (!removed.ok()) {
      Log("store")->warn("quarantine: {}",
                         Printable(std::string(removed.message())));
      continue;
    }
    --left.count;
    left.bytes -= item.bytes;
  }
  return left;
}

}  // namespace bottled
