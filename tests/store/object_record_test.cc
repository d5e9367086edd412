#include "store/object_record.h"

#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "store/errors.h"
#include "store/store_env.h"

namespace bottled {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::KeyOf;
using testing::RecordOf;

std::string Replaced(std::string text, const std::string& from,
                     const std::string& to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

TEST(ObjectRecord, GoesThereAndBack) {
  ArtifactRecord record = RecordOf("bytes", KeyOf(1));
  record.created_ms = 1234;
  record.device = 5;  // of this disk, so not in the record
  record.notes[0].example = "run/p";
  const auto back = DecodeObjectRecord(EncodeObjectRecord(record));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->digest, record.digest);
  EXPECT_EQ(back->content_key, record.content_key);
  EXPECT_EQ(back->key_inputs, record.key_inputs);
  EXPECT_EQ(back->size_bytes, record.size_bytes);
  EXPECT_EQ(back->unpacked_bytes, record.unpacked_bytes);
  EXPECT_EQ(back->entry_count, record.entry_count);
  EXPECT_EQ(back->platform, record.platform);
  EXPECT_EQ(back->config_digest, record.config_digest);
  EXPECT_EQ(back->layer_digest, record.layer_digest);
  EXPECT_EQ(back->packer, record.packer);
  EXPECT_EQ(back->created_ms, 1234);
  EXPECT_EQ(back->last_used_ms, 1234);
  EXPECT_EQ(back->notes, record.notes);
  EXPECT_EQ(back->references, record.references);
  EXPECT_EQ(back->device, uint64_t{0});
}

TEST(ObjectRecord, SurvivesNamesThatAreNotUtf8) {
  const auto back =
      DecodeObjectRecord(EncodeObjectRecord(RecordOf("bytes", KeyOf(1))));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->notes.at(0).count, 2);
}

TEST(ObjectRecord, RefusesEveryTruncation) {
  const std::string text = EncodeObjectRecord(RecordOf("bytes", KeyOf(1)));
  for (size_t size = 0; size + 1 < text.size(); ++size) {
    EXPECT_TRUE(HasReason(DecodeObjectRecord(text.substr(0, size)).status(),
                          kBadObjectRecord))
        << size;
  }
}

TEST(ObjectRecord, RefusesBadMembers) {
  const std::string text = EncodeObjectRecord(RecordOf("bytes", KeyOf(1)));
  for (const auto& [from, to] :
       std::vector<std::pair<std::string, std::string>>{
           {"\"version\": 1", "\"version\": 2"},
           {"\"version\": 1", "\"version\": \"1\""},
           {"\"size_bytes\": 5", "\"size_bytes\": -5"},
           {"\"size_bytes\": 5", "\"size_bytes\": 5.5"},
           {"\"size_bytes\": 5", "\"size_bytes\": 18446744073709551615"},
           {"\"entry_count\": 17", "\"entry_count\": null"},
           {"\"content_key\": \"sha256:", "\"content_key\": \"sha256:X"},
           {"\"digest\": \"sha256:", "\"digest\": \"md5:"},
           {"\"digest\"", "\"dagest\""},
       }) {
    EXPECT_TRUE(HasReason(DecodeObjectRecord(Replaced(text, from, to)).status(),
                          kBadObjectRecord))
        << to;
  }
  EXPECT_TRUE(DecodeObjectRecord(Replaced(text, "\"version\": 1",
                                          "\"later\": {}, \"version\": 1"))
                  .ok());
  EXPECT_FALSE(DecodeObjectRecord(std::string(100000, '[')).ok());
}

TEST(Notes, LeaveOutWhatIsNoNote) {
  EXPECT_THAT(DecodeNotes("nonsense"), IsEmpty());
  EXPECT_THAT(DecodeNotes("[1, {\"kind\": \"FIFO\"}]"), IsEmpty());
  const Note note{.kind = "FIFO", .count = 1, .example = "a", .message = "m"};
  EXPECT_THAT(DecodeNotes(EncodeNotes({note})), ElementsAre(note));
}

}  // namespace
}  // namespace bottled
