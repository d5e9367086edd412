#include "engine/build_output.h"

#include <random>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bottled {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Steps = BuildOutput::Steps;

TEST(BuildOutputTest, CutsLinesHoweverTheyArrive) {
  const std::string text = "one\ntwo\r\n\nthree\rfour";
  for (size_t cut = 1; cut <= text.size(); ++cut) {
    BuildOutput output({});
    std::vector<std::string> lines;
    for (size_t at = 0; at < text.size(); at += cut) {
      for (std::string& line : output.Add(text.substr(at, cut))) {
        lines.push_back(std::move(line));
      }
    }
    EXPECT_THAT(lines, ElementsAre("one", "two", "three"));
    EXPECT_THAT(output.Finish(), ElementsAre("four"));
    EXPECT_THAT(output.Finish(), IsEmpty());
  }
}

TEST(BuildOutputTest, CountsBuildKitsStepsPerStage) {
  BuildOutput output({});
  output.Add(
      "#1 [internal] load build definition\n"
      "#5 [app 1/3] FROM docker.io/x\n#6 [base 2/2] RUN a b\n");
  EXPECT_EQ(output.steps(), (Steps{.done = 3, .total = 5}));
  output.Add("#7 [app 3/3] COPY . .\n#7 CACHED\n#8 exporting to image\n");
  EXPECT_EQ(output.steps(), (Steps{.done = 5, .total = 5}));
  EXPECT_EQ(output.last_step(), "[app 3/3] COPY . .");
}

TEST(BuildOutputTest, CountsTheClassicBuildersSteps) {
  BuildOutput output({});
  output.Add("Step 1/4 : FROM x\n ---> 0123\nStep 2/4 : RUN echo 1/9\n");
  EXPECT_EQ(output.steps(), (Steps{.done = 2, .total = 4}));
  EXPECT_EQ(output.last_step(), "Step 2/4 : RUN echo 1/9");
}

// Found by fuzz_build: 3 of 2 steps were done.
TEST(BuildOutputTest, AnotherTotalBeginsAnew) {
  BuildOutput output({});
  output.Add("Step 3/4 : RUN docker build .\nStep 1/2 : FROM x\n");
  EXPECT_EQ(output.steps(), (Steps{.done = 1, .total = 2}));
}

TEST(BuildOutputTest, WhatIsNoStepIsNone) {
  BuildOutput output({});
  output.Add(
      "Step x/4 : y\n#3 [a 5/2] z\n#3 [a -1/2] z\n[1/2] z\n"
      "#3 [1/99999999999999999999] z\n#3 ] [ z\n");
  EXPECT_EQ(output.steps(), Steps());
  EXPECT_EQ(output.last_step(), "");
}

TEST(BuildOutputTest, RedactsLongValuesOnly) {
  BuildOutput output({"long-secret", "long-secret-longer", "1"});
  EXPECT_THAT(output.Add("a long-secret-longer b long-secret 1\n"),
              ElementsAre("a *** b *** 1"));
}

// Found by fuzz_build: what makes a line printable put the value together.
TEST(BuildOutputTest, RedactsWhatEscapingPutsTogether) {
  BuildOutput output({"0123456789"});
  const std::string noisy(
      "\xcc"
      "0\0\0\0\0\0\0\0"
      "123456789\n",
      19);
  for (const std::string& line : output.Add(noisy)) {
    EXPECT_EQ(line.find("0123456789"), std::string::npos) << line;
  }
  EXPECT_THAT(output.Add("a 012\x1b[1m3456789 b\n"), ElementsAre("a *** b"));
}

TEST(BuildOutputTest, LinesAreBoundedAndPrintable) {
  BuildOutput output({});
  const std::vector<std::string> lines =
      output.Add("\x1b[31mred\x1b[0m\x07\n" + std::string(1 << 20, 'x') + "\n");
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_THAT(lines[0], ::testing::StartsWith("red"));
  EXPECT_EQ(lines[0].find('\x1b'), std::string::npos);
  EXPECT_LE(lines[1].size(), size_t{8} << 10);
}

TEST(BuildOutputTest, NoiseIsOnlyPassedOn) {
  std::mt19937 random(3);
  BuildOutput output({"abcdefgh"});
  for (int i = 0; i < 2000; ++i) {
    std::string bytes(random() % 100, '\0');
    for (char& c : bytes) {
      c = "#[]/ 0123456789Step:\n\r\x1b\xff"[random() % 24];
    }
    for (const std::string& line : output.Add(bytes)) {
      EXPECT_LE(line.size(), size_t{8} << 10);
    }
    EXPECT_LE(output.steps().done, output.steps().total);
  }
}

}  // namespace
}  // namespace bottled
