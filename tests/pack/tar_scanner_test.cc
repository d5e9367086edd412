#include "pack/tar_scanner.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "image/tar_builder.h"
#include "pack/pack_tools.h"

namespace bottled {
namespace {

using Sparse = TarScanner::Sparse;

// All that a scanner says about `tar`, fed in pieces of `piece` bytes.
std::string Scan(const std::string& tar, size_t piece,
                 Sparse sparse = Sparse::kRefused) {
  std::string seen;
  TarScanner scanner(
      "the tar",
      [&](const TarMember& member) {
        seen += fmt::format("\n{} {} [{}] {}:", member.type, member.name,
                            member.link, member.size);
        return absl::OkStatus();
      },
      [&](std::string_view data) {
        seen += data;
        return absl::OkStatus();
      },
      sparse);
  for (size_t at = 0; at < tar.size(); at += piece) {
    const absl::Status status =
        scanner.Feed(std::string_view(tar).substr(at, piece));
    if (!status.ok()) {
      return seen + "\n" + std::string(status.message());
    }
  }
  return seen + "\n" + std::string(scanner.Finish().message());
}

TEST(TarScannerTest, PiecesDoNotMatter) {
  const std::string tar =
      TarBuilder()
          .AddDir("d")
          .AddFile("d/f", std::string(1500, 'x'))
          .AddFile(std::string(300, 'n'), "long")
          .AddHardlink("h", std::string(300, 'n'))
          .AddPax({{"path", "from pax"}, {"size", "3"}})
          .AddRaw({.name = "x", .size = 0}, "abc")
          .AddRaw({.name = std::string(100, 'e'), .posix = true})
          .Finish();
  const std::string whole = Scan(tar, tar.size());
  EXPECT_EQ(whole, "\n5 d/ [] 0:\n0 d/f [] 1500:" + std::string(1500, 'x') +
                       "\n0 " + std::string(300, 'n') + " [] 4:long\n1 h [" +
                       std::string(300, 'n') + "] 0:\n0 from pax [] 3:abc\n0 " +
                       std::string(100, 'e') + " [] 0:\n");
  for (const size_t piece : {1, 7, 511, 512, 513, 4096}) {
    EXPECT_EQ(Scan(tar, piece), whole) << piece;
  }
}

TEST(TarScannerTest, TakesUstarPrefixes) {
  std::string block = TarBuilder::Block({.name = "name", .posix = true});
  block.replace(345, 6, "prefix");
  TarBuilder::FixChecksum(block);
  EXPECT_EQ(Scan(block + std::string(1024, '\0'), 512),
            "\n0 prefix/name [] 0:\n");
}

// Whatever the bytes, it ends, and one flipped bit in a header is noticed.
TEST(TarScannerTest, FlippedHeaderBitsAreSeen) {
  const std::string tar = TarBuilder().AddFile("a", "").Finish();
  for (size_t at = 0; at < 512; ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = tar;
      flipped[at] = static_cast<char>(flipped[at] ^ (1 << bit));
      // The checksum's own blanks and leading zeros may change without effect.
      if (at >= 148 && at < 156) {
        Scan(flipped, 512);
        continue;
      }
      EXPECT_NE(Scan(flipped, 512), Scan(tar, 512)) << at << " " << bit;
    }
  }
}

TEST(TarScannerTest, SparseFilesOfGnuTar) {
  const std::string tar =
      TarBuilder()
          .AddBytes(GnuSparse("s", {{512, "ab"}, {5000, "c"}, {9999, ""}}))
          .AddBytes(GnuSparse("empty", {}))
          .AddFile("f", "after")
          .Finish();
  const std::string whole = Scan(tar, tar.size(), Sparse::kAllowed);
  EXPECT_EQ(whole, "\nS s [] 3:abc\nS empty [] 0:\n0 f [] 5:after\n");
  std::vector<std::pair<int64_t, std::string>> many;
  for (int i = 0; i < 60; ++i) {
    many.emplace_back(i * 1000, "x");
  }
  const std::string extended =
      TarBuilder().AddBytes(GnuSparse("s", many)).AddFile("f", "").Finish();
  const std::string seen = Scan(extended, extended.size(), Sparse::kAllowed);
  EXPECT_EQ(seen, "\nS s [] 60:" + std::string(60, 'x') + "\n0 f [] 0:\n");
  for (const size_t piece : {1, 7, 511, 512, 513, 4096}) {
    EXPECT_EQ(Scan(tar, piece, Sparse::kAllowed), whole) << piece;
    EXPECT_EQ(Scan(extended, piece, Sparse::kAllowed), seen) << piece;
  }
  EXPECT_EQ(Scan(tar, 512),
            "\nnot a valid .smolmachine file: the tar has a member of the "
            "unknown type 0x53");
}

TEST(TarScannerTest, MalformedSparseFiles) {
  const std::string good = GnuSparse("s", {{0, "ab"}, {600, "c"}});
  // The checksum covers the first block alone.
  const auto changed = [&](size_t at, const std::string& text) {
    std::string header = good.substr(0, 512);
    header.replace(at, text.size(), text);
    TarBuilder::FixChecksum(header);
    return Scan(header + good.substr(512) + std::string(1024, '\0'), 512,
                Sparse::kAllowed);
  };
  EXPECT_EQ(changed(0, "t"), "\nS t [] 3:abc\n");
  using testing::HasSubstr;
  EXPECT_THAT(changed(386, "00000001777"), HasSubstr("malformed sparse"));
  EXPECT_THAT(changed(386 + 12, "00000000003"), HasSubstr("malformed sparse"));
  EXPECT_THAT(changed(386 + 24, "00000000001"), HasSubstr("malformed sparse"));
  EXPECT_THAT(changed(386 + 24, "x"), HasSubstr("malformed sparse"));
  EXPECT_THAT(changed(386, std::string(24, '\0')),
              HasSubstr("malformed sparse"))
      << "a gap in the map";
  EXPECT_THAT(changed(483, "00000000001"), HasSubstr("malformed sparse"));
  EXPECT_THAT(changed(483, "x"), HasSubstr("usable size"));
  EXPECT_THAT(changed(257, std::string("ustar\00000", 8)),
              HasSubstr("unknown type"));
  // The map goes on, and what follows is none.
  EXPECT_THAT(changed(482, "\1"), HasSubstr("malformed sparse"));
}

}  // namespace
}  // namespace bottled
