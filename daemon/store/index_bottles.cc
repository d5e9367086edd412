#include <algorithm>
#include <utility>

#include "base/status_macros.h"
#include "nlohmann/json.hpp"
#include "store/errors.h"
#include "store/index.h"
#include "store/index_state.h"

namespace bottled {
namespace {

using nlohmann::json;

// The first column of the lease in a row of a bottle.
constexpr int kLeaseColumn = 17;

std::string EncodeNames(const std::vector<std::string>& names) {
  // `replace`, as dump() throws on what is not UTF-8.
  return json(names).dump(-1, ' ', false, json::error_handler_t::replace);
}

std::vector<std::string> DecodeNames(const std::string& text) {
  const json list = json::parse(text, nullptr, /*allow_exceptions=*/false);
  std::vector<std::string> names;
  if (list.is_array()) {
    for (const json& name : list) {
      if (name.is_string()) {
        names.push_back(name.get<std::string>());
      }
    }
  }
  return names;
}

std::string_view StateText(LeaseState state) {
  return state == LeaseState::kActive ? "active" : "reserved";
}

// `column` is that of the slug; the others follow.
AddressLease ReadLease(const Statement::Use& row, int column) {
  AddressLease lease;
  lease.slug = row.Text(column);
  lease.subnet = static_cast<uint32_t>(row.Int(column + 1));
  lease.prefix = static_cast<int>(row.Int(column + 2));
  lease.loopback = static_cast<uint32_t>(row.Int(column + 3));
  lease.state = row.Text(column + 4) == "active" ? LeaseState::kActive
                                                 : LeaseState::kReserved;
  lease.updated_ms = row.Int(column + 5);
  return lease;
}

StoredBottle ReadBottle(const Statement::Use& row) {
  StoredBottle bottle;
  BottleRecord& record = bottle.record;
  record.slug = row.Text(0);
  record.agent = row.Text(1);
  record.cwd = row.Text(2);
  record.copy_cwd = row.Int(3) != 0;
  record.home = row.Text(4);
  record.started_ms = row.Int(5);
  record.updated_ms = row.Int(6);
  record.compose_project = row.Text(7);
  record.backend = row.Text(8);
  record.bottles = DecodeNames(row.Text(9));
  record.plan_revision = row.Int(10);
  record.plan_digest = row.Text(11);
  record.manifest_digest = row.Text(12);
  record.artifact = DigestColumn(row, 13);
  record.source = row.Text(14);
  record.endpoint_mode = row.Text(15);
  record.planned_mode = row.Text(16);
  if (!row.IsNull(kLeaseColumn)) {
    bottle.lease = ReadLease(row, kLeaseColumn);
  }
  return bottle;
}

absl::StatusOr<std::optional<StoredBottle>> GetBottle(Connection& c,
                                                      const std::string& slug) {
  Statement::Use use(c.statements.bottle_by_slug);
  ASSIGN_OR_RETURN(const bool row, use.Bind(slug).Step());
  std::optional<StoredBottle> bottle;
  if (row) {
    bottle = ReadBottle(use);
  }
  return bottle;
}

absl::StatusOr<std::vector<AddressLease>> OtherLeases(Connection& c,
                                                      const std::string& slug) {
  std::vector<AddressLease> leases;
  Statement::Use use(c.statements.lease_list);
  while (true) {
    ASSIGN_OR_RETURN(const bool row, use.Step());
    if (!row) {
      return leases;
    }
    if (AddressLease lease = ReadLease(use, 0); lease.slug != slug) {
      leases.push_back(std::move(lease));
    }
  }
}

absl::Status PutBottle(Connection& c, const BottleRecord& record, bool insert) {
  Statement::Use use(insert ? c.statements.bottle_insert
                            : c.statements.bottle_update);
  use.Bind(record.agent)
      .Bind(record.cwd)
      .Bind(int64_t{record.copy_cwd})
      .Bind(record.home)
      .Bind(record.updated_ms)
      .Bind(record.compose_project)
      .Bind(record.backend)
      .Bind(EncodeNames(record.bottles))
      .Bind(record.source)
      .Bind(record.endpoint_mode)
      .Bind(record.slug);
  if (insert) {
    use.Bind(record.started_ms);
  }
  return use.Run();
}

bool SamePlace(const AddressLease& a, const AddressLease& b) {
  return a.subnet == b.subnet && a.prefix == b.prefix &&
         a.loopback == b.loopback;
}

absl::Status PutLease(Connection& c, const AddressLease& lease,
                      const std::vector<AddressLease>& others) {
  // The table's constraints say so too, but not whose it is, and they end in an
  // error that is about SQL.
  for (const AddressLease& other : others) {
    const bool same_net =
        other.subnet == lease.subnet && other.prefix == lease.prefix;
    if (same_net || other.loopback == lease.loopback) {
      return LeaseTakenError(lease.slug, other.slug);
    }
  }
  return Statement::Use(c.statements.lease_put)
      .Bind(lease.slug)
      .Bind(int64_t{lease.subnet})
      .Bind(lease.prefix)
      .Bind(int64_t{lease.loopback})
      .Bind(StateText(lease.state))
      .Bind(lease.updated_ms)
      .Run();
}

absl::Status PutPlan(Connection& c, const std::string& slug, int64_t revision,
                     const PlanStamp& stamp) {
  Statement::Use set(c.statements.bottle_plan_set);
  set.Bind(revision)
      .Bind(stamp.digest)
      .Bind(stamp.manifest_digest)
      .Bind(stamp.endpoint_mode);
  if (stamp.artifact.empty()) {
    set.BindNull();
  } else {
    set.Bind(stamp.artifact.hex());
  }
  return set.Bind(slug).Run();
}

absl::Status Prepare(Connection& c, const BottleRecord& wanted,
                     bool must_be_new, const Index::ChooseLease& choose,
                     const Index::MakeStamp& make_stamp, PreparedBottle& out) {
  ASSIGN_OR_RETURN(const std::optional<StoredBottle> before,
                   GetBottle(c, wanted.slug));
  if (before.has_value() == must_be_new) {
    return must_be_new ? BottleExistsError(wanted.slug)
                       : BottleNotFoundError(wanted.slug);
  }
  std::optional<AddressLease> own;
  if (before.has_value()) {
    own = before->lease;
  }
  ASSIGN_OR_RETURN(const std::vector<AddressLease> others,
                   OtherLeases(c, wanted.slug));
  ASSIGN_OR_RETURN(out.lease, choose(own, others));
  const bool kept = own.has_value() && SamePlace(*own, out.lease);
  out.lease_moved = own.has_value() && !kept;
  out.lease.slug = wanted.slug;
  out.lease.state = kept ? own->state : LeaseState::kReserved;
  out.lease.updated_ms = wanted.updated_ms;
  RETURN_IF_ERROR(PutBottle(c, wanted, must_be_new));
  RETURN_IF_ERROR(PutLease(c, out.lease, others));
  ASSIGN_OR_RETURN(const PlanStamp stamp, make_stamp(out.lease));
  const BottleRecord none;
  const int64_t revision =
      NextRevision(before.has_value() ? before->record : none, stamp);
  RETURN_IF_ERROR(PutPlan(c, wanted.slug, revision, stamp));
  ASSIGN_OR_RETURN(std::optional<StoredBottle> after,
                   GetBottle(c, wanted.slug));
  out.record = std::move(after->record);
  return absl::OkStatus();
}

absl::Status Expire(Connection& c, int64_t older_than_ms,
                    std::vector<std::string>& slugs) {
  Statement::Use use(c.statements.lease_expire);
  use.Bind(older_than_ms);
  while (true) {
    ASSIGN_OR_RETURN(const bool row, use.Step());
    if (!row) {
      return absl::OkStatus();
    }
    slugs.push_back(use.Text(0));
  }
}

}  // namespace

int64_t NextRevision(const BottleRecord& before, const PlanStamp& stamp) {
  const bool other_artifact = !stamp.artifact.empty() &&
                              !before.artifact.empty() &&
                              stamp.artifact != before.artifact;
  // The first plan counts even when its digest is empty.
  const bool changed = before.plan_revision == 0 ||
                       stamp.digest != before.plan_digest || other_artifact;
  return before.plan_revision + (changed ? 1 : 0);
}

absl::StatusOr<PreparedBottle> Index::PrepareBottle(
    const BottleRecord& wanted, bool must_be_new, const ChooseLease& choose,
    const MakeStamp& make_stamp) {
  PreparedBottle prepared;
  RETURN_IF_ERROR(state_->Write([&](Connection& c) {
    return Prepare(c, wanted, must_be_new, choose, make_stamp, prepared);
  }));
  return prepared;
}

absl::StatusOr<std::optional<StoredBottle>> Index::FindBottle(
    const std::string& slug) {
  return state_->Read([&](Connection& c) { return GetBottle(c, slug); });
}

absl::StatusOr<std::vector<StoredBottle>> Index::ListBottles() {
  return state_->Read(
      [](Connection& c) -> absl::StatusOr<std::vector<StoredBottle>> {
        std::vector<StoredBottle> bottles;
        Statement::Use use(c.statements.bottle_list);
        while (true) {
          ASSIGN_OR_RETURN(const bool row, use.Step());
          if (!row) {
            return bottles;
          }
          bottles.push_back(ReadBottle(use));
        }
      });
}

absl::Status Index::RemoveBottle(const std::string& slug) {
  return state_->Write([&](Connection& c) -> absl::Status {
    RETURN_IF_ERROR(
        Statement::Use(c.statements.bottle_delete).Bind(slug).Run());
    return c.db.changes() == 1 ? absl::OkStatus() : BottleNotFoundError(slug);
  });
}

absl::Status Index::MarkLeasesActive(const std::vector<std::string>& slugs,
                                     int64_t now_ms) {
  return state_->Write([&](Connection& c) -> absl::Status {
    for (const std::string& slug : slugs) {
      RETURN_IF_ERROR(Statement::Use(c.statements.lease_activate)
                          .Bind(now_ms)
                          .Bind(slug)
                          .Run());
    }
    return absl::OkStatus();
  });
}

absl::StatusOr<std::vector<std::string>> Index::ExpireLeases(
    int64_t older_than_ms) {
  std::vector<std::string> slugs;
  RETURN_IF_ERROR(state_->Write(
      [&](Connection& c) { return Expire(c, older_than_ms, slugs); }));
  std::sort(slugs.begin(), slugs.end());
  return slugs;
}

}  // namespace bottled
