// Jobs that take over layers of earlier ones.

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "image/platform.h"
#include "jobs/collector.h"
#include "jobs/layer_share.h"
#include "jobs/pack_pipeline.h"
#include "jobs/store_fixture.h"

namespace bottled {
namespace {

namespace fs = std::filesystem;

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::MakeArchive;
using testing::MakeLayer;
using testing::MemorySource;
using testing::NamesIn;
using ::testing::Not;
using ::testing::SizeIs;
using testing::WaitForEnd;

// Bytes that differ with `seed`.
std::string Salted(size_t size, const std::string& seed) {
  std::string text;
  while (text.size() < size) {
    text += Sha256Of(seed + std::to_string(text.size())).hex();
  }
  return text.substr(0, size);
}

class PackLayersTest : public testing::StoreFixture {
 protected:
  PackLayersTest() {
    auto kept = KeptLayers::Open(index_.places(), {.max_bytes = 1 << 30});
    EXPECT_TRUE(kept.ok()) << kept.status();
    kept_ = *std::move(kept);
  }

  // As an engine's image: what it holds is known beforehand.
  JobSnapshot Run(const std::vector<std::string>& layers, bool keep = true,
                  bool one_shot = false) {
    PipelineInput input;
    input.archive.platform = HostPlatform();
    input.reference = "demo:1";
    input.one_shot = one_shot;
    input.force = !keep;
    for (const std::string& layer : layers) {
      input.archive.expected_diff_ids.push_back(Sha256Of(layer));
    }
    input.open =
        [this, archive = MakeArchive({.layers = layers})](
            const CancelToken&) -> absl::StatusOr<std::unique_ptr<ByteSource>> {
      ++opens_;
      return std::make_unique<MemorySource>(archive);
    };
    const PipelineDeps deps{.index = *index_,
                            .objects = *objects_,
                            .clock = Clock::System(),
                            .packer_threads = 1,
                            .kept = keep ? kept_.get() : nullptr};
    opens_ = 0;
    Scheduler::Request request;
    request.flight_key = "k";
    request.source = "demo:1";
    auto submission = scheduler_->Submit(request, [&] {
      return [deps, taken = std::move(input)](Job& job) mutable {
        return RunPackPipeline(deps, std::move(taken), job);
      };
    });
    EXPECT_TRUE(submission.ok()) << submission.status();
    last_ = submission->job;
    JobSnapshot end = WaitForEnd(*last_);
    EXPECT_EQ(end.state, JobState::kSucceeded) << end.status;
    ExpectNoStage();
    return end;
  }
  // The digest that a pack without kept layers gives.
  Digest Cold(const std::vector<std::string>& layers) {
    return Run(layers, /*keep=*/false).artifact.digest;
  }
  std::vector<std::string> Lines() {
    std::vector<std::string> lines;
    for (const JobEvent& event : last_->events().Read(0, 10'000).events) {
      if (const auto* line = std::get_if<LogLine>(&event.what)) {
        lines.push_back(line->text);
      }
    }
    return lines;
  }
  std::vector<std::string> Kept() { return NamesIn(index_.places().layers()); }

  const std::string base_ =
      MakeLayer({{"usr/", ""}, {"usr/big", Salted(90'000, "base")}});
  std::unique_ptr<KeptLayers> kept_;
  std::atomic<int> opens_ = 0;
  std::shared_ptr<Job> last_;
};

TEST_F(PackLayersTest, ASharedLayerIsNotCompressedAgain) {
  const std::string one = MakeLayer({{"etc/motd", "one"}});
  const std::string two = MakeLayer({{"etc/motd", "two"}});
  Run({base_, one});
  EXPECT_THAT(Lines(), Not(Contains(HasSubstr("earlier pack"))));
  EXPECT_THAT(Kept(), SizeIs(2));
  const JobSnapshot end = Run({base_, two});
  EXPECT_THAT(Lines(), Contains(HasSubstr("1 of 2 layers")));
  EXPECT_EQ(opens_, 1);
  EXPECT_EQ(end.artifact.digest, Cold({base_, two}));
  EXPECT_THAT(Lines(), Not(Contains(HasSubstr("earlier pack"))));
}

// A file and an upload cannot be read twice, so nothing is risked.
TEST_F(PackLayersTest, AOneShotSourceOnlyLeavesLayers) {
  Run({base_}, true, /*one_shot=*/true);
  EXPECT_THAT(Kept(), SizeIs(1));
  Run({base_, MakeLayer({{"a", "1"}})}, true, /*one_shot=*/true);
  EXPECT_THAT(Lines(), Not(Contains(HasSubstr("earlier pack"))));
  Run({base_, MakeLayer({{"a", "2"}})});
  EXPECT_THAT(Lines(), Contains(HasSubstr("1 of 2 layers")));
}

TEST_F(PackLayersTest, ADamagedLayerIsPackedAnew) {
  const JobSnapshot first = Run({base_});
  // Behind the back of the cache, where the layer's frames are.
  const fs::path path = objects_->Path(first.artifact);
  fs::permissions(path, fs::perms::owner_all);
  {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(first.artifact.size_bytes / 2));
    file << "damage";
  }
  const std::string top = MakeLayer({{"etc/motd", "one"}});
  const JobSnapshot end = Run({base_, top});
  EXPECT_THAT(testing::WarningsOf(*last_),
              Contains(HasSubstr("kept layer is damaged")));
  EXPECT_EQ(opens_, 2);
  EXPECT_EQ(end.artifact.digest, Cold({base_, top}));
  // What is kept now is the good one.
  Run({base_, MakeLayer({{"etc/motd", "two"}})});
  EXPECT_THAT(Lines(), Contains(HasSubstr("1 of 2 layers")));
  EXPECT_EQ(opens_, 1);
}

TEST_F(PackLayersTest, ALayerThatOnlyLooksLikeAKeptOneIsReadOnceMore) {
  std::string other = base_;
  other[other.size() - 5000] = static_cast<char>(~other[other.size() - 5000]);
  Run({base_});
  const JobSnapshot end = Run({base_, other});
  EXPECT_EQ(opens_, 2);
  EXPECT_THAT(Lines(), Contains(HasSubstr("Reading without it")));
  EXPECT_EQ(end.artifact.digest, Cold({base_, other}));
}

TEST_F(PackLayersTest, LayersGoBeforeAnyArtifact) {
  const JobSnapshot end = Run({base_});
  Leases leases(*index_, Clock::System());
  const auto collect = [&](int64_t max_bytes, int64_t min_free, int64_t free,
                           bool dry_run) {
    Collector collector(
        {.index = *index_,
         .objects = *objects_,
         .leases = leases,
         .clock = Clock::System(),
         .kept = kept_.get()},
        {.max_bytes = max_bytes, .min_free_bytes = min_free},
        {.free_bytes = [free] { return absl::StatusOr<int64_t>(free); },
         .total_bytes = [] { return absl::StatusOr<int64_t>(1LL << 40); }});
    const auto collection = collector.Collect(dry_run, CancelToken());
    EXPECT_TRUE(collection.ok()) << collection.status();
    return *collection;
  };
  const int64_t kept = kept_->Bytes();
  ASSERT_GT(kept, 0);
  Collection wide = collect(1 << 30, 1, 1 << 30, false);
  EXPECT_EQ(wide.kept_layer_bytes, kept);
  EXPECT_EQ(wide.removed_kept_layer_bytes, 0);
  for (const bool dry_run : {true, false}) {
    const Collection full =
        collect(end.artifact.size_bytes + kept / 2, 1, 1 << 30, dry_run);
    EXPECT_GE(full.removed_kept_layer_bytes, kept / 2);
    EXPECT_EQ(full.removed_count, 0);
    EXPECT_EQ(Kept().empty(), !dry_run);
  }
  Run({base_, base_});
  const Collection low = collect(1 << 30, 1 << 20, 0, false);
  EXPECT_GT(low.removed_kept_layer_bytes, 0);
  EXPECT_EQ(low.removed_count, 0);
  EXPECT_THAT(Kept(), IsEmpty());
}

TEST(LayerShareTest, IsWhatTheCacheLeaves) {
  const CachePolicy policy{.max_bytes = 1000, .min_free_bytes = 100};
  EXPECT_EQ(LayerShare(policy), 250);
  EXPECT_EQ(LayersThatMayStay(200, 500, 100, policy), 200);
  EXPECT_EQ(LayersThatMayStay(300, 500, 100, policy), 250);
  EXPECT_EQ(LayersThatMayStay(200, 900, 100, policy), 100);
  EXPECT_EQ(LayersThatMayStay(200, 5000, 100, policy), 0);
  EXPECT_EQ(LayersThatMayStay(200, 500, 40, policy), 140);
  EXPECT_EQ(LayersThatMayStay(50, 500, 0, policy), 0);
  EXPECT_EQ(LayersThatMayStay(0, 500, 0, policy), 0);
}

}  // namespace
}  // namespace bottled
