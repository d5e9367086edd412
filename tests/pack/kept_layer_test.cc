#include "pack/kept_layer.h"

#include <string>

#include "gtest/gtest.h"
#include "pack/pack_tools.h"

namespace bottled {
namespace {

KeptLayer SomeKeptLayer() {
  KeptLayer kept;
  kept.artifact = Sha256Of("artifact");
  kept.blob = {.stored_bytes = 7,
               .head = Sha256Of("head"),
               .stored_digest = Sha256Of("stored"),
               .diff_id = Sha256Of("diff"),
               .unpacked_bytes = int64_t{1} << 40,
               .entries = 3,
               .content_bytes = 9};
  kept.layer.entries = {
      {.kind = EntryKind::kFile,
       .path = std::string("a\xff/b\n"),
       .mode = 04755,
       .uid = 3'000'000'000,
       .gid = uint64_t{1} << 61,
       .mtime = 1'700'000'000,
       .size = 8'000'000'000},
      {.kind = EntryKind::kSymlink,
       .path = "l",
       .link = "../x",
       .link_rewritten = true,
       .mtime_clamped = true},
      {.kind = EntryKind::kWhiteout, .path = "w", .has_xattrs = true},
      {.kind = EntryKind::kCharDevice,
       .path = "dev",
       .device_major = 1,
       .device_minor = 255}};
  kept.layer.places = {{0, 0, 512}, {1, 512, 1536}, {}, {1, 9, 512}};
  kept.layer.blocks = {{0, 0, 0}, {1, 1, 3}};
  kept.frames = {{true, int64_t{1} << 33, 100, 4096, 0xdeadbeef},
                 {false, 0, 17, 1024, 1}};
  return kept;
}

std::string BodyOf(const KeptLayer& kept) {
  return EncodeKeptBody(kept.blob, kept.layer, kept.frames);
}

TEST(KeptLayerTest, IsReadAsItWasWritten) {
  const KeptLayer kept = SomeKeptLayer();
  const std::string body = BodyOf(kept);
  const auto trailer =
      DecodeKeptTrailer(EncodeKeptTrailer(kept.artifact, body));
  ASSERT_TRUE(trailer.ok()) << trailer.status();
  EXPECT_EQ(trailer->artifact, kept.artifact);
  EXPECT_EQ(trailer->body_bytes, static_cast<int64_t>(body.size()));
  const auto read = DecodeKeptBody(body, *trailer);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->blob, kept.blob);
  EXPECT_EQ(read->artifact, kept.artifact);
  EXPECT_EQ(read->layer.entries, kept.layer.entries);
  EXPECT_EQ(read->frames, kept.frames);
  // Places and blocks, too.
  EXPECT_EQ(BodyOf(*read), body);
}

TEST(KeptLayerTest, NoBitOfItMayChange) {
  const KeptLayer kept = SomeKeptLayer();
  const std::string body = BodyOf(kept);
  const std::string trailer = EncodeKeptTrailer(kept.artifact, body);
  const std::string both = body + trailer;
  for (size_t at = 0; at < both.size(); ++at) {
    std::string bad = both;
    bad[at] = static_cast<char>(bad[at] ^ (1 << (at % 8)));
    auto end = DecodeKeptTrailer(std::string_view(bad).substr(body.size()));
    const absl::Status status =
        end.ok() ? DecodeKeptBody(bad.substr(0, body.size()), *end).status()
                 : end.status();
    EXPECT_EQ(ReasonIn(status), "KEPT_LAYER_DAMAGED") << at;
  }
}

// Even one with the right checksum leads nowhere outside of itself.
TEST(KeptLayerTest, ATableThatMakesNoSenseIsRefused) {
  const auto reason = [](const std::string& body) {
    const auto trailer =
        DecodeKeptTrailer(EncodeKeptTrailer(Sha256Of("a"), body));
    return ReasonIn(DecodeKeptBody(body, *trailer).status());
  };
  const std::string body = BodyOf(SomeKeptLayer());
  EXPECT_EQ(reason(body), "OK");
  for (size_t size = 0; size < body.size(); ++size) {
    EXPECT_EQ(reason(body.substr(0, size)), "KEPT_LAYER_DAMAGED");
  }
  EXPECT_EQ(reason(body + '\0'), "KEPT_LAYER_DAMAGED");
  KeptLayer wrong = SomeKeptLayer();
  wrong.layer.places[0].block = 2;
  EXPECT_EQ(reason(BodyOf(wrong)), "KEPT_LAYER_DAMAGED");
  wrong = SomeKeptLayer();
  wrong.layer.blocks[1].last_entry = 4;
  EXPECT_EQ(reason(BodyOf(wrong)), "KEPT_LAYER_DAMAGED");
  wrong = SomeKeptLayer();
  wrong.frames.pop_back();
  EXPECT_EQ(reason(BodyOf(wrong)), "KEPT_LAYER_DAMAGED");
}

}  // namespace
}  // namespace bottled
