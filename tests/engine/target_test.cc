#include "engine/target.h"

#include "engine/tools.h"

namespace bottled {
namespace {

using testing::FailsWith;
using testing::IsOk;

std::string Encoded(const std::string& reference) {
  const auto encoded = EncodeReference(reference);
  EXPECT_THAT(encoded, IsOk());
  return encoded.value_or("");
}

TEST(Target, ReferencesKeepTheirSlashes) {
  EXPECT_EQ(Encoded("alpine"), "alpine");
  EXPECT_EQ(Encoded("host.org:5000/a_b/c:1.0"), "host.org:5000/a_b/c:1.0");
  const std::string hex(64, 'a');
  EXPECT_EQ(Encoded("x@sha256:" + hex), "x@sha256:" + hex);
}

TEST(Target, WhatCouldLeaveThePathIsEncoded) {
  EXPECT_EQ(Encoded("a?b"), "a%3Fb");
  EXPECT_EQ(Encoded("a#b"), "a%23b");
  EXPECT_EQ(Encoded("a b\r\nX: y"), "a%20b%0D%0AX:%20y");
  EXPECT_EQ(Encoded("a%2e"), "a%252e");
  EXPECT_EQ(Encoded(std::string("a\0b", 3)), "a%00b");
  EXPECT_EQ(Encoded("\xc3\xa4"), "%C3%A4");
}

TEST(Target, BareIdsGetTheirAlgorithm) {
  const std::string hex(64, 'a');
  EXPECT_EQ(Encoded(hex), "sha256:" + hex);
  EXPECT_EQ(Encoded("sha256:" + hex), "sha256:" + hex);
  EXPECT_EQ(Encoded(std::string(12, 'a')), std::string(12, 'a'));
  EXPECT_EQ(Encoded(std::string(64, 'g')), std::string(64, 'g'));
}

TEST(Target, WhatAServerWouldRedirectIsRefused) {
  for (const char* bad : {"", "a//b", "/a", "a/", ".", "..", "a/../b", "./a"}) {
    EXPECT_THAT(EncodeReference(bad), FailsWith("BAD_REFERENCE")) << bad;
  }
}

TEST(Target, PlatformIsEncodedJson) {
  EXPECT_EQ(PlatformQuery({"linux", "amd64", ""}),
            "?platform=%7B%22architecture%22%3A%22amd64%22%2C%22os%22%3A%22"
            "linux%22%7D");
  EXPECT_THAT(PlatformQuery({"linux", "arm", "v7"}),
              ::testing::HasSubstr("%22variant%22%3A%22v7%22"));
  EXPECT_FALSE(PlatformQuery({"linux", "\xff", ""}).empty());
}

}  // namespace
}  // namespace bottled
