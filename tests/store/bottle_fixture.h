// IndexBottles: an index in a temporary directory, and bottles for it.

#ifndef BOTTLED_TESTS_STORE_BOTTLE_FIXTURE_H_
#define BOTTLED_TESTS_STORE_BOTTLE_FIXTURE_H_

#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "platform/temp_dir.h"
#include "store/index.h"
#include "store/store_env.h"

namespace bottled::testing {

inline constexpr uint32_t kPool = 0xac10c000;

inline BottleRecord Wanted(const std::string& slug, int64_t now_ms = 100) {
  BottleRecord record;
  record.slug = slug;
  record.agent = "agent " + slug;
  record.cwd = "/work/x";
  record.copy_cwd = true;
  record.home = "/home/x";
  record.started_ms = now_ms;
  record.updated_ms = now_ms;
  record.compose_project = "claude-bottle-" + slug;
  record.backend = "smolmachines";
  record.bottles = {"base", "dev"};
  record.source = R"({"image":"a:1"})";
  record.endpoint_mode = "bridge";
  return record;
}

inline AddressLease Slot(uint32_t number) {
  AddressLease lease;
  lease.subnet = kPool + number * 16;
  lease.prefix = 28;
  lease.loopback = 0x7f500001 + number;
  return lease;
}

// Keeps what is there, else takes the lowest free slot.
inline absl::StatusOr<AddressLease> FirstFree(
    const std::optional<AddressLease>& own,
    std::span<const AddressLease> others) {
  if (own.has_value()) {
    return *own;
  }
  std::set<uint32_t> taken;
  for (const AddressLease& other : others) {
    taken.insert(other.subnet);
  }
  for (uint32_t number = 0;; ++number) {
    if (!taken.contains(Slot(number).subnet)) {
      return Slot(number);
    }
  }
}

// As Wanted() is stored, with its first plan.
inline BottleRecord Stored(const std::string& slug) {
  BottleRecord record = Wanted(slug);
  record.plan_revision = 1;
  record.plan_digest = "plan";
  record.manifest_digest = "manifest";
  record.planned_mode = "bridge";
  return record;
}

inline absl::StatusOr<PlanStamp> Planned(const AddressLease&) {
  return PlanStamp{.digest = "plan",
                   .manifest_digest = "manifest",
                   .endpoint_mode = "bridge"};
}

inline Index::ChooseLease Fixed(uint32_t number) {
  return [number](const auto&, auto) -> absl::StatusOr<AddressLease> {
    return Slot(number);
  };
}

class IndexBottles : public ::testing::Test {
 protected:
  IndexBottles() : env_(dir_.path()) {
    const absl::Status status = env_.Start();
    EXPECT_TRUE(status.ok()) << status;
  }

  Index& index() { return env_.index(); }
  PreparedBottle Prepare(const std::string& slug, bool is_new = true,
                         int64_t now_ms = 100,
                         const Index::ChooseLease& choose = FirstFree) {
    const auto prepared =
        index().PrepareBottle(Wanted(slug, now_ms), is_new, choose, Planned);
    EXPECT_TRUE(prepared.ok()) << prepared.status();
    return prepared.ok() ? *prepared : PreparedBottle();
  }
  // The revision of a plan of bottle "a".
  int64_t Save(const std::string& digest, const Digest& artifact = Digest()) {
    const auto prepared = index().PrepareBottle(
        Wanted("a"), false, FirstFree,
        [&](const AddressLease&) -> absl::StatusOr<PlanStamp> {
          return PlanStamp{.digest = digest,
                           .manifest_digest = "m" + digest,
                           .endpoint_mode = "loopback",
                           .artifact = artifact};
        });
    EXPECT_TRUE(prepared.ok()) << prepared.status();
    return prepared.ok() ? prepared->record.plan_revision : -1;
  }
  StoredBottle Get(const std::string& slug) {
    const auto bottle = index().FindBottle(slug);
    EXPECT_TRUE(bottle.ok() && bottle->has_value()) << slug;
    return bottle.ok() && bottle->has_value() ? **bottle : StoredBottle();
  }
  std::vector<std::string> Slugs() {
    std::vector<std::string> slugs;
    const auto bottles = index().ListBottles();
    EXPECT_TRUE(bottles.ok()) << bottles.status();
    for (const StoredBottle& bottle : *bottles) {
      slugs.push_back(bottle.record.slug);
    }
    return slugs;
  }

  const TempDir dir_;
  StoreEnv env_;
};

}  // namespace bottled::testing

#endif  // BOTTLED_TESTS_STORE_BOTTLE_FIXTURE_H_
