#include "image/notes.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bottled {
namespace {

using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

TEST(NotesTest, CountsAndKeepsTheFirstPath) {
  Notes notes;
  notes.Add("XATTRS_DROPPED", "z");
  notes.Add("FIFO", "f");
  notes.Add("XATTRS_DROPPED", "a");
  const std::vector<Note> taken = notes.Take();
  ASSERT_THAT(taken, SizeIs(2));
  EXPECT_EQ(taken[0].kind, "FIFO");
  EXPECT_EQ(taken[0].count, 1);
  EXPECT_EQ(taken[0].example, "f");
  EXPECT_EQ(taken[1].kind, "XATTRS_DROPPED");
  EXPECT_EQ(taken[1].count, 2);
  EXPECT_EQ(taken[1].example, "z");
  EXPECT_THAT(notes.Take(), IsEmpty());
}

TEST(NotesTest, EveryKindHasASentence) {
  Notes notes;
  for (const char* kind :
       {"SYMLINK_REWRITTEN", "DEVICE_NODE", "FIFO", "XATTRS_DROPPED",
        "MTIME_CLAMPED", "SYMLINK_OWNERS_OVERFLOW", "SYMLINK_EMPTY_DROPPED"}) {
    notes.Add(kind, "p");
  }
  const std::vector<Note> taken = notes.Take();
  EXPECT_THAT(taken, SizeIs(7));
  for (const Note& note : taken) {
    EXPECT_THAT(note.message, Not(IsEmpty())) << note.kind;
  }
}

}  // namespace
}  // namespace bottled
