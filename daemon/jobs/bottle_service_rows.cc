// What is known of bottles that exist, and their end.

#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "bottle/identity.h"
#include "fmt/format.h"
#include "jobs/bottle_service.h"
#include "jobs/errors.h"
#include "platform/file.h"
#include "store/errors.h"

namespace bottled {
namespace {

constexpr size_t kMaxPlanBytes = size_t{16} << 20;
constexpr int64_t kReservationMs = int64_t{24} * 3600 * 1000;
constexpr std::string_view kTrashPrefix = ".removed-";

}  // namespace

absl::StatusOr<std::vector<BottleView>> BottleService::List() {
  ASSIGN_OR_RETURN(std::vector<StoredBottle> all, deps_.index.ListBottles());
  std::vector<BottleView> views;
  views.reserve(all.size());
  for (StoredBottle& bottle : all) {
    std::filesystem::path directory = deps_.places.bottle(bottle.record.slug);
    views.push_back({.record = std::move(bottle.record),
                     .lease = bottle.lease,
                     .directory = std::move(directory)});
  }
  return views;
}

absl::StatusOr<BottleView> BottleService::Find(const std::string& slug) {
  ASSIGN_OR_RETURN(std::optional<StoredBottle> bottle,
                   deps_.index.FindBottle(slug));
  if (!bottle.has_value()) {
    return BottleNotFoundError(slug);
  }
  return BottleView{.record = std::move(bottle->record),
                    .lease = bottle->lease,
                    .directory = deps_.places.bottle(slug)};
}

absl::StatusOr<std::string> BottleService::PlanText(const std::string& slug) {
  absl::StatusOr<std::string> text =
      ReadSmallFile(deps_.places.bottle(slug) / kPlanFile, kMaxPlanBytes);
  if (HasReason(text.status(), "NOT_FOUND")) {
    return std::string();
  }
  return text;
}

absl::StatusOr<BottleView> BottleService::Remove(const std::string& slug) {
  ASSIGN_OR_RETURN(BottleView view, Find(slug));
  // The files go out of sight before the row does: nothing that is listed ever
  // lacks its files, and what a crash leaves has a name that Sweep() knows.
  const std::filesystem::path trash =
      deps_.places.bottles() / fmt::format("{}{}", kTrashPrefix, slug);
  {
    MutexLock lock(FileLock(slug));
    RETURN_IF_ERROR(RemoveTree(trash));
    const absl::Status moved = RenameNoReplace(view.directory, trash);
    if (!moved.ok() && !HasReason(moved, "NOT_FOUND")) {
      return moved;
    }
    RETURN_IF_ERROR(deps_.index.RemoveBottle(slug));
  }
  if (absl::Status status = RemoveTree(trash); !status.ok()) {
    Log("jobs")->warn("cannot remove {}: {}", trash.native(),
                      std::string(status.message()));
  }
  Tell(deps_.feed, ChangeKind::kBottleRemoved, slug);
  return view;
}

absl::Status BottleService::Sweep(const std::optional<EngineEndpoint>& engine,
                                  const CancelToken& cancel) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names,
                   ListDir(deps_.places.bottles()));
  for (const std::string& name : names) {
    if (name.starts_with(kTrashPrefix)) {
      RETURN_IF_ERROR(RemoveTree(deps_.places.bottles() / name));
    }
  }
  const std::shared_ptr<const NetworkView> view =
      deps_.networks.Read(engine, /*fresh=*/true, cancel);
  RETURN_IF_ERROR(cancel.Check());
  if (!view->docker_checked) {
    // Which reservations are in use cannot be told.
    return absl::OkStatus();
  }
  std::vector<std::string> in_use;
  for (const auto& [name, subnets] : view->bottle_networks) {
    in_use.push_back(name.substr(kNetworkPrefix.size()));
  }
  const int64_t now = deps_.clock.NowMs();
  if (!in_use.empty()) {
    RETURN_IF_ERROR(deps_.index.MarkLeasesActive(in_use, now));
  }
  ASSIGN_OR_RETURN(const std::vector<std::string> expired,
                   deps_.index.ExpireLeases(now - kReservationMs));
  for (const std::string& slug : expired) {
    Tell(deps_.feed, ChangeKind::kBottle, slug);
  }
  return absl::OkStatus();
}

}  // namespace bottled
