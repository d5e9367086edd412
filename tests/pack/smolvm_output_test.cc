#include "pack/smolvm_output.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bottled {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

using Lines = std::vector<std::string>;

TEST(SmolvmOutputTest, LinesArePrintableAndComplete) {
  SmolvmOutput output;
  EXPECT_THAT(output.Add("Image: x (1 lay"), IsEmpty());
  EXPECT_THAT(output.Add("ers)\n\n  \r\n\x1b[33mWARN\x1b[0m a\x01z \nrest"),
              ElementsAre("Image: x (1 layers)", "WARN a\\x01z"));
  EXPECT_EQ(output.last_line(), "WARN a\\x01z");
  EXPECT_THAT(output.Finish(), ElementsAre("rest"));
  EXPECT_THAT(output.Finish(), IsEmpty());
  EXPECT_EQ(output.last_line(), "rest");
  EXPECT_EQ(output.error(), "");
}

// What smolvm prints on its two streams, in its order (smolvm.md §1.3).
TEST(SmolvmOutputTest, FollowsARun) {
  SmolvmOutput output;
  Lines lines;
  const auto add = [&](std::string_view bytes) {
    for (std::string& line : output.Add(bytes)) {
      lines.push_back(std::move(line));
    }
    return output.progress();
  };
  using Phase = SmolvmPhase;
  const auto is = [](Phase phase, int64_t done = 0, int64_t total = 0) {
    return SmolvmProgress{phase, done, total};
  };
  EXPECT_EQ(output.progress(), is(Phase::kStart));
  EXPECT_EQ(add("Starting agent VM...\n"), is(Phase::kBoot));
  EXPECT_EQ(add("Pulling image x...\n"), is(Phase::kPull));
  EXPECT_EQ(add("\rPulling image x... [==>  ] 45%\x1b[K\r"),
            is(Phase::kPull, 45, 100));
  EXPECT_EQ(add("Pulling image x... 100% — syncing...\x1b[K\r"),
            is(Phase::kPull, 100, 100));
  EXPECT_EQ(add("Pulling image x... done.\x1b[K\n"),
            is(Phase::kPull, 100, 100));
  EXPECT_EQ(add("Image: x (2 layers, 5 bytes)\n"), is(Phase::kPull, 100, 100));
  EXPECT_EQ(add("Collecting runtime libraries...\n"), is(Phase::kCollect));
  EXPECT_EQ(add("Creating storage template...\n"), is(Phase::kCollect));
  EXPECT_EQ(add("  Layer 1/1: sha256:0123456789ab...\r"), is(Phase::kExport));
  EXPECT_EQ(add("  Layer 1/1: sha256:0123456789ab... 700 KB\r"),
            is(Phase::kExport, 700 << 10));
  EXPECT_EQ(add("  Layer 1/1: sha256:0123456789ab... 3 MB\r"),
            is(Phase::kExport, 3 << 20));
  EXPECT_EQ(add("  Layer 1/1: sha256:0123456789ab... done\n"),
            is(Phase::kExport, 3 << 20));
  EXPECT_EQ(add("\r⠋ Assembling packed binary\x1b[K\r"), is(Phase::kAssemble));
  EXPECT_EQ(add("Pulling image x... 50%\r"), is(Phase::kAssemble));
  EXPECT_EQ(add("Assembling packed binary done\n"), is(Phase::kAssemble));
  EXPECT_EQ(add("Packed: /o (stub: 1KB, total: 2KB)\n"), is(Phase::kAssemble));
  EXPECT_THAT(lines, ElementsAre("Starting agent VM...", "Pulling image x...",
                                 "Image: x (2 layers, 5 bytes)",
                                 "Collecting runtime libraries...",
                                 "Creating storage template...",
                                 "Layer 1/1: sha256:0123456789ab..."))
      << "where the result lies is nobody's business";
}

TEST(SmolvmOutputTest, SeveralLayersAreMerged) {
  SmolvmOutput output;
  output.Add("Merging 3 layers in VM (one-time cost)...\n");
  EXPECT_EQ(output.progress(), (SmolvmProgress{SmolvmPhase::kExport, 0, 0}));
  EXPECT_THAT(output.Add("  Exporting merged layer... 12 MB done\n"),
              IsEmpty());
  EXPECT_EQ(output.progress(),
            (SmolvmProgress{SmolvmPhase::kExport, 12 << 20, 0}));
}

TEST(SmolvmOutputTest, KeepsTheErrorAndTheLastLine) {
  SmolvmOutput text;
  text.Add("Error: first\nError: agent operation failed: \x1b[1mno\x1b[0m\nx");
  text.Finish();
  EXPECT_EQ(text.error(), "agent operation failed: no");
  EXPECT_EQ(text.last_line(), "x");

  SmolvmOutput json;
  json.Add("WARN x\n");
  EXPECT_EQ(json.error(), "");
  EXPECT_THAT(json.Add(R"({"error":{"code":"KVM_UNAVAILABLE",)"
                       R"("message":"no\nKVM"}})"
                       "\n"),
              SizeIs(1));
  EXPECT_EQ(json.error(), "no\\x0aKVM (KVM_UNAVAILABLE)");
  for (const char* other :
       {R"({"error":)", R"({"error":3})", R"({"error":{"message":3}})",
        R"({"error":{}})", R"({"errors":{"message":"x"}})"}) {
    SmolvmOutput output;
    output.Add(other);
    output.Finish();
    EXPECT_EQ(output.error(), "") << other;
    EXPECT_EQ(output.last_line(), other);
  }
}

TEST(SmolvmOutputTest, NumbersThatCannotBe) {
  for (const char* line :
       {"Pulling image x... 99999999999999999999%\n", "Pulling image x... %\n",
        "Layer 1/1: 99999999999999999999 MB\n", "Layer 1/1: -5 MB\n"}) {
    SmolvmOutput output;
    output.Add(line);
    const SmolvmProgress progress = output.progress();
    EXPECT_GE(progress.done, 0) << line;
    EXPECT_LE(progress.done, 5 << 20) << line;
  }
  SmolvmOutput output;
  output.Add("Pulling image x... 250%\r");
  EXPECT_EQ(output.progress(), (SmolvmProgress{SmolvmPhase::kPull, 100, 100}));
}

TEST(SmolvmOutputTest, LongLinesAreCut) {
  SmolvmOutput output;
  for (int i = 0; i < 100; ++i) {
    EXPECT_THAT(output.Add(std::string(1000, 'x')), IsEmpty());
  }
  const Lines lines = output.Add("\nshort\n");
  ASSERT_THAT(lines, SizeIs(2));
  EXPECT_LE(lines[0].size(), 4096u);
  EXPECT_THAT(lines[0], testing::EndsWith("x…"));
  EXPECT_EQ(lines[1], "short");
}

TEST(SmolvmOutputTest, AFloodIsThinned) {
  SmolvmOutput output;
  size_t shown = 0;
  std::string last;
  for (int i = 0; i < 5000; ++i) {
    for (const std::string& line :
         output.Add("line " + std::to_string(i) + "\nError: e\n")) {
      ++shown;
      last = line;
    }
  }
  EXPECT_EQ(shown, 1000u);
  EXPECT_THAT(last, HasSubstr("left out"));
  EXPECT_EQ(output.error(), "e");
  EXPECT_THAT(output.Add("the end\n"), IsEmpty());
  EXPECT_EQ(output.last_line(), "the end");
}

TEST(SmolvmOutputTest, PiecesDoNotMatter) {
  const std::string bytes =
      "Starting agent VM...\nPulling image y... 3%\r\x1b[Kx\r\nError: é\n";
  SmolvmOutput whole;
  const Lines lines = whole.Add(bytes);
  SmolvmOutput output;
  Lines pieces;
  for (const char byte : bytes) {
    for (std::string& line : output.Add({&byte, 1})) {
      pieces.push_back(std::move(line));
    }
  }
  EXPECT_EQ(pieces, lines);
  EXPECT_EQ(output.progress(), whole.progress());
  EXPECT_EQ(output.error(), "é");
}

}  // namespace
}  // namespace bottled
