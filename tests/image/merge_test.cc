// The traps of flattening, one by one. merge_property_test.cc covers their
// combinations.

#include "image/merge.h"

#include <string>
#include <vector>

#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "image/merge_tools.h"

namespace bottled {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> Paths(const Tree& tree) {
  std::vector<std::string> paths;
  for (const auto& [path, thing] : tree) {
    paths.push_back(path);
  }
  return paths;
}

Note FindNote(const MergedTree& merged, const std::string& kind) {
  for (const Note& note : merged.notes) {
    if (note.kind == kind) {
      return note;
    }
  }
  return {};
}

TEST(MergeTest, NothingMakesNothing) {
  EXPECT_THAT(MergeAndReplay({}), IsEmpty());
  EXPECT_THAT(MergeAndReplay({{}, {}}), IsEmpty());
}

TEST(MergeTest, KeepsWhatNobodyTouches) {
  const auto merged = Merge({{MakeDir("d"), MakeFile("d/f")}, {MakeFile("g")}});
  ASSERT_TRUE(merged.ok());
  EXPECT_THAT(merged->layers[0].fates,
              ElementsAre(Fate::kDropped, Fate::kKept));
  EXPECT_THAT(merged->layers[1].fates, ElementsAre(Fate::kKept));
  EXPECT_EQ(merged->entry_count, 3);
  EXPECT_THAT(merged->notes, IsEmpty());
}

TEST(MergeTest, WhiteoutRemovesFileAndSubtreeOfLowerLayers) {
  EXPECT_THAT(
      Paths(MergeAndReplay(
          {{MakeFile("f"), MakeDir("d"), MakeDir("d/e"), MakeFile("d/e/f"),
            MakeFile("k")},
           {MakeWhiteout("f"), MakeWhiteout("d"), MakeWhiteout("nothing")}})),
      ElementsAre("k"));
}

TEST(MergeTest, WhiteoutSparesItsOwnLayerWhateverTheOrder) {
  for (const bool first : {true, false}) {
    LayerEntries upper = {MakeFile("f")};
    upper.insert(first ? upper.begin() : upper.end(), MakeWhiteout("f"));
    const Tree tree = MergeAndReplay({{MakeFile("f")}, upper});
    EXPECT_THAT(Paths(tree), ElementsAre("f"));
    EXPECT_EQ(tree.at("f").content.first, 1u);
  }
}

TEST(MergeTest, OpaqueHidesLowerContentWhateverTheOrder) {
  for (const bool first : {true, false}) {
    LayerEntries upper = {MakeDir("d"), MakeFile("d/new")};
    upper.insert(first ? upper.begin() : upper.end(), MakeOpaque("d"));
    EXPECT_THAT(Paths(MergeAndReplay({{MakeDir("d"), MakeFile("d/old"),
                                       MakeDir("d/s"), MakeFile("d/s/old")},
                                      upper})),
                ElementsAre("d", "d/new"));
  }
}

TEST(MergeTest, OpaqueRootHidesEverythingBelow) {
  EXPECT_THAT(Paths(MergeAndReplay({{MakeDir("d"), MakeFile("d/f")},
                                    {MakeFile("n"), MakeOpaque("")}})),
              ElementsAre("n"));
}

TEST(MergeTest, SingleLayerWithWhiteouts) {
  EXPECT_THAT(Paths(MergeAndReplay(
                  {{MakeWhiteout("f"), MakeFile("f"), MakeOpaque("")}})),
              ElementsAre("f"));
}

TEST(MergeTest, WhiteoutOfAReplacedLinkDoesNotReachItsTarget) {
  // The layer's own directory hides the link, so nothing below "real" goes.
  EXPECT_THAT(
      Paths(MergeAndReplay(
          {{MakeDir("real"), MakeFile("real/x"), MakeSymlink("s", "real")},
           {MakeDir("s"), MakeWhiteout("s/x"), MakeOpaque("s")}})),
      ElementsAre("real", "real/x", "s"));
  EXPECT_THAT(Paths(MergeAndReplay({{MakeDir("real"), MakeFile("real/x"),
                                     MakeSymlink("s", "real")},
                                    {MakeWhiteout("s/x")}})),
              ElementsAre("real", "s"));
}

TEST(MergeTest, DirectoryOverDirectoryTakesMetadataAndKeepsChildren) {
  Entry changed = MakeDir("d");
  changed.mode = 01777;
  changed.uid = 3000000000;
  const Tree tree =
      MergeAndReplay({{MakeDir("d"), MakeFile("d/f")}, {changed}});
  EXPECT_THAT(Paths(tree), ElementsAre("d", "d/f"));
  EXPECT_EQ(tree.at("d").mode, 01777u);
  EXPECT_EQ(tree.at("d").uid, 3000000000u);
}

TEST(MergeTest, ParentWithoutEntryKeepsLowerMetadata) {
  Entry lower = MakeDir("d");
  lower.mode = 0700;
  lower.uid = 7;
  const Tree tree = MergeAndReplay({{lower}, {MakeFile("d/f")}});
  EXPECT_EQ(tree.at("d").mode, 0700u);
  EXPECT_EQ(tree.at("d").uid, 7u);
}

TEST(MergeTest, ImpliedParentsAreRootsAndMode0755) {
  const Tree tree = MergeAndReplay({{MakeFile("a/b/f")}});
  EXPECT_THAT(Paths(tree), ElementsAre("a", "a/b", "a/b/f"));
  EXPECT_EQ(tree.at("a/b").mode, 0755u);
  EXPECT_EQ(tree.at("a/b").uid, 0u);
}

TEST(MergeTest, EntryOfADirectoryMayComeAfterItsChildren) {
  Entry late = MakeDir("d");
  late.mode = 0711;
  const Tree tree = MergeAndReplay({{MakeFile("d/f"), late}});
  EXPECT_EQ(tree.at("d").mode, 0711u);
  EXPECT_TRUE(tree.contains("d/f"));
}

TEST(MergeTest, ChangesOfKindDropWhatWasThere) {
  const LayerEntries directory = {MakeDir("x"), MakeFile("x/f")};
  EXPECT_THAT(Paths(MergeAndReplay({directory, {MakeFile("x")}})),
              ElementsAre("x"));
  EXPECT_THAT(Paths(MergeAndReplay({directory, {MakeSymlink("x", "y")}})),
              ElementsAre("x"));
  EXPECT_THAT(Paths(MergeAndReplay({{MakeFile("x")}, directory})),
              ElementsAre("x", "x/f"));
  EXPECT_THAT(
      Paths(MergeAndReplay({{MakeSymlink("x", "y"), MakeDir("y")}, directory})),
      ElementsAre("x", "x/f", "y"));
}

TEST(MergeTest, FileBetweenTwoDirectoriesCutsTheLowerOne) {
  EXPECT_THAT(Paths(MergeAndReplay({{MakeDir("x"), MakeFile("x/low")},
                                    {MakeFile("x")},
                                    {MakeDir("x"), MakeFile("x/high")}})),
              ElementsAre("x", "x/high"));
}

TEST(MergeTest, LastOfOnePathInALayerWins) {
  const Tree tree = MergeAndReplay({{MakeFile("f"), MakeFile("f")}});
  EXPECT_EQ(tree.at("f").content, ContentId(0, 1));
}

TEST(MergeTest, EntryBehindALinkLandsAtItsTarget) {
  const LayerEntries lower = {MakeDir("usr"), MakeDir("usr/lib"),
                              MakeSymlink("lib", "usr/lib"),
                              MakeSymlink("usr/abs", "/usr/lib")};
  const auto merged =
      Merge({lower, {MakeFile("lib/a"), MakeFile("usr/abs/b")}});
  ASSERT_TRUE(merged.ok());
  EXPECT_EQ(merged->layers[1].rewritten.at(0)[0].path, "usr/lib/a");
  EXPECT_EQ(merged->layers[1].rewritten.at(1)[0].path, "usr/lib/b");
}

TEST(MergeTest, MissingTargetOfAParentLinkIsMade) {
  EXPECT_THAT(
      Paths(MergeAndReplay({{MakeSymlink("s", "x/y"), MakeFile("s/f")}})),
      ElementsAre("s", "x", "x/y", "x/y/f"));
}

TEST(MergeTest, TooManyLinksAreAnError) {
  const auto merged =
      Merge({{MakeSymlink("a", "b"), MakeSymlink("b", "a"), MakeFile("a/f")}});
  EXPECT_TRUE(HasReason(merged.status(), "LAYER_INVALID"));
}

TEST(MergeTest, HardlinksShareTheInode) {
  const auto merged = Merge({{MakeFile("a"), MakeHardlink("b", "a")}});
  ASSERT_TRUE(merged.ok());
  EXPECT_THAT(merged->layers[0].fates, ElementsAre(Fate::kKept, Fate::kKept));
}

TEST(MergeTest, NextNameCarriesTheContentWhenTheFirstDies) {
  const std::vector<LayerEntries> layers = {
      {MakeFile("a"), MakeHardlink("b", "a"), MakeHardlink("c", "a")},
      {MakeWhiteout("a")}};
  const Tree tree = MergeAndReplay(layers);
  EXPECT_THAT(Paths(tree), ElementsAre("b", "c"));
  EXPECT_EQ(tree.at("b").content, ContentId(0, 0));
  EXPECT_EQ(tree.at("c").group, "b");
  const auto merged = Merge(layers);
  EXPECT_THAT(merged->layers[0].fates,
              ElementsAre(Fate::kRewritten, Fate::kDropped, Fate::kRewritten));
}

TEST(MergeTest, RecreatedFirstNameDoesNotDragItsLinks) {
  // smolvm's own packer gets this one wrong.
  const Tree tree = MergeAndReplay(
      {{MakeFile("a"), MakeHardlink("b", "a"), MakeHardlink("c", "a")},
       {MakeFile("a", 2)}});
  EXPECT_EQ(tree.at("a").content, ContentId(1, 0));
  EXPECT_EQ(tree.at("b").content, ContentId(0, 0));
  EXPECT_EQ(tree.at("c").group, "b");
}

TEST(MergeTest, LinkToALowerLayerCopiesTheFileUp) {
  const std::vector<LayerEntries> layers = {
      {MakeFile("a"), MakeHardlink("b", "a"), MakeHardlink("c", "a")},
      {MakeHardlink("d", "b"), MakeHardlink("e", "b")}};
  const Tree tree = MergeAndReplay(layers);
  EXPECT_EQ(tree.at("a").group, "a");
  EXPECT_EQ(tree.at("c").group, "a");
  EXPECT_EQ(tree.at("b").group, "b");
  EXPECT_EQ(tree.at("d").group, "b");
  EXPECT_EQ(tree.at("e").group, "b");
  EXPECT_EQ(tree.at("d").content, ContentId(0, 0));
  const auto merged = Merge(layers);
  const std::vector<Entry>& headers = merged->layers[0].rewritten.at(0);
  ASSERT_EQ(headers.size(), 2u);
  EXPECT_EQ(headers[0].path, "a");
  EXPECT_EQ(headers[1].path, "b");
}

TEST(MergeTest, CopyUpOfALinkAndADevice) {
  const Tree tree = MergeAndReplay(
      {{MakeSymlink("l", "t"), MakeHardlink("m", "l"),
        MakeNode(EntryKind::kCharDevice, "c"), MakeHardlink("d", "c")},
       {MakeHardlink("n", "m"), MakeHardlink("e", "d")}});
  EXPECT_EQ(tree.at("l").group, "l");
  EXPECT_EQ(tree.at("n").group, "m");
  EXPECT_EQ(tree.at("n").link, "t");
  EXPECT_EQ(tree.at("e").group, "d");
  EXPECT_EQ(tree.at("e").kind, EntryKind::kCharDevice);
}

TEST(MergeTest, LinkedSymlinkThatMovesKeepsLeadingToTheSamePlace) {
  Entry link = MakeSymlink("a/b/l", "../../x");
  const Tree up = MergeAndReplay(
      {{link, MakeHardlink("c/m", "a/b/l")}, {MakeWhiteout("a")}});
  EXPECT_EQ(up.at("c/m").link, "../x");
  // "/" was rewritten for depth 1 and moves to depth 2.
  Entry root = MakeSymlink("a/l", "..");
  root.link_rewritten = true;
  const Tree down = MergeAndReplay(
      {{root, MakeHardlink("b/c/m", "a/l")}, {MakeWhiteout("a")}});
  EXPECT_EQ(down.at("b/c/m").link, "../..");
}

TEST(MergeTest, LastLinkSetsOwnerModeAndTime) {
  Entry link = MakeHardlink("b", "a");
  link.uid = 5;
  link.mode = 0600;
  link.mtime = 9;
  const Tree tree = MergeAndReplay({{MakeFile("a"), link}});
  EXPECT_EQ(tree.at("a").uid, 5u);
  EXPECT_EQ(tree.at("a").mode, 0600u);
  EXPECT_EQ(tree.at("a").mtime, 9);
}

TEST(MergeTest, LinkToItselfChangesNothing) {
  const Tree tree = MergeAndReplay(
      {{MakeFile("a"), MakeHardlink("a", "a")}, {MakeHardlink("a", "a")}});
  EXPECT_EQ(tree.at("a").content, ContentId(0, 0));
}

TEST(MergeTest, LinksToNothingOrDirectoriesAreErrors) {
  EXPECT_THAT(Merge({{MakeHardlink("a", "b")}}).status().ToString(),
              HasSubstr("does not exist"));
  EXPECT_THAT(
      Merge({{MakeDir("d"), MakeHardlink("a", "d")}}).status().ToString(),
      HasSubstr("is a directory"));
  EXPECT_TRUE(
      HasReason(Merge({{MakeFile("d/x"), MakeHardlink("d", "d/x")}}).status(),
                "LAYER_INVALID"));
  EXPECT_TRUE(HasReason(
      Merge({{MakeFile("a")}, {MakeWhiteout("a"), MakeHardlink("b", "a")}})
          .status(),
      "LAYER_INVALID"));
}

TEST(MergeTest, SameLayerTwiceHasTwoPlans) {
  const LayerEntries layer = {MakeFile("a"), MakeHardlink("b", "a")};
  const std::vector<const LayerEntries*> stack = {&layer, &layer};
  const auto merged = MergeLayers(stack);
  ASSERT_TRUE(merged.ok());
  EXPECT_THAT(merged->layers[0].fates,
              ElementsAre(Fate::kDropped, Fate::kDropped));
  EXPECT_THAT(merged->layers[1].fates, ElementsAre(Fate::kKept, Fate::kKept));
}

TEST(MergeTest, DeepPathsNeedNoStack) {
  std::string path = "d";
  while (path.size() < 4000) {
    path += "/d";
  }
  LayerEntries layer = {MakeFile(path)};
  for (int i = 0; i < 200; ++i) {
    layer.push_back(
        MakeFile(path.substr(0, path.size() - 2) + "/" + std::to_string(i)));
  }
  EXPECT_EQ(MergeAndReplay({layer}).size(), 2001u + 200u);
  EXPECT_THAT(MergeAndReplay({layer, {MakeWhiteout("d")}}), IsEmpty());
}

TEST(MergeTest, PathsThatGrowBehindLinksAreBounded) {
  std::string deep(255, 'x');
  while (deep.size() < 3800) {
    deep += "/" + std::string(255, 'x');
  }
  const std::string name(255, 'y');
  const auto merged =
      Merge({{MakeSymlink("s", deep), MakeFile("s/" + name + "/" + name)}});
  EXPECT_TRUE(HasReason(merged.status(), "LAYER_INVALID"));
}

TEST(MergeTest, ImpliedDirectoriesCountAgainstTheLimit) {
  const LayerEntries layer = {MakeFile("a/b/c/d")};
  const std::vector<const LayerEntries*> stack = {&layer};
  ImageLimits limits;
  limits.max_entries = 3;
  EXPECT_TRUE(
      HasReason(MergeLayers(stack, limits).status(), "IMAGE_TOO_LARGE"));
  limits.max_entries = 4;
  EXPECT_TRUE(MergeLayers(stack, limits).ok());
}

TEST(MergeTest, NotesWhatSurvivesOnly) {
  Entry tagged = MakeFile("x");
  tagged.has_xattrs = true;
  Entry gone = tagged;
  gone.path = "gone";
  Entry clamped = MakeFile("d");
  clamped.mtime_clamped = true;
  Entry rewritten = MakeSymlink("l", ".");
  rewritten.link_rewritten = true;
  const auto merged = Merge(
      {{tagged, gone, clamped, rewritten, MakeSymlink("empty", ""),
        MakeNode(EntryKind::kFifo, "f"), MakeNode(EntryKind::kBlockDevice, "b"),
        MakeNode(EntryKind::kCharDevice, "c"), MakeHardlink("c2", "c")},
       {MakeWhiteout("gone")}});
  ASSERT_TRUE(merged.ok());
  EXPECT_EQ(FindNote(*merged, "XATTRS_DROPPED").count, 1);
  EXPECT_EQ(FindNote(*merged, "XATTRS_DROPPED").example, "x");
  EXPECT_EQ(FindNote(*merged, "MTIME_CLAMPED").example, "d");
  EXPECT_EQ(FindNote(*merged, "SYMLINK_REWRITTEN").example, "l");
  EXPECT_EQ(FindNote(*merged, "SYMLINK_EMPTY_DROPPED").example, "empty");
  EXPECT_EQ(FindNote(*merged, "FIFO").count, 1);
  EXPECT_EQ(FindNote(*merged, "DEVICE_NODE").count, 3);
  EXPECT_EQ(merged->notes.size(), 6u);
}

TEST(MergeTest, NotesTooManyOwnedLinksInOneDirectory) {
  // smolvm keeps 129 links of 20-byte names owned by 1000:1000, not 200.
  const auto links = [](int count, uint64_t uid) {
    LayerEntries layer;
    for (int i = 0; i < count; ++i) {
      Entry link = MakeSymlink(
          "d/" + std::to_string(1000 + i) + std::string(16, 'n'), "t");
      link.uid = uid;
      link.gid = uid;
      layer.push_back(link);
    }
    return layer;
  };
  EXPECT_THAT(Merge({links(129, 1000)})->notes, IsEmpty());
  EXPECT_THAT(Merge({links(200, 0)})->notes, IsEmpty());
  const Note note =
      FindNote(*Merge({links(200, 1000)}), "SYMLINK_OWNERS_OVERFLOW");
  EXPECT_EQ(note.count, 1);
  EXPECT_EQ(note.example, "d");
}

}  // namespace
}  // namespace bottled
