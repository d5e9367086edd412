#include "image/stream_tail.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "image/archive_tools.h"

namespace bottled {
namespace {

std::optional<std::string> ErrorIn(const std::string& text, size_t block) {
  StringSource source(text, block);
  StreamTail tail(source, 1 << 30);
  while (true) {
    const auto next = tail.Next();
    if (!next.ok() || next->empty()) {
      break;
    }
  }
  return tail.EngineError();
}

TEST(StreamTail, FindsTheErrorAtTheEnd) {
  const std::string error =
      R"({"error":"outer","errorDetail":{"message":"inner"}})";
  for (const size_t block : {1, 100, 70'000, 1 << 20}) {
    EXPECT_EQ(ErrorIn(error, block), "inner");
    EXPECT_EQ(ErrorIn(std::string(200'000, 'x') + error + "\r\n", block),
              "inner");
    EXPECT_EQ(ErrorIn(R"({"error":"a"} {"message":"b"})", block), "b");
    EXPECT_EQ(ErrorIn(R"({"error":"a"})", block), "a");
  }
}

TEST(StreamTail, OtherTextIsNoError) {
  for (const std::string& text :
       {std::string(), std::string("}"), std::string(R"({"error":"a"} more)"),
        std::string(R"({"error":"a"})") + std::string(10, '\0'),
        std::string(R"({"error":1})"), std::string(R"({"errors":"a"})"),
        std::string(R"({"error":"a")"), std::string(R"({"error":""})")}) {
    EXPECT_EQ(ErrorIn(text, 4096), std::nullopt) << text;
  }
  std::string many;
  for (int i = 0; i < 10'000; ++i) {
    many += "{\"error\"";
  }
  EXPECT_EQ(ErrorIn(many + "}", 4096), std::nullopt);
}

TEST(StreamTail, CountsAndBounds) {
  StringSource source("ab" + std::string(100, '\0'), 10);
  StreamTail tail(source, 50);
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(tail.Next().ok());
  }
  EXPECT_EQ(tail.bytes(), 50);
  EXPECT_EQ(tail.nonzero_end(), 2);
  EXPECT_EQ(ReasonOf(tail.Next().status()), "IMAGE_TOO_LARGE");
}

TEST(WithoutHostPaths, KeepsTheLastPart) {
  EXPECT_EQ(WithoutHostPaths("open /var/lib/x/small: no such file"),
            "open small: no such file");
  EXPECT_EQ(WithoutHostPaths("/a/b"), "b");
  EXPECT_EQ(WithoutHostPaths("(/a/b/) \"/c/d\",/e/f"), "(b) \"d\",f");
  EXPECT_EQ(WithoutHostPaths("rename /a/b /c/d"), "rename b d");
}

TEST(WithoutHostPaths, LeavesTheRest) {
  for (const char* text :
       {"", "/", "/etc", "https://host/a/b", "docker.io/library/alpine",
        "a / b", "sha256:00 not found", "1/2"}) {
    EXPECT_EQ(WithoutHostPaths(text), text);
  }
}

}  // namespace
}  // namespace bottled
