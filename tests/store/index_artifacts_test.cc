#include <optional>

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "platform/temp_dir.h"
#include "store/index.h"
#include "store/store_env.h"

namespace bottled {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::KeyOf;
using testing::RecordOf;
using testing::SidecarLike;
using ::testing::SizeIs;
using testing::StoreEnv;

class IndexArtifacts : public ::testing::Test {
 protected:
  IndexArtifacts() : env_(dir_.path()) {
    const absl::Status status = env_.Start();
    EXPECT_TRUE(status.ok()) << status;
  }

  Index& index() { return env_.index(); }
  ArtifactRecord Put(const std::string& content, const Digest& key,
                     int64_t now_ms = 1000) {
    ArtifactRecord record = RecordOf(content, key);
    record.created_ms = now_ms;
    record.last_used_ms = now_ms;
    record.device = UINT64_MAX;  // beyond what SQLite calls an integer
    record.inode = 7;
    record.mtime_ns = 9;
    EXPECT_TRUE(index().InsertArtifact(record, "", now_ms).ok());
    return record;
  }
  std::optional<ArtifactRecord> ByKey(const Digest& key) {
    auto record = index().FindByKey(key);
    EXPECT_TRUE(record.ok()) << record.status();
    return record.ok() ? *record : std::nullopt;
  }
  std::optional<ArtifactRecord> ByDigest(const Digest& digest) {
    auto record = index().FindByDigest(digest);
    EXPECT_TRUE(record.ok()) << record.status();
    return record.ok() ? *record : std::nullopt;
  }

  const TempDir dir_;
  StoreEnv env_;
};

TEST_F(IndexArtifacts, KeepsEveryField) {
  ArtifactRecord put = Put("a", KeyOf(1));
  // Bytes of a path that are not UTF-8 are replaced in JSON.
  ArtifactRecord clean = put;
  clean.notes[0].example = "run/p";
  ASSERT_TRUE(index().InsertArtifact(clean, "", 1000).ok());
  for (const auto& got : {ByKey(KeyOf(1)), ByDigest(put.digest)}) {
    ASSERT_TRUE(got.has_value());
    EXPECT_EQ(got->digest, put.digest);
    EXPECT_EQ(got->content_key, put.content_key);
    EXPECT_EQ(got->key_inputs, put.key_inputs);
    EXPECT_EQ(got->size_bytes, put.size_bytes);
    EXPECT_EQ(got->unpacked_bytes, put.unpacked_bytes);
    EXPECT_EQ(got->entry_count, put.entry_count);
    EXPECT_EQ(got->platform, put.platform);
    EXPECT_EQ(got->config_digest, put.config_digest);
    EXPECT_EQ(got->layer_digest, put.layer_digest);
    EXPECT_EQ(got->packer, put.packer);
    EXPECT_EQ(got->created_ms, put.created_ms);
    EXPECT_EQ(got->last_used_ms, put.last_used_ms);
    EXPECT_EQ(got->notes, clean.notes);
    EXPECT_EQ(got->references, put.references);
    EXPECT_EQ(got->device, put.device);
    EXPECT_EQ(got->inode, put.inode);
    EXPECT_EQ(got->mtime_ns, put.mtime_ns);
  }
}

TEST_F(IndexArtifacts, SurviveARestart) {
  const std::string id = index().instance_id();
  EXPECT_THAT(id, SizeIs(32));
  const ArtifactRecord made = env_.MustPublish(1);
  env_.Restart();
  EXPECT_EQ(index().instance_id(), id);
  ASSERT_TRUE(ByKey(KeyOf(1)).has_value());
  EXPECT_EQ(ByKey(KeyOf(1))->digest, made.digest);
}

TEST_F(IndexArtifacts, AKeyMovesToItsNewArtifact) {
  const ArtifactRecord first = Put("a", KeyOf(1));
  const ArtifactRecord second = Put("b", KeyOf(1));
  EXPECT_EQ(ByKey(KeyOf(1))->digest, second.digest);
  ASSERT_TRUE(ByDigest(first.digest).has_value());
  // The older one may go without taking the key's artifact along.
  ASSERT_TRUE(index().DeleteArtifact(first.digest, "REMOVED", 1).ok());
  EXPECT_EQ(ByKey(KeyOf(1))->digest, second.digest);
}

TEST_F(IndexArtifacts, AnAdoptedOneLeavesItsKeyToANewerOne) {
  ArtifactRecord newer = RecordOf(SidecarLike(1), KeyOf(1));
  newer.created_ms = 2000;
  ASSERT_TRUE(index().InsertArtifact(newer, "", 2000).ok());
  ArtifactRecord found = RecordOf(SidecarLike(2), KeyOf(1));
  found.created_ms = 1000;
  ASSERT_TRUE(index().AdoptArtifact(found, 3000).ok());
  EXPECT_EQ((*index().FindByKey(KeyOf(1)))->digest, newer.digest);
  EXPECT_TRUE(index().FindByDigest(found.digest)->has_value());
  found = RecordOf(SidecarLike(3), KeyOf(1));
  found.created_ms = 2500;
  ASSERT_TRUE(index().AdoptArtifact(found, 3000).ok());
  EXPECT_EQ((*index().FindByKey(KeyOf(1)))->digest, found.digest);
}

TEST_F(IndexArtifacts, TwoKeysMayShareAnArtifact) {
  const ArtifactRecord record = Put("a", KeyOf(1));
  Put("a", KeyOf(2));
  EXPECT_EQ(ByKey(KeyOf(1))->content_key, KeyOf(1));
  EXPECT_EQ(ByKey(KeyOf(2))->content_key, KeyOf(2));
  EXPECT_EQ(index().Totals()->count, 1);
  ASSERT_TRUE(index().DeleteArtifact(record.digest, "REMOVED", 1).ok());
  EXPECT_FALSE(ByKey(KeyOf(1)).has_value());
  EXPECT_FALSE(ByKey(KeyOf(2)).has_value());
  EXPECT_EQ(*index().MissReason(KeyOf(1), ""), "REMOVED");
  EXPECT_EQ(*index().MissReason(KeyOf(2), ""), "REMOVED");
}

TEST_F(IndexArtifacts, FindsByPrefix) {
  std::vector<Digest> all;
  for (int i = 0; i < 50; ++i) {
    all.push_back(Put(fmt::format("{}", i), KeyOf(i)).digest);
  }
  std::sort(all.begin(), all.end());
  EXPECT_THAT(*index().FindByPrefix("", 100), SizeIs(50));
  EXPECT_THAT(*index().FindByPrefix("", 3),
              ElementsAre(all[0], all[1], all[2]));
  for (const Digest& digest : all) {
    EXPECT_THAT(*index().FindByPrefix(digest.hex().substr(0, 16), 2),
                ElementsAre(digest));
    EXPECT_THAT(*index().FindByPrefix(digest.hex(), 2), ElementsAre(digest));
  }
  EXPECT_THAT(*index().FindByPrefix("%", 100), IsEmpty());
  EXPECT_THAT(*index().FindByPrefix("A", 100), IsEmpty());
}

TEST_F(IndexArtifacts, ListsTheMostRecentlyUsedFirst) {
  const ArtifactRecord a = Put("a", KeyOf(1), 1000);
  const ArtifactRecord b = Put("bb", KeyOf(2), 2000);
  const ArtifactRecord c = Put("ccc", KeyOf(3), 3000);
  ASSERT_TRUE(index().Touch(a.digest, "", 100'000).ok());
  const auto digests = [&](int limit) {
    std::vector<Digest> result;
    const auto list = index().ListArtifacts(limit);
    for (const ArtifactRecord& record : *list) {
      result.push_back(record.digest);
    }
    return result;
  };
  EXPECT_THAT(digests(0), ElementsAre(a.digest, c.digest, b.digest));
  EXPECT_THAT(digests(2), ElementsAre(a.digest, c.digest));
  EXPECT_EQ(index().Totals()->count, 3);
  EXPECT_EQ(index().Totals()->bytes, 6);
}

TEST_F(IndexArtifacts, ListsTwoThousand) {
  Put("original", KeyOf(0), 0);
  env_.Stop();
  // One transaction; a commit for each would take a while.
  testing::RawSql(
      env_.places().database(),
      "CREATE TEMP TABLE n AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL "
      "SELECT i + 1 FROM n LIMIT 1999) SELECT i, printf('%064x', i) AS d FROM "
      "n;"
      "INSERT INTO content_key(key, inputs) SELECT d, '{}' FROM n;"
      "INSERT INTO artifact(digest, content_key, size_bytes, unpacked_bytes, "
      "entry_count, platform, config_digest, layer_digest, packer, created_ms, "
      "last_used_ms, notes, device, inode, mtime_ns) "
      "SELECT d, d, 1, 1, 1, platform, config_digest, "
      "layer_digest, packer, i, i, notes, 0, 0, 0 FROM n, artifact;"
      "INSERT INTO artifact_reference SELECT d, reference, used_ms "
      "FROM n, artifact_reference");
  // Not Start(): recovery would miss the files.
  const auto lock = InstanceLock::Acquire(env_.places().lock(), "test");
  ASSERT_TRUE(lock.ok()) << lock.status();
  const auto index = Index::Open(env_.places().database(), *lock);
  ASSERT_TRUE(index.ok()) << index.status();
  const auto list = (*index)->ListArtifacts(0);
  ASSERT_TRUE(list.ok()) << list.status();
  ASSERT_THAT(*list, SizeIs(2000));
  EXPECT_EQ(list->front().created_ms, 1999);
  EXPECT_EQ(list->back().created_ms, 0);
  for (const ArtifactRecord& record : *list) {
    EXPECT_THAT(record.references, ElementsAre("app:latest", "app:1"));
  }
  EXPECT_THAT(*(*index)->ListArtifacts(10), SizeIs(10));
  EXPECT_EQ((*index)->Totals()->count, 2000);
}

TEST_F(IndexArtifacts, ATouchIsWrittenOnceAMinute) {
  const ArtifactRecord record = Put("a", KeyOf(1), 0);
  const auto last_used = [&] { return ByKey(KeyOf(1))->last_used_ms; };
  ASSERT_TRUE(index().Touch(record.digest, "app:latest", 59'999).ok());
  EXPECT_EQ(last_used(), 0);
  ASSERT_TRUE(index().Touch(record.digest, "app:1", 60'000).ok());
  EXPECT_EQ(last_used(), 60'000);
  EXPECT_EQ(ByKey(KeyOf(1))->references.front(), "app:1");
  // The clock was set back: a time in the future would never be left.
  ASSERT_TRUE(index().Touch(record.digest, "", 500).ok());
  EXPECT_EQ(last_used(), 500);
  EXPECT_TRUE(index().Touch(KeyOf(99), "app:1", 1).ok());
}

TEST_F(IndexArtifacts, ANewReferenceIsNotedAtOnceAndSixteenAreKept) {
  const ArtifactRecord record = Put("a", KeyOf(1), 1000);
  for (int i = 0; i < 40; ++i) {
    ASSERT_TRUE(
        index().Touch(record.digest, fmt::format("name:{}", i), 2000 + i).ok());
  }
  const std::vector<std::string> names = ByKey(KeyOf(1))->references;
  ASSERT_THAT(names, SizeIs(16));
  EXPECT_EQ(names.front(), "name:39");
  EXPECT_EQ(names.back(), "name:24");
}

TEST_F(IndexArtifacts, DeletingNothingIsFine) {
  EXPECT_TRUE(index().DeleteArtifact(KeyOf(1), "REMOVED", 1).ok());
  EXPECT_EQ(*index().MissReason(KeyOf(1), ""), "NEVER_BUILT");
}

TEST_F(IndexArtifacts, AnswersWhyNothingIsThere) {
  EXPECT_EQ(*index().MissReason(KeyOf(1), "app"), "NEVER_BUILT");
  const ArtifactRecord record = Put("a", KeyOf(1));
  ASSERT_TRUE(index().RecordReference("app", KeyOf(1), 1).ok());
  EXPECT_EQ(*index().MissReason(KeyOf(2), "app"), "INPUT_CHANGED");
  EXPECT_EQ(*index().MissReason(KeyOf(2), "other"), "NEVER_BUILT");
  ASSERT_TRUE(index().DeleteArtifact(record.digest, "QUARANTINED", 1).ok());
  EXPECT_EQ(*index().MissReason(KeyOf(1), "app"), "QUARANTINED");
  // Made again, and gone for another reason.
  Put("a", KeyOf(1));
  ASSERT_TRUE(index().DeleteArtifact(record.digest, "MISSING", 1).ok());
  EXPECT_EQ(*index().MissReason(KeyOf(1), "app"), "MISSING");
  ASSERT_TRUE(index().RecordReference("app", KeyOf(2), 1).ok());
  EXPECT_EQ(*index().MissReason(KeyOf(3), "app"), "INPUT_CHANGED");
  EXPECT_EQ(*index().MissReason(KeyOf(2), "app"), "NEVER_BUILT");
}

TEST_F(IndexArtifacts, AnArchiveIsKnownOnlyWhileItLooksTheSame) {
  const ArchiveIdentity file{.path = "/a.tar",
                             .reference = "app",
                             .device = UINT64_MAX,
                             .inode = 2,
                             .size = 3,
                             .mtime_ns = 4,
                             .ctime_ns = 5};
  ASSERT_TRUE(index().RecordArchive(file, "{}", KeyOf(1), 1).ok());
  const auto find = [&](const ArchiveIdentity& identity,
                        const std::string& options) {
    return *index().FindArchive(identity, options);
  };
  EXPECT_EQ(find(file, "{}"), KeyOf(1));
  EXPECT_EQ(find(file, "{\"cpus\":1}"), std::nullopt);
  for (int field = 0; field < 7; ++field) {
    ArchiveIdentity other = file;
    switch (field) {
      case 0:
        other.path = "/b.tar";
        break;
      case 1:
        other.reference = "";
        break;
      case 2:
        other.device = 1;
        break;
      case 3:
        ++other.inode;
        break;
      case 4:
        ++other.size;
        break;
      case 5:
        ++other.mtime_ns;
        break;
      default:
        ++other.ctime_ns;
        break;
    }
    EXPECT_EQ(find(other, "{}"), std::nullopt) << field;
  }
  ArchiveIdentity changed = file;
  changed.mtime_ns = 40;
  ASSERT_TRUE(index().RecordArchive(changed, "{}", KeyOf(2), 1).ok());
  EXPECT_EQ(find(file, "{}"), std::nullopt);
  EXPECT_EQ(find(changed, "{}"), KeyOf(2));
}

}  // namespace
}  // namespace bottled
