#include "store/repair.h"

#include <optional>
#include <utility>

#include "base/error.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "fmt/format.h"
#include "platform/file.h"
#include "store/errors.h"
#include "store/object_scan.h"

namespace bottled {
namespace {

using Kind = RepairAction::Kind;

constexpr size_t kFewOrphans = 5;

class Repairer {
 public:
  Repairer(const Places& places, Index& index, Objects& objects,
           const OnRead& on_read, ManyOrphans many)
      : places_(places),
        index_(index),
        objects_(objects),
        on_read_(on_read),
        many_(many) {}

  absl::StatusOr<std::vector<RepairAction>> Run() {
    RETURN_IF_ERROR(CheckRows());
    ASSIGN_OR_RETURN(const ObjectScan scan, ScanObjects(places_, index_));
    for (const Digest& digest : scan.unrecorded) {
      RETURN_IF_ERROR(Weigh(objects_.RestoreRecord(digest), digest.ToString()));
    }
    for (const std::filesystem::path& path : scan.records_alone) {
      RETURN_IF_ERROR(DropRecord(path));
    }
    for (const std::filesystem::path& path : scan.foreign) {
      Add(Kind::kLeftAlone, Printable(path.native()), "it is not ours");
    }
    RETURN_IF_ERROR(SettleOrphans(scan));
    return std::move(actions_);
  }

 private:
  void Add(Kind kind, std::string subject, std::string detail = "",
           const Digest& digest = Digest()) {
    actions_.push_back({.kind = kind,
                        .subject = std::move(subject),
                        .detail = Printable(detail),
                        .digest = digest});
  }

  // Errors that stop everything, as opposed to those of one file.
  absl::Status Weigh(const absl::Status& status, const std::string& subject) {
    if (absl::IsCancelled(status) || HasReason(status, kIndexDegraded)) {
      return status;
    }
    if (!status.ok()) {
      Add(Kind::kLeftAlone, subject, std::string(status.message()));
    }
    return absl::OkStatus();
  }

  absl::Status CheckRows() {
    // A part at a time: what reads all rows at once holds up every hit.
    for (int part = 0; part < 256; ++part) {
      ASSIGN_OR_RETURN(const std::vector<Digest> digests,
                       index_.FindByPrefix(fmt::format("{:02x}", part), 0));
      for (const Digest& digest : digests) {
        RETURN_IF_ERROR(on_read_(0));
        RETURN_IF_ERROR(CheckRow(digest));
      }
    }
    return absl::OkStatus();
  }

  absl::Status CheckRow(const Digest& digest) {
    ASSIGN_OR_RETURN(const std::optional<ArtifactRecord> row,
                     index_.FindByDigest(digest));
    if (!row.has_value()) {
      return absl::OkStatus();
    }
    const absl::Status before = objects_.OpenObject(*row).status();
    if (before.ok()) {
      return before;
    }
    const std::string subject = digest.ToString();
    const absl::StatusOr<std::optional<ArtifactRecord>> now =
        objects_.CheckFile(digest, on_read_);
    RETURN_IF_ERROR(Weigh(now.status(), subject));
    if (now.ok() && !now->has_value()) {
      Add(HasReason(before, kArtifactMissing) ? Kind::kRowRemoved
                                              : Kind::kQuarantined,
          subject, std::string(before.message()), digest);
    }
    return absl::OkStatus();
  }

  absl::Status SettleOrphans(const ObjectScan& scan) {
    const bool many = scan.orphans.size() > kFewOrphans &&
                      scan.orphan_bytes > scan.total_bytes / 10;
    for (const Orphan& orphan : scan.orphans) {
      RETURN_IF_ERROR(on_read_(0));
      if (many && many_ == ManyOrphans::kLeaveAlone) {
        Add(Kind::kNoRow, Printable(orphan.path.native()));
      } else {
        RETURN_IF_ERROR(Settle(orphan));
      }
    }
    return absl::OkStatus();
  }

  absl::Status Settle(const Orphan& orphan) {
    if (orphan.digest.empty()) {
      const std::string subject = Printable(orphan.path.native());
      const absl::StatusOr<bool> moved =
          MoveAside(orphan.path, places_.quarantine());
      if (moved.ok() && *moved) {
        Add(Kind::kQuarantined, subject, "its name is no artifact's");
      }
      return Weigh(moved.status(), subject);
    }
    const std::string subject = orphan.digest.ToString();
    ArtifactRecord record;
    const absl::StatusOr<Objects::OrphanFate> fate =
        objects_.SettleOrphan(orphan.digest, record, on_read_);
    RETURN_IF_ERROR(Weigh(fate.status(), subject));
    if (fate.ok() && *fate == Objects::OrphanFate::kAdopted) {
      Add(Kind::kAdopted, subject, "it had no row", orphan.digest);
    } else if (fate.ok() && *fate == Objects::OrphanFate::kQuarantined) {
      Add(Kind::kQuarantined, subject, "it had no row and is not whole",
          orphan.digest);
    }
    return absl::OkStatus();
  }

  absl::Status DropRecord(const std::filesystem::path& path) {
    const std::string subject = Printable(path.native());
    const absl::StatusOr<bool> removed =
        objects_.RemoveLoneRecord(Digest::FromHex(path.stem().native()));
    if (removed.ok() && *removed) {
      Add(Kind::kRecordRemoved, subject, "there is no such artifact");
    }
    return Weigh(removed.status(), subject);
  }

  const Places& places_;
  Index& index_;
  Objects& objects_;
  const OnRead& on_read_;
  const ManyOrphans many_;
  std::vector<RepairAction> actions_;
};

}  // namespace

absl::StatusOr<std::vector<RepairAction>> Repair(const Places& places,
                                                 Index& index, Objects& objects,
                                                 const OnRead& on_read,
                                                 ManyOrphans many) {
  return Repairer(places, index, objects, on_read, many).Run();
}

}  // namespace bottled
