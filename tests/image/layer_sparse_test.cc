// Sparse files come out with their holes as zeros, in each of the four forms
// that GNU tar has written (its manual, "Storing Sparse Files").

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "image/archive_tools.h"
#include "image/layer_reader.h"
#include "image/tar_builder.h"

namespace bottled {
namespace {

constexpr int64_t kSize = 200'000;
// Offset and bytes of what is no hole.
const std::vector<std::pair<size_t, std::string>>& Parts() {
  static const std::vector<std::pair<size_t, std::string>> parts = {
      {512, std::string(512, 'a')}, {100'352, std::string(700, 'b')}};
  return parts;
}

std::string Expected() {
  std::string content(kSize, '\0');
  for (const auto& [offset, bytes] : Parts()) {
    content.replace(offset, bytes.size(), bytes);
  }
  return content;
}

std::string Stored() {
  std::string stored;
  for (const auto& [offset, bytes] : Parts()) {
    stored += bytes;
  }
  return stored;
}

std::string OldGnu() {
  std::string block =
      TarBuilder::Block({.name = "f",
                         .type = 'S',
                         .size = static_cast<int64_t>(Stored().size())});
  size_t at = 386;
  for (const auto& [offset, bytes] : Parts()) {
    std::memcpy(&block[at], fmt::format("{:011o}", offset).data(), 11);
    std::memcpy(&block[at + 12], fmt::format("{:011o}", bytes.size()).data(),
                11);
    at += 24;
  }
  std::memcpy(&block[483], fmt::format("{:011o}", kSize).data(), 11);
  TarBuilder::FixChecksum(block);
  std::string stored = Stored();
  stored.resize((stored.size() + 511) / 512 * 512);
  return TarBuilder().AddBytes(block + stored).AddFile("g", "y").Finish();
}

std::string Pax00() {
  std::vector<std::pair<std::string, std::string>> records = {
      {"GNU.sparse.size", std::to_string(kSize)},
      {"GNU.sparse.numblocks", "2"}};
  for (const auto& [offset, bytes] : Parts()) {
    records.push_back({"GNU.sparse.offset", std::to_string(offset)});
    records.push_back({"GNU.sparse.numbytes", std::to_string(bytes.size())});
  }
  return TarBuilder()
      .AddPax(records)
      .AddFile("f", Stored())
      .AddFile("g", "y")
      .Finish();
}

std::string Pax01() {
  return TarBuilder()
      .AddPax({{"GNU.sparse.size", std::to_string(kSize)},
               {"GNU.sparse.numblocks", "2"},
               {"GNU.sparse.name", "f"},
               {"GNU.sparse.map", "512,512,100352,700"}})
      .AddFile("GNUSparseFile.1/f", Stored())
      .AddFile("g", "y")
      .Finish();
}

std::string Pax10() {
  std::string map = "2\n512\n512\n100352\n700\n";
  map.resize(512);
  return TarBuilder()
      .AddPax({{"GNU.sparse.major", "1"},
               {"GNU.sparse.minor", "0"},
               {"GNU.sparse.name", "f"},
               {"GNU.sparse.realsize", std::to_string(kSize)}})
      .AddFile("GNUSparseFile.1/f", map + Stored())
      .AddFile("g", "y")
      .Finish();
}

TEST(SparseFiles, ComeOutInFull) {
  for (const std::string& layer : {OldGnu(), Pax00(), Pax01(), Pax10()}) {
    KeepingVisitor visitor;
    const auto info = Read(layer, visitor);
    ASSERT_TRUE(info.ok()) << info.status();
    const Seen file = visitor.Find("f");
    EXPECT_EQ(file.entry.kind, EntryKind::kFile);
    EXPECT_EQ(file.entry.size, kSize);
    EXPECT_TRUE(file.content == Expected());
    EXPECT_EQ(visitor.Find("g").content, "y");
    EXPECT_EQ(visitor.seen().size(), 2U);
    EXPECT_EQ(info->diff_id, Sha256Of(layer));
  }
}

TEST(SparseFiles, NothingButAHole) {
  KeepingVisitor visitor;
  const auto info = Read(
      TarBuilder()
          .AddPax({{"GNU.sparse.size", "5000"}, {"GNU.sparse.map", "5000,0"}})
          .AddFile("f", "")
          .AddFile("g", "y")
          .Finish(),
      visitor);
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(visitor.Find("f").content, std::string(5000, '\0'));
  EXPECT_EQ(visitor.Find("g").content, "y");
}

TEST(SparseFiles, OverlappingPartsAreRefused) {
  for (const char* map : {"100,5,100,5", "100,5,0,5", "100,5,103,5"}) {
    KeepingVisitor visitor;
    const auto info =
        Read(TarBuilder()
                 .AddPax({{"GNU.sparse.size", "1000"}, {"GNU.sparse.map", map}})
                 .AddFile("f", "0123456789")
                 .Finish(),
             visitor);
    EXPECT_EQ(ReasonOf(info.status()), "LAYER_INVALID") << map;
  }
}

TEST(SparseFiles, PartsBehindTheEndAreCut) {
  KeepingVisitor visitor;
  const auto info =
      Read(TarBuilder()
               .AddPax({{"GNU.sparse.size", "12"}, {"GNU.sparse.map", "8,10"}})
               .AddFile("f", "0123456789")
               .AddFile("g", "y")
               .Finish(),
           visitor);
  if (info.ok()) {
    EXPECT_EQ(visitor.Find("f").content, std::string(8, '\0') + "0123");
    EXPECT_EQ(visitor.Find("g").content, "y");
  } else {
    EXPECT_EQ(ReasonOf(info.status()), "LAYER_INVALID");
  }
}

}  // namespace
}  // namespace bottled
