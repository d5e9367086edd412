#include "image/layer_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "image/archive_tools.h"
#include "image/tar_builder.h"

namespace bottled {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::string SmallLayer() {
  TarBuilder tar;
  tar.AddDir("d", 01777, 5, 6);
  tar.AddFile("d/f", std::string(1500, 'x'), 04755, 3'000'000'000, 7, 12345);
  tar.AddSymlink("l", "d/f");
  tar.AddHardlink("h", "./d/f");
  tar.AddDevice("c", '3', 1, 3);
  tar.AddDevice("b", '4', 8, 300);
  tar.AddFifo("p");
  return tar.Finish();
}

TEST(ReadLayer, GivesAllKinds) {
  KeepingVisitor visitor;
  const auto info = Read(SmallLayer(), visitor);
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->diff_id, Sha256Of(SmallLayer()));
  EXPECT_EQ(info->unpacked_bytes, static_cast<int64_t>(SmallLayer().size()));
  EXPECT_THAT(visitor.Paths(),
              ElementsAre("d", "d/f", "l", "h", "c", "b", "p"));

  const Entry dir = visitor.Find("d").entry;
  EXPECT_EQ(dir.kind, EntryKind::kDirectory);
  EXPECT_EQ(dir.mode, 01777U);
  EXPECT_EQ(dir.uid, 5U);
  EXPECT_EQ(dir.gid, 6U);
  const Seen file = visitor.Find("d/f");
  EXPECT_EQ(file.entry.kind, EntryKind::kFile);
  EXPECT_EQ(file.entry.mode, 04755U);
  EXPECT_EQ(file.entry.uid, 3'000'000'000U);
  EXPECT_EQ(file.entry.mtime, 12345);
  EXPECT_EQ(file.entry.size, 1500);
  EXPECT_EQ(file.content, std::string(1500, 'x'));
  EXPECT_FALSE(file.entry.has_xattrs);
  const Entry link = visitor.Find("l").entry;
  EXPECT_EQ(link.kind, EntryKind::kSymlink);
  EXPECT_EQ(link.link, "d/f");
  EXPECT_FALSE(link.link_rewritten);
  const Entry hard = visitor.Find("h").entry;
  EXPECT_EQ(hard.kind, EntryKind::kHardlink);
  EXPECT_EQ(hard.link, "d/f");
  EXPECT_EQ(hard.size, 0);
  EXPECT_EQ(visitor.Find("c").entry.kind, EntryKind::kCharDevice);
  const Entry block = visitor.Find("b").entry;
  EXPECT_EQ(block.kind, EntryKind::kBlockDevice);
  EXPECT_EQ(block.device_major, 8U);
  EXPECT_EQ(block.device_minor, 300U);
  EXPECT_EQ(visitor.Find("p").entry.kind, EntryKind::kFifo);
}

TEST(ReadLayer, BlockSizesOfTheSourceDoNotMatter) {
  for (const size_t block : {1, 7, 511, 512, 513, 100'000}) {
    StringSource source(SmallLayer(), block);
    KeepingVisitor visitor;
    LayerBudget budget;
    const auto info = ReadLayer(source, budget, visitor, CancelToken());
    ASSERT_TRUE(info.ok()) << block << info.status();
    EXPECT_EQ(info->diff_id, Sha256Of(SmallLayer()));
    EXPECT_EQ(visitor.seen().size(), 7U);
    EXPECT_EQ(visitor.Find("d/f").content, std::string(1500, 'x'));
  }
}

TEST(ReadLayer, UnpacksWhateverItIs) {
  const std::string layer = SmallLayer();
  const std::string half = layer.substr(0, 1000);
  const std::string rest = layer.substr(1000);
  // A skippable zstd frame of 3 bytes, as zstd:chunked and eStargz append it.
  const std::string skippable("\x50\x2a\x4d\x18\x03\0\0\0abc", 11);
  for (const std::string& blob :
       {layer, Gzip(layer), Zstd(layer), Gzip(half) + Gzip(rest),
        Zstd(half) + Zstd(rest), Zstd(layer) + skippable,
        Gzip(half) + Gzip("") + Gzip(rest)}) {
    KeepingVisitor visitor;
    const auto info = Read(blob, visitor);
    ASSERT_TRUE(info.ok()) << info.status();
    EXPECT_EQ(info->diff_id, Sha256Of(layer));
    EXPECT_EQ(visitor.seen().size(), 7U);
  }
}

TEST(ReadLayer, HashesWhatFollowsTheEnd) {
  for (const std::string& tail :
       {std::string(8192, '\0'), std::string("trailing"),
        std::string(100'000, 'z')}) {
    const std::string layer = SmallLayer() + tail;
    for (const std::string& blob : {layer, Gzip(layer), Zstd(layer)}) {
      KeepingVisitor visitor;
      const auto info = Read(blob, visitor);
      ASSERT_TRUE(info.ok()) << info.status();
      EXPECT_EQ(info->diff_id, Sha256Of(layer));
      EXPECT_EQ(visitor.seen().size(), 7U);
    }
  }
}

TEST(ReadLayer, EmptyLayers) {
  for (const std::string& layer :
       {std::string(), std::string(1024, '\0'), std::string(10240, '\0')}) {
    for (const std::string& blob : {layer, Gzip(layer), Zstd(layer)}) {
      KeepingVisitor visitor;
      const auto info = Read(blob, visitor);
      ASSERT_TRUE(info.ok()) << layer.size() << info.status();
      EXPECT_EQ(info->diff_id, Sha256Of(layer));
      EXPECT_THAT(visitor.seen(), IsEmpty());
    }
  }
}

TEST(ReadLayer, Whiteouts) {
  TarBuilder tar;
  tar.AddFile(".wh.gone", "");
  tar.AddFile("a/.wh.gone too", "");
  tar.AddFile("a/.wh..wh..opq", "");
  tar.AddFile(".wh..wh..opq", "");
  tar.AddFile(".wh..wh.aufs", "x");
  tar.AddDir(".wh..wh.plnk");
  tar.AddFile(".wh..wh.plnk/12.34", "x");
  tar.AddFile("a/.wh..wh.orph/.wh.x", "x");
  tar.AddFile("a/.wh...", "");
  tar.AddFile("a/.whx", "y");
  KeepingVisitor visitor;
  const auto info = Read(tar.Finish(), visitor);
  EXPECT_EQ(ReasonOf(info.status()), "LAYER_INVALID");  // ".." is hidden
  ASSERT_EQ(visitor.seen().size(), 4U);
  EXPECT_THAT(visitor.Paths(), ElementsAre("gone", "a/gone too", "a", ""));
  EXPECT_EQ(visitor.seen()[0].entry.kind, EntryKind::kWhiteout);
  EXPECT_EQ(visitor.seen()[1].entry.kind, EntryKind::kWhiteout);
  EXPECT_EQ(visitor.seen()[2].entry.kind, EntryKind::kOpaque);
  EXPECT_EQ(visitor.seen()[3].entry.kind, EntryKind::kOpaque);
}

TEST(ReadLayer, WhiteoutsOfNothingAreRefused) {
  for (const char* name : {".wh.", "a/.wh.", "a/.wh..", "a/.wh...", ".wh../"}) {
    TarBuilder tar;
    tar.AddFile(name, "");
    KeepingVisitor visitor;
    EXPECT_EQ(ReasonOf(Read(tar.Finish(), visitor).status()), "LAYER_INVALID")
        << name;
  }
}

TEST(ReadLayer, LooksLikeAWhiteoutAndIsNone) {
  TarBuilder tar;
  tar.AddFile("a/.whx", "y");
  tar.AddFile("x.wh.y", "z");
  KeepingVisitor visitor;
  ASSERT_TRUE(Read(tar.Finish(), visitor).ok());
  EXPECT_EQ(visitor.Find("a/.whx").content, "y");
  EXPECT_EQ(visitor.Find("x.wh.y").entry.kind, EntryKind::kFile);
}

TEST(ReadLayer, SymlinksBecomeOnesThatSmolvmTakes) {
  TarBuilder tar;
  tar.AddSymlink("root", "/");
  tar.AddSymlink("a/up", "../../x");
  tar.AddSymlink("a/fine", "../x");
  tar.AddSymlink("abs", "/etc/passwd");
  KeepingVisitor visitor;
  ASSERT_TRUE(Read(tar.Finish(), visitor).ok());
  EXPECT_EQ(visitor.Find("root").entry.link, ".");
  EXPECT_TRUE(visitor.Find("root").entry.link_rewritten);
  EXPECT_EQ(visitor.Find("a/up").entry.link, "../x");
  EXPECT_TRUE(visitor.Find("a/up").entry.link_rewritten);
  EXPECT_EQ(visitor.Find("a/fine").entry.link, "../x");
  EXPECT_FALSE(visitor.Find("a/fine").entry.link_rewritten);
  EXPECT_EQ(visitor.Find("abs").entry.link, "/etc/passwd");
}

TEST(ReadLayer, AnEmptySymlinkIsGivenOn) {
  TarBuilder tar;
  tar.AddSymlink("nowhere", "");
  KeepingVisitor visitor;
  ASSERT_TRUE(Read(tar.Finish(), visitor).ok());
  EXPECT_EQ(visitor.Find("nowhere").entry.link, "");
}

TEST(ReadLayer, OwnersAndTimes) {
  TarBuilder tar;
  tar.AddFile("max", "", 0644, 0xffffffff, 0xffffffff, int64_t{1} << 40);
  tar.AddFile("old", "", 0644, 0, 0, -5);
  tar.AddPax({{"mtime", "1700000001.999999999"}, {"uid", "4000000000"}});
  tar.AddFile("pax", "");
  KeepingVisitor visitor;
  const auto info = Read(tar.Finish(), visitor);
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(visitor.Find("max").entry.uid, 0xffffffffU);
  EXPECT_EQ(visitor.Find("max").entry.gid, 0xffffffffU);
  EXPECT_EQ(visitor.Find("max").entry.mtime, int64_t{1} << 40);
  EXPECT_FALSE(visitor.Find("max").entry.mtime_clamped);
  EXPECT_EQ(visitor.Find("old").entry.mtime, 0);
  EXPECT_TRUE(visitor.Find("old").entry.mtime_clamped);
  EXPECT_EQ(visitor.Find("pax").entry.mtime, 1700000001);
  EXPECT_EQ(visitor.Find("pax").entry.uid, 4000000000U);
  for (const int64_t id : {int64_t{-1}, int64_t{0x100000000}}) {
    KeepingVisitor none;
    EXPECT_EQ(
        ReasonOf(Read(TarBuilder().AddFile("f", "", 0644, id, 0).Finish(), none)
                     .status()),
        "LAYER_INVALID");
    EXPECT_EQ(
        ReasonOf(Read(TarBuilder().AddFile("f", "", 0644, 0, id).Finish(), none)
                     .status()),
        "LAYER_INVALID");
  }
}

TEST(ReadLayer, Xattrs) {
  TarBuilder tar;
  tar.AddPax({{"SCHILY.xattr.security.capability",
               std::string("\x01\x00\x00\x02", 4)}});
  tar.AddFile("capable", "x");
  tar.AddFile("plain", "y");
  KeepingVisitor visitor;
  const auto info = Read(tar.Finish(), visitor);
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_TRUE(visitor.Find("capable").entry.has_xattrs);
  EXPECT_FALSE(visitor.Find("plain").entry.has_xattrs);
}

TEST(ReadLayer, DataOfHardlinksIsIgnored) {
  TarBuilder tar;
  tar.AddFile("f", "content");
  tar.AddPax({{"comment", "makes this a PAX archive"}});
  tar.AddRaw({.name = "h", .type = '1', .size = 7, .link = "f", .posix = true},
             "ignored");
  tar.AddFile("g", "after");
  // GNU tar writes a size there and no data.
  tar.AddRaw({.name = "h2", .type = '1', .size = 7, .link = "f"});
  tar.AddFile("g2", "after");
  KeepingVisitor visitor;
  const auto info = Read(tar.Finish(), visitor);
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(visitor.Find("g2").content, "after");
  EXPECT_EQ(visitor.Find("h2").entry.size, 0);
  EXPECT_EQ(visitor.Find("h").entry.kind, EntryKind::kHardlink);
  EXPECT_EQ(visitor.Find("h").entry.size, 0);
  EXPECT_EQ(visitor.Find("g").content, "after");
}

TEST(ReadLayer, TruncationIsNoticed) {
  const std::string layer = SmallLayer();
  const size_t content_end = layer.size() - 1024;
  for (size_t cut = 1; cut < content_end; ++cut) {
    KeepingVisitor visitor;
    const auto info = Read(layer.substr(0, cut), visitor);
    if (info.ok()) {
      // At a boundary between entries; the diff ID tells.
      EXPECT_EQ(cut % 512, 0U);
      EXPECT_NE(info->diff_id, Sha256Of(layer));
    } else {
      EXPECT_THAT(ReasonOf(info.status()),
                  testing::AnyOf("LAYER_TRUNCATED", "LAYER_INVALID"))
          << cut;
    }
  }
}

TEST(ReadLayer, DamagedCompressionIsNoticed) {
  const std::string layer = SmallLayer();
  for (const std::string& whole : {Gzip(layer), Zstd(layer)}) {
    for (size_t cut = 5; cut < whole.size(); cut += 3) {
      KeepingVisitor visitor;
      const auto info = Read(whole.substr(0, cut), visitor);
      EXPECT_TRUE(!info.ok() || info->diff_id != Sha256Of(layer) ||
                  cut + 8 >= whole.size())
          << cut;
    }
    for (size_t at = 0; at < whole.size(); ++at) {
      std::string damaged = whole;
      damaged[at] = static_cast<char>(damaged[at] ^ 0x20);
      KeepingVisitor visitor;
      const auto info = Read(damaged, visitor);
      if (!info.ok()) {
        EXPECT_THAT(ReasonOf(info.status()),
                    testing::AnyOf("LAYER_TRUNCATED", "LAYER_INVALID"))
            << at;
      }
    }
  }
}

TEST(ReadLayer, RefusesWhatIsNoTar) {
  for (const std::string& blob :
       {std::string("{}"), std::string(4096, 'x'), Gzip("hello"),
        Zstd(std::string(2000, 'y')), std::string("\x1f\x8b\x08garbage")}) {
    KeepingVisitor visitor;
    EXPECT_EQ(ReasonOf(Read(blob, visitor).status()), "LAYER_INVALID")
        << blob.substr(0, 10);
  }
}

}  // namespace
}  // namespace bottled
