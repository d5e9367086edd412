// Compares the merge with a naive model over thousands of random layer stacks
// with few names, so that every kind of collision occurs.

#include <random>
#include <string>
#include <vector>

#include "base/error.h"
#include "gtest/gtest.h"
#include "image/merge.h"
#include "image/merge_tools.h"
#include "image/naive_merge.h"
#include "image/symlink.h"

namespace bottled {
namespace {

class LayerMaker {
 public:
  explicit LayerMaker(uint32_t seed) : random_(seed) {}

  int Below(int n) { return static_cast<int>(random_() % n); }

  std::string Path() {
    std::string path;
    for (int depth = 1 + Below(3); depth > 0; --depth) {
      if (!path.empty()) {
        path += '/';
      }
      path += static_cast<char>('a' + Below(3));
    }
    return path;
  }

  Entry Any() {
    const std::string path = Path();
    Entry entry = Kind(path);
    entry.mode = Below(2) == 0 ? 0755 : 04711;
    entry.uid = static_cast<uint64_t>(Below(2)) * 3000000000;
    entry.gid = static_cast<uint64_t>(Below(2));
    entry.mtime = Below(3);
    return entry;
  }

  LayerEntries Layer() {
    LayerEntries layer;
    for (int n = Below(9); n > 0; --n) {
      layer.push_back(Any());
    }
    return layer;
  }

 private:
  Entry Kind(const std::string& path) {
    switch (Below(16)) {
      case 0:
      case 1:
      case 2:
      case 3:
        return Remember(MakeFile(path));
      case 4:
      case 5:
      case 6:
        return MakeDir(path);
      case 7:
      case 8: {
        const std::string target = Target();
        return Remember(MakeSymlink(
            path, SafeSymlinkTarget(path, target).value_or(target)));
      }
      case 9:
      case 10:
      case 11: {
        if (names_.empty()) {
          return Remember(MakeFile(path));
        }
        const auto back = std::min<size_t>(names_.size(), 4);
        const std::string target =
            names_[names_.size() - 1 -
                   static_cast<size_t>(Below(static_cast<int>(back)))];
        return Remember(MakeHardlink(path, target));
      }
      case 12:
        return Remember(MakeNode(
            Below(2) == 0 ? EntryKind::kFifo : EntryKind::kCharDevice, path));
      case 13:
      case 14:
        return MakeWhiteout(path);
      default:
        return MakeOpaque(Below(6) == 0 ? "" : path);
    }
  }

  std::string Target() {
    static const std::vector<std::string> kTargets = {
        "a", "b/c", "/a", "/b/c", "../b", "../../c", ".", "/", "..", "b/../a"};
    return kTargets[static_cast<size_t>(
        Below(static_cast<int>(kTargets.size())))];
  }

  // Hard links are made to names that lately had something to link to.
  Entry Remember(Entry entry) {
    names_.push_back(entry.path);
    return entry;
  }

  std::mt19937 random_;
  std::vector<std::string> names_;
};

// A link that moved may have another text for the same place.
void ForgiveMovedLinks(const Tree& real, Tree& expected) {
  for (auto& [path, thing] : expected) {
    const auto it = real.find(path);
    if (thing.kind != EntryKind::kSymlink || it == real.end() ||
        it->second.link == thing.link) {
      continue;
    }
    for (const auto& [other, same] : expected) {
      if (same.group == thing.group &&
          SafeSymlinkTarget(other, thing.link) == it->second.link) {
        thing.link = it->second.link;
        break;
      }
    }
  }
}

TEST(MergePropertyTest, AgreesWithTheNaiveModel) {
  int merged_stacks = 0;
  int shared_groups = 0;
  constexpr uint32_t kStacks = 12000;
  for (uint32_t seed = 0; seed < kStacks; ++seed) {
    LayerMaker make(seed);
    std::vector<LayerEntries> layers(static_cast<size_t>(1 + make.Below(4)));
    for (LayerEntries& layer : layers) {
      layer = make.Layer();
    }
    std::vector<const LayerEntries*> stack;
    for (const LayerEntries& layer : layers) {
      stack.push_back(&layer);
    }
    if (make.Below(8) == 0) {
      stack.push_back(&layers[0]);
    }

    const std::optional<Tree> model = NaiveMerge(stack);
    const absl::StatusOr<MergedTree> merged = MergeLayers(stack);
    std::string input = "seed " + std::to_string(seed) + "\n";
    for (const LayerEntries* layer : stack) {
      input += "layer\n" + ToString(*layer);
    }
    SCOPED_TRACE(input);
    ASSERT_EQ(merged.ok(), model.has_value()) << merged.status().ToString();
    if (!merged.ok()) {
      EXPECT_TRUE(HasReason(merged.status(), "LAYER_INVALID"));
      continue;
    }
    ++merged_stacks;
    const Tree real = Replay(*merged, stack);
    Tree expected = *model;
    ForgiveMovedLinks(real, expected);
    ASSERT_EQ(real, expected) << "real\n"
                              << ToString(real) << "expected\n"
                              << ToString(expected);
    ASSERT_FALSE(testing::Test::HasFailure());
    for (const auto& [path, thing] : real) {
      shared_groups += !thing.group.empty() && thing.group != path;
    }
  }
  // Else the generator tests nothing.
  EXPECT_GT(merged_stacks, static_cast<int>(kStacks) / 2);
  EXPECT_GT(shared_groups, 1000);
}

}  // namespace
}  // namespace bottled
