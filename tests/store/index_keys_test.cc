#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "image/content_key.h"
#include "platform/temp_dir.h"
#include "store/index.h"
#include "store/miss_json.h"
#include "store/store_env.h"

namespace bottled {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::KeyOf;
using testing::RecordOf;
using testing::StoreEnv;

constexpr int64_t kMissDay = int64_t{24} * 3600 * 1000;
constexpr int64_t kMissNow = 1'800'000'000'000;

std::string InputsWith(const std::string& token, int cpus = 4,
                       const std::string& packer = "native/1") {
  ImageConfig config;
  config.platform = {.os = "linux", .architecture = "amd64", .variant = ""};
  config.env = {"TOKEN=" + token};
  config.diff_ids = {Sha256Of("layer")};
  return ContentKeyInputs(config, {.cpus = cpus, .memory_mib = 512}, packer);
}

class IndexKeys : public ::testing::Test {
 protected:
  IndexKeys() : env_(dir_.path()) {
    const absl::Status status = env_.Start();
    EXPECT_TRUE(status.ok()) << status;
  }
  Index& index() { return env_.index(); }
  // An artifact of these inputs, under the reference "app".
  ArtifactRecord Make(const std::string& inputs) {
    ArtifactRecord record = RecordOf("content of " + inputs, Key(inputs));
    record.key_inputs = inputs;
    EXPECT_TRUE(index().InsertArtifact(record, "", kMissNow).ok());
    EXPECT_TRUE(index().RecordReference("app", Key(inputs), kMissNow).ok());
    return record;
  }
  static Digest Key(const std::string& inputs) { return ContentKey(inputs); }
  Miss Explain(const std::string& inputs, const std::string& reference = "app",
               int64_t now_ms = kMissNow) {
    auto miss = index().Explain(Key(inputs), inputs, reference, now_ms);
    EXPECT_TRUE(miss.ok()) << miss.status();
    return miss.ok() ? *miss : Miss();
  }

  const TempDir dir_;
  StoreEnv env_;
};

TEST_F(IndexKeys, NamesEveryInputThatChanged) {
  Make(InputsWith("hunter2"));
  const Miss miss = Explain(InputsWith("swordfish", 8));
  EXPECT_EQ(miss.reason, "INPUT_CHANGED");
  ASSERT_EQ(miss.changes.size(), 2U);
  EXPECT_EQ(miss.changes[0].name, "env.TOKEN");
  EXPECT_EQ(miss.changes[1], (InputChange{"options.cpus", "4", "8"}));
  // Equal values look equal, and none can be found by hashing guesses.
  const InputChange token = miss.changes[0];
  EXPECT_EQ(token.before.size(), 13U);
  EXPECT_NE(token.before, token.after);
  EXPECT_EQ(Explain(InputsWith("swordfish")).changes,
            std::vector<InputChange>{token});
  for (const char* guess : {"hunter2", "TOKEN=hunter2"}) {
    EXPECT_NE(token.before, "#" + Sha256Of(guess).hex().substr(0, 12));
  }
  EXPECT_EQ(EncodeMiss(miss).find("hunter2"), std::string::npos);
  // The same after a restart.
  env_.Restart();
  EXPECT_EQ(Explain(InputsWith("swordfish", 8)), miss);
}

TEST_F(IndexKeys, AnotherRevisionIsAnotherFormat) {
  Make(InputsWith("a"));
  const Miss miss = Explain(InputsWith("a", 4, "native/2"));
  EXPECT_EQ(miss.reason, "FORMAT_CHANGED");
  EXPECT_THAT(miss.changes,
              ElementsAre(InputChange{"packer", "native/1", "native/2"}));
}

TEST_F(IndexKeys, SaysWhenAndByWhichRuleItWent) {
  const ArtifactRecord record = Make(InputsWith("a"));
  ASSERT_TRUE(index()
                  .DeleteArtifactUnlessHeld(record.digest, "EVICTED",
                                            kMissNow + 7, nullptr, "IDLE")
                  .ok());
  EXPECT_EQ(Explain(InputsWith("a")),
            (Miss{.reason = "EVICTED", .at_ms = kMissNow + 7, .rule = "IDLE"}));
  // That it is there again is all that counts.
  Make(InputsWith("a"));
  ASSERT_TRUE(
      index().DeleteArtifact(record.digest, "REMOVED", kMissNow + 9).ok());
  EXPECT_EQ(Explain(InputsWith("a")),
            (Miss{.reason = "REMOVED", .at_ms = kMissNow + 9}));
}

TEST_F(IndexKeys, TwoQuarantinesWithinADayAreSuspect) {
  const std::string inputs = InputsWith("a");
  for (const int64_t at : {kMissNow, kMissNow + kMissDay / 2}) {
    EXPECT_FALSE(Explain(inputs, "app", at).suspect());
    const ArtifactRecord record = Make(inputs);
    ASSERT_TRUE(
        index().DeleteArtifact(record.digest, "QUARANTINED", at, "bad").ok());
  }
  const Miss miss = Explain(inputs, "app", kMissNow + kMissDay / 2);
  EXPECT_EQ(miss.quarantines, 2);
  EXPECT_TRUE(miss.suspect());
  EXPECT_EQ(miss.rule, "bad");
  // A day after the first one is past; others of other keys never counted.
  EXPECT_FALSE(Explain(inputs, "app", kMissNow + kMissDay + 1).suspect());
  EXPECT_EQ(Explain(InputsWith("b")).quarantines, 0);
  // Still known when it is there again.
  Make(inputs);
  EXPECT_TRUE(Explain(inputs, "app", kMissNow + kMissDay / 2).suspect());
}

TEST_F(IndexKeys, WhatWentIsForgottenAfter90Days) {
  const std::string kept = InputsWith("kept");
  const std::string gone = InputsWith("gone");
  Make(kept);
  const ArtifactRecord record = Make(gone);
  ASSERT_TRUE(index().DeleteArtifact(record.digest, "EVICTED", kMissNow).ok());
  ASSERT_TRUE(index().TrimKeys(kMissNow + 90 * kMissDay).ok());
  EXPECT_EQ(Explain(gone).reason, "EVICTED");
  EXPECT_EQ(Explain(InputsWith("new")).changes.size(), 1U);
  ASSERT_TRUE(index().TrimKeys(kMissNow + 90 * kMissDay + 1).ok());
  EXPECT_EQ(Explain(gone).reason, "NEVER_BUILT");
  EXPECT_EQ(Explain(InputsWith("new")).reason, "NEVER_BUILT");
  EXPECT_TRUE(index().FindByKey(Key(kept))->has_value());
  // Its row is needed while an artifact refers to it.
  ArtifactRecord other = Make(kept);
  other.digest = Sha256Of("other bytes of the same key");
  ASSERT_TRUE(index().InsertArtifact(other, "", kMissNow).ok());
  ASSERT_TRUE(index().DeleteArtifact(other.digest, "REMOVED", kMissNow).ok());
  EXPECT_TRUE(index().TrimKeys(kMissNow + 200 * kMissDay).ok());
  EXPECT_EQ(index().ListArtifacts(0)->size(), 1U);
}

TEST_F(IndexKeys, AJobKeepsItsMiss) {
  const Miss miss = {.reason = "INPUT_CHANGED",
                     .at_ms = 5,
                     .rule = "r",
                     .changes = {{"user", "a", "b\xff"}},
                     .quarantines = 3};
  ASSERT_TRUE(index().InsertJob({.id = "j", .created_ms = kMissNow}).ok());
  ASSERT_TRUE(index().SetJobMiss("j", miss).ok());
  const auto job = index().FindJob("j");
  ASSERT_TRUE(job.ok() && job->has_value());
  EXPECT_EQ((*job)->miss.changes[0].after, "b\uFFFD");
  EXPECT_EQ((*job)->miss.quarantines, 3);
  for (const char* text : {"", "[]", "{", R"({"changes":{"a":1}})",
                           R"({"changes":[1],"reason":2,"at_ms":"x"})"}) {
    EXPECT_EQ(DecodeMiss(text), Miss()) << text;
  }
}

}  // namespace
}  // namespace bottled
