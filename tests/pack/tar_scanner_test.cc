#include "pack/tar_scanner.h"

#include <algorithm>
#include <string>

#include "fmt/format.h"
#include "gtest/gtest.h"
#include "image/tar_builder.h"

namespace bottled {
namespace {

// All that a scanner says about `tar`, fed in pieces of `piece` bytes.
std::string Scan(const std::string& tar, size_t piece) {
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
      });
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

}  // namespace
}  // namespace bottled
