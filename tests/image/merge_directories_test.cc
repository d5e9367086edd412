// Where directories are written.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "image/merge.h"
#include "image/merge_tools.h"

namespace bottled {
namespace {

using testing::ElementsAre;
using testing::Pair;

TEST(MergeDirectoriesTest, DirectoriesAreSortedBytewise) {
  const auto merged =
      Merge({{MakeDir("a/b"), MakeDir("a-b"), MakeDir("\xff"), MakeDir("a")}});
  ASSERT_TRUE(merged.ok());
  std::vector<std::string> paths;
  for (const auto& [directory, layer] : merged->directories) {
    paths.push_back(directory.path);
    EXPECT_EQ(layer, 0u);
  }
  EXPECT_THAT(paths, ElementsAre("a", "a-b", "a/b", "\xff"));
}

std::map<std::string, uint32_t> DirectoryLayers(
    const std::vector<LayerEntries>& layers) {
  MergeAndReplay(layers);
  std::map<std::string, uint32_t> found;
  const auto merged = Merge(layers);
  EXPECT_TRUE(merged.ok()) << merged.status();
  for (const auto& [directory, layer] : merged->directories) {
    found[directory.path] = layer;
  }
  return found;
}

TEST(MergeDirectoriesTest, ADirectoryBelongsToTheLayerSinceWhichItIsThere) {
  const LayerEntries lower = {MakeDir("a"), MakeFile("b/implied"),
                              MakeDir("gone"), MakeDir("swapped")};
  Entry named_again = MakeDir("a");
  named_again.mode = 0700;
  const std::vector<LayerEntries> layers = {
      lower,
      {named_again, MakeDir("b"), MakeDir("new"), MakeWhiteout("gone"),
       MakeFile("swapped")},
      {MakeDir("gone"), MakeDir("swapped"), MakeFile("new/late/file")}};
  EXPECT_THAT(
      DirectoryLayers(layers),
      ElementsAre(Pair("a", 0), Pair("b", 0), Pair("gone", 2), Pair("new", 1),
                  Pair("new/late", 2), Pair("swapped", 2)));
  EXPECT_EQ(Merge(layers)->directories[0].entry.mode, 0700u);
}

// The content stays where the lower layer has it, under a name whose directory
// is younger.
TEST(MergeDirectoriesTest, ADirectoryComesBeforeContentThatWasCopiedUpIntoIt) {
  const LayerEntries lower = {MakeDir("d"), MakeFile("d/f")};
  const LayerEntries upper = {MakeDir("x"), MakeDir("x/y"), MakeDir("x/z"),
                              MakeHardlink("x/y/f", "d/f")};
  EXPECT_THAT(
      DirectoryLayers({lower, upper}),
      ElementsAre(Pair("d", 0), Pair("x", 1), Pair("x/y", 1), Pair("x/z", 1)));
  EXPECT_THAT(
      DirectoryLayers({lower, upper, {MakeWhiteout("d/f")}}),
      ElementsAre(Pair("d", 0), Pair("x", 0), Pair("x/y", 0), Pair("x/z", 1)));
}

}  // namespace
}  // namespace bottled
