// A BottleService with all that it needs: a store, a home with manifests, an
// engine that tells what networks there are, and a clock that stands still.

#ifndef BOTTLED_TESTS_JOBS_BOTTLE_FIXTURE_H_
#define BOTTLED_TESTS_JOBS_BOTTLE_FIXTURE_H_

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "bottle/bottle_files.h"
#include "fakes/fake_engine.h"
#include "fmt/format.h"
#include "gtest/gtest.h"
#include "jobs/bottle_service.h"
#include "jobs/service_fixture.h"

namespace bottled::testing {

struct FakeNetwork {
  std::string name;
  std::vector<std::string> subnets;
};

// What `GET /networks` answers.
inline FakeReply NetworksReply(const std::vector<FakeNetwork>& networks) {
  std::string list;
  for (const FakeNetwork& network : networks) {
    std::string configs;
    for (const std::string& subnet : network.subnets) {
      configs += fmt::format(R"({}{{"Subnet":"{}"}})",
                             configs.empty() ? "" : ",", subnet);
    }
    list += fmt::format(
        R"({}{{"Name":"{}","Driver":"bridge","IPAM":{{"Config":[{}]}}}})",
        list.empty() ? "" : ",", network.name, configs);
  }
  return FakeReply::Json("[" + list + "]");
}

inline constexpr const char* kHostEngine =
    R"({"OperatingSystem":"Debian GNU/Linux"})";
inline constexpr const char* kVmEngine =
    R"({"OperatingSystem":"Docker Desktop"})";

inline std::vector<std::string> ReasonsIn(
    const std::vector<Warning>& warnings) {
  std::vector<std::string> reasons;
  for (const Warning& warning : warnings) {
    reasons.push_back(warning.reason);
  }
  return reasons;
}

class BottleServiceFixture : public ServiceFixture {
 protected:
  BottleServiceFixture() {
    Agent("demo", "bottle: dev");
    Bottle("dev", "env: {A: one}");
    SetNetworks({});
    engine_.Route("/info", FakeReply::Json(kHostEngine));
    // For documentation only, so a machine that uses all of them is unlikely.
    BottleService::Options options;
    options.pool.pools = {Ipv4Net::Parse("203.0.113.0/24").value(),
                          Ipv4Net::Parse("198.51.100.0/24").value()};
    options.bundle_image = "bundle:1";
    OpenBottles(options);
  }
  void OpenBottles(const BottleService::Options& options) {
    bottles_ = std::make_unique<BottleService>(
        BottleService::Deps{.index = *index_,
                            .objects = *objects_,
                            .networks = networks_,
                            .feed = &feed_,
                            .places = index_.places(),
                            .clock = clock_},
        options);
  }

  // --- what the caller has -------------------------------------------------
  void Agent(const std::string& name, const std::string& yaml) {
    WriteManifest("agents/" + name, "---\n" + yaml + "\n---\nA prompt.\n");
  }
  void Bottle(const std::string& name, const std::string& yaml) {
    WriteManifest("bottles/" + name, "---\n" + yaml + "\n---\n");
  }
  void SetNetworks(const std::vector<FakeNetwork>& networks) {
    engine_.Route("/networks", NetworksReply(networks));
  }
  EngineEndpoint Engine() const {
    EngineEndpoint endpoint;
    endpoint.host = engine_.host();
    endpoint.origin = "--engine";
    return endpoint;
  }

  // --- what it asks --------------------------------------------------------
  BottleQuery New(const std::string& agent = "demo") const {
    BottleQuery query;
    query.agent = agent;
    query.home = home_.path().string();
    query.engine = Engine();
    return query;
  }
  BottleQuery Resume(const std::string& slug) const {
    BottleQuery query;
    query.resume = slug;
    query.engine = Engine();
    return query;
  }
  absl::StatusOr<Plan> TryCommit(const BottleQuery& query) {
    absl::StatusOr<BottleDraft> draft = bottles_->Draft(query);
    return draft.ok() ? bottles_->Commit(*std::move(draft), CancelToken())
                      : draft.status();
  }
  Plan Commit(const BottleQuery& query) {
    absl::StatusOr<Plan> plan = TryCommit(query);
    EXPECT_TRUE(plan.ok()) << plan.status();
    return std::move(plan).value();
  }
  // Why it is refused; "" when it is not.
  std::string ReasonOf(const BottleQuery& query) {
    return GetErrorDetail(TryCommit(query).status()).reason;
  }

  // --- what is there -------------------------------------------------------
  StoredBottle Row(const std::string& slug) {
    std::optional<StoredBottle> bottle = index_->FindBottle(slug).value();
    EXPECT_TRUE(bottle.has_value()) << slug;
    return bottle.value();
  }
  std::optional<Ipv4Net> LeaseOf(const std::string& slug) {
    const std::optional<AddressLease> lease = Row(slug).lease;
    return lease.has_value()
               ? std::optional(Ipv4Net{{lease->subnet}, lease->prefix})
               : std::nullopt;
  }
  // The bottle's directory holds what the plan says and nothing else.
  static void ExpectFiles(const Plan& plan) {
    std::set<std::string> wanted = {std::string(kPlanFile)};
    EXPECT_EQ(ReadText(plan.directory / kPlanFile), PlanJson(plan));
    for (const BottleFile& file : plan.files) {
      wanted.insert(file.path);
      EXPECT_EQ(ReadText(plan.directory / file.path), file.content);
    }
    std::set<std::string> found;
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(plan.directory)) {
      const bool directory = entry.is_directory();
      struct stat info{};
      EXPECT_EQ(::lstat(entry.path().c_str(), &info), 0);
      EXPECT_EQ(info.st_mode, directory ? S_IFDIR | 0700U : S_IFREG | 0600U)
          << entry.path();
      if (!directory) {
        found.insert(entry.path().lexically_relative(plan.directory).string());
      }
    }
    EXPECT_EQ(found, wanted);
  }
  void ExpectNoBottle() {
    EXPECT_TRUE(bottles_->List().value().empty());
    EXPECT_TRUE(NamesIn(index_.places().bottles()).empty());
  }
  // "KIND slug" of what happened to bottles since the last call.
  std::vector<std::string> Changes() {
    ChangeFeed::Batch batch = feed_.Since(cursor_, 1000);
    cursor_ = batch.cursor;
    std::vector<std::string> changes;
    for (const Change& change : batch.changes) {
      changes.push_back(
          (change.kind == ChangeKind::kBottle ? "changed " : "removed ") +
          change.id);
    }
    return changes;
  }
  static std::string ReadText(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    EXPECT_TRUE(file.is_open()) << path;
    return {std::istreambuf_iterator<char>(file), {}};
  }

  TestClock clock_;
  TempDir home_;
  FakeEngine engine_;
  NetworkViews networks_{engines_, clock_};
  ChangeFeed feed_{clock_};
  int64_t cursor_ = feed_.last_seq();
  std::unique_ptr<BottleService> bottles_;

 private:
  void WriteManifest(const std::string& name, const std::string& content) {
    const std::filesystem::path path =
        home_.path() / ".bot-bottle" / (name + ".md");
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::trunc) << content;
    // A manifest that others may write is refused.
    EXPECT_EQ(::chmod(path.c_str(), 0644), 0);
  }
};

}  // namespace bottled::testing

#endif  // BOTTLED_TESTS_JOBS_BOTTLE_FIXTURE_H_
