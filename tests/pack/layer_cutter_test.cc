#include "pack/layer_cutter.h"

#include <unistd.h>
#include <zstd.h>

#include <cstdlib>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "gtest/gtest.h"
#include "image/tar_writer.h"

namespace bottled {
namespace {

Entry Member(EntryKind kind, const std::string& path, int64_t size = 0) {
  Entry entry;
  entry.kind = kind;
  entry.path = path;
  entry.size = size;
  return entry;
}

Entry File(const std::string& path, int64_t size) {
  return Member(EntryKind::kFile, path, size);
}

std::string ContentOf(const Entry& entry) {
  std::string content(static_cast<size_t>(entry.size), '\0');
  for (size_t i = 0; i < content.size(); ++i) {
    content[i] = static_cast<char>(entry.path[i % entry.path.size()] + i / 999);
  }
  return content;
}

class LayerCutterTest : public testing::Test {
 protected:
  LayerCutterTest() {
    std::string path = testing::TempDir() + "/cutter_XXXXXX";
    fd_ = mkstemp(path.data());
    unlink(path.c_str());
    pool_ = std::make_unique<FramePool>(FramePool::Options{.spool_fd = fd_});
    cutter_ = std::make_unique<LayerCutter>(*pool_, CancelToken());
  }
  ~LayerCutterTest() override {
    pool_.reset();
    close(fd_);
  }

  // Gives a layer to the cutter, content in pieces of `piece` bytes.
  const CutLayer& Cut(const LayerEntries& entries, size_t piece = 65536) {
    const auto visitor = cutter_->BeginLayer();
    EXPECT_TRUE(visitor.ok());
    for (const Entry& entry : entries) {
      EXPECT_TRUE((*visitor)->OnEntry(entry).ok());
      const std::string content = ContentOf(entry);
      for (size_t at = 0; at < content.size(); at += piece) {
        EXPECT_TRUE((*visitor)
                        ->OnData(std::string_view(content).substr(at, piece))
                        .ok());
      }
    }
    const auto handle = cutter_->EndLayer(true);
    EXPECT_TRUE(handle.ok());
    EXPECT_TRUE(pool_->Drain(CancelToken()).ok());
    Check(cutter_->layer(*handle), entries);
    return cutter_->layer(*handle);
  }

  std::string BlockBytes(const CutBlock& block) {
    const Frame frame = pool_->frame(block.frame);
    std::string bytes(frame.size, '\0');
    EXPECT_EQ(pread(fd_, bytes.data(), bytes.size(), frame.offset),
              static_cast<ssize_t>(bytes.size()));
    std::string raw(frame.raw_size, '\0');
    EXPECT_EQ(
        ZSTD_decompress(raw.data(), raw.size(), bytes.data(), bytes.size()),
        raw.size());
    return raw;
  }

  // What holds for every layer: the blocks together are the tar of its entries
  // in order, the places are right and the blocks name their entries.
  void Check(const CutLayer& layer, const LayerEntries& entries) {
    ASSERT_EQ(layer.entries, entries);
    ASSERT_EQ(layer.places.size(), entries.size());
    std::string tar;
    std::vector<size_t> starts;
    for (const CutBlock& block : layer.blocks) {
      starts.push_back(tar.size());
      const std::string bytes = BlockBytes(block);
      EXPECT_GT(bytes.size(), 0u);
      EXPECT_LE(bytes.size(), static_cast<size_t>(kBlockBytes));
      tar += bytes;
    }
    starts.push_back(tar.size());

    std::string expected;
    std::vector<std::vector<size_t>> inside(layer.blocks.size());
    for (size_t i = 0; i < entries.size(); ++i) {
      const EntryPlace& place = layer.places[i];
      const EntryKind kind = entries[i].kind;
      if (kind == EntryKind::kDirectory || kind == EntryKind::kWhiteout ||
          kind == EntryKind::kOpaque) {
        EXPECT_EQ(place.block, -1);
        continue;
      }
      ASSERT_GE(place.block, 0);
      const size_t begin =
          starts[static_cast<size_t>(place.block)] + place.offset;
      EXPECT_EQ(begin, expected.size());
      const std::string header = TarHeader(entries[i]);
      EXPECT_EQ(place.header_bytes, header.size());
      expected += header + ContentOf(entries[i]);
      expected.append(static_cast<size_t>(TarPadding(entries[i].size)), '\0');
      for (size_t b = 0; b < layer.blocks.size(); ++b) {
        if (begin < starts[b + 1] && expected.size() > starts[b]) {
          inside[b].push_back(i);
        }
      }
    }
    EXPECT_TRUE(tar == expected);
    for (size_t b = 0; b < layer.blocks.size(); ++b) {
      ASSERT_FALSE(inside[b].empty());
      EXPECT_EQ(layer.blocks[b].first_entry, inside[b].front());
      EXPECT_EQ(layer.blocks[b].last_entry, inside[b].back());
    }
  }

  int fd_;
  std::unique_ptr<FramePool> pool_;
  std::unique_ptr<LayerCutter> cutter_;
};

TEST_F(LayerCutterTest, EmptyLayer) {
  EXPECT_TRUE(Cut({}).blocks.empty());
  EXPECT_TRUE(
      Cut({Member(EntryKind::kDirectory, "d"),
           Member(EntryKind::kWhiteout, "w"), Member(EntryKind::kOpaque, "")})
          .blocks.empty());
}

TEST_F(LayerCutterTest, SmallEntriesShareABlock) {
  EXPECT_EQ(
      Cut({File("a", 1), Member(EntryKind::kDirectory, "d"), File("d/b", 512),
           File("d/empty", 0), Member(EntryKind::kFifo, "f"),
           Member(EntryKind::kWhiteout, "w")},
          7)
          .blocks.size(),
      1u);
}

TEST_F(LayerCutterTest, ABlockIsFilledToTheBrimButNotBeyond) {
  const int64_t half = kBlockBytes / 2 - 512;
  EXPECT_EQ(Cut({File("a", half), File("b", half)}).blocks.size(), 1u);
  const CutLayer& layer = Cut({File("a", half), File("b", half + 1)});
  EXPECT_EQ(layer.blocks.size(), 2u);
  EXPECT_EQ(layer.places[1].offset, 0u);
}

TEST_F(LayerCutterTest, AnEntryOfABlocksSizeIsNotLarge) {
  const CutLayer& layer =
      Cut({File("a", kBlockBytes - 512), File("b", kBlockBytes - 1024)});
  ASSERT_EQ(layer.blocks.size(), 2u);
  // "b" leaves room for a header, and the next small entry takes it.
  EXPECT_EQ(Cut({File("b", kBlockBytes - 1024), File("c", 0)}).blocks.size(),
            1u);
}

TEST_F(LayerCutterTest, ALargeEntryHasItsBlocksToItself) {
  const CutLayer& layer =
      Cut({File("a", 1), File("big", 2 * kBlockBytes + 5), File("z", 1)}, 4096);
  ASSERT_EQ(layer.blocks.size(), 5u);
  for (size_t b = 1; b < 4; ++b) {
    EXPECT_EQ(layer.blocks[b].first_entry, 1u);
    EXPECT_EQ(layer.blocks[b].last_entry, 1u);
  }
  EXPECT_EQ(pool_->frame(layer.blocks[1].frame).raw_size, kBlockBytes);
  EXPECT_EQ(pool_->frame(layer.blocks[2].frame).raw_size, kBlockBytes);
  EXPECT_EQ(pool_->frame(layer.blocks[3].frame).raw_size, 1024u);
  EXPECT_EQ(layer.places[2].block, 4);
}

TEST_F(LayerCutterTest, ALargeEntryThatEndsOnACutHasNoEmptyBlock) {
  const CutLayer& layer =
      Cut({File("big", 2 * kBlockBytes - 512), File("z", 1)}, 1 << 20);
  ASSERT_EQ(layer.blocks.size(), 3u);
  EXPECT_EQ(layer.places[1].block, 2);
  EXPECT_EQ(Cut({File("one", kBlockBytes - 511)}).blocks.size(), 2u);
}

TEST_F(LayerCutterTest, CutsDoNotDependOnThePiecesOfTheStream) {
  std::mt19937 random(7);
  LayerEntries entries;
  for (int i = 0; i < 60; ++i) {
    entries.push_back(File("f" + std::to_string(i),
                           i % 20 == 3 ? kBlockBytes + i : random() % 400000));
  }
  const CutLayer first = Cut(entries, 1 << 20);
  const CutLayer second = Cut(entries, 10007);
  ASSERT_EQ(first.blocks.size(), second.blocks.size());
  for (size_t b = 0; b < first.blocks.size(); ++b) {
    EXPECT_EQ(BlockBytes(first.blocks[b]), BlockBytes(second.blocks[b]));
  }
}

TEST_F(LayerCutterTest, WhatWasNoLayerIsForgotten) {
  const auto visitor = cutter_->BeginLayer();
  ASSERT_TRUE((*visitor)->OnEntry(File("half", 100)).ok());
  ASSERT_TRUE((*visitor)->OnData("some").ok());
  EXPECT_TRUE(cutter_->EndLayer(false).ok());
  const auto next = cutter_->BeginLayer();
  ASSERT_TRUE((*next)->OnEntry(File("empty", 0)).ok());
  const auto handle = cutter_->EndLayer(true);
  ASSERT_TRUE(handle.ok());
  EXPECT_EQ(cutter_->layer(*handle).entries[0].path, "empty");
}

TEST_F(LayerCutterTest, RefusesContentOfAnotherSize) {
  auto visitor = *cutter_->BeginLayer();
  ASSERT_TRUE(visitor->OnEntry(File("a", 2)).ok());
  EXPECT_TRUE(HasReason(visitor->OnData("abc"), "LAYER_STREAM_BROKEN"));
  ASSERT_TRUE(visitor->OnData("a").ok());
  EXPECT_TRUE(HasReason(visitor->OnEntry(File("b", 0)), "LAYER_STREAM_BROKEN"));
  EXPECT_TRUE(
      HasReason(cutter_->EndLayer(true).status(), "LAYER_STREAM_BROKEN"));
}

TEST_F(LayerCutterTest, CancellationEndsIt) {
  CancelSource source;
  LayerCutter cutter(*pool_, source.token());
  auto visitor = *cutter.BeginLayer();
  ASSERT_TRUE(visitor->OnEntry(File("a", 0)).ok());
  source.Cancel();
  EXPECT_TRUE(HasReason(cutter.EndLayer(true).status(), "CANCELLED"));
}

}  // namespace
}  // namespace bottled
