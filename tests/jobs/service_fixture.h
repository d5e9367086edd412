// A PackService with all that it needs, and short ways to ask it.

#ifndef BOTTLED_TESTS_JOBS_SERVICE_FIXTURE_H_
#define BOTTLED_TESTS_JOBS_SERVICE_FIXTURE_H_

#include <fstream>
#include <memory>
#include <string>

#include "gtest/gtest.h"
#include "jobs/pack_service.h"
#include "jobs/store_fixture.h"

namespace bottled::testing {

class ServiceFixture : public StoreFixture {
 protected:
  explicit ServiceFixture(
      EngineClient::Options engine = EngineClient::Options())
      : engines_(engine) {
    PackService::Options options;
    options.packer_threads = 1;
    Open(options);
  }
  // Jobs use the members below; the scheduler is of the base.
  ~ServiceFixture() override {
    if (scheduler_ != nullptr) {
      scheduler_->Stop(std::chrono::milliseconds(0));
    }
  }
  void Open(const PackService::Options& options) {
    service_ = std::make_unique<PackService>(
        PackService::Deps{.engines = engines_,
                          .engine_objects = engine_objects_,
                          .registries = registries_,
                          .packers = packers_,
                          .leases = leases_,
                          .index = *index_,
                          .objects = *objects_,
                          .scheduler = *scheduler_,
                          .uploads = uploads_,
                          .clock = Clock::System()},
        options);
  }

  absl::StatusOr<PackAnswer> TryPack(const PackSpec& spec) {
    return service_->Pack(spec, CancelToken());
  }
  PackAnswer Pack(const PackSpec& spec) {
    auto answer = TryPack(spec);
    EXPECT_TRUE(answer.ok()) << answer.status();
    return answer.ok() ? *std::move(answer) : PackAnswer();
  }
  // The artifact, made by a job or not.
  ArtifactRecord Make(const PackSpec& spec) {
    const PackAnswer answer = Pack(spec);
    if (answer.artifact.has_value()) {
      return *answer.artifact;
    }
    if (answer.job == nullptr) {
      return {};
    }
    const JobSnapshot end = WaitForEnd(*answer.job);
    EXPECT_EQ(end.state, JobState::kSucceeded) << end.status;
    return end.artifact;
  }

  // A job that an earlier run of the daemon left, as Recover() leaves it.
  void AddRow(const std::string& id, const std::string& spec,
              JobWish wish = JobWish::kDetached,
              const std::string& request_key = "") {
    JobRecord row;
    row.id = id;
    row.source = "demo";
    row.created_ms = Clock::System().NowMs();
    row.flight = "flight of " + id;
    row.attempt = 2;
    row.spec = spec;
    row.wish = wish;
    row.boot_id = "old";
    ASSERT_TRUE(index_->InsertJob(row, request_key).ok());
  }

  std::string WriteFile(const std::string& name, const std::string& content) {
    const std::string path = (files_.path() / name).string();
    std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
    return path;
  }
  static PackSpec Archive(const std::string& path,
                          const std::string& reference = "") {
    PackSpec spec;
    spec.source = ArchiveFileSource{.path = path, .reference = reference};
    return spec;
  }

  TempDir files_;
  Engines engines_;
  EngineObjects engine_objects_{*index_, engines_, Clock::System()};
  Leases leases_{*index_, Clock::System()};
  // The tests that push choose where it listens.
  std::function<absl::StatusOr<int>()> registry_port_ = FreeLoopbackPort;
  Registries registries_{
      engine_objects_,
      Registries::Options{.instance = "i1",
                          .free_port = [this] { return registry_port_(); }}};
  SmolvmPrograms smolvm_{SmolvmPrograms::Options{.home = ""}};
  // There is no smolvm.
  Packers packers_{smolvm_, {.search_path = "/nonexistent"}};
  Uploads uploads_;
  std::unique_ptr<PackService> service_;
};

}  // namespace bottled::testing

#endif  // BOTTLED_TESTS_JOBS_SERVICE_FIXTURE_H_
