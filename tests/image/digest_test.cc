#include "image/digest.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "image/archive_tools.h"

namespace bottled {
namespace {

// FIPS 180-2, appendix B.1, and the digest of nothing.
constexpr char kAbc[] =
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
constexpr char kNothing[] =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

TEST(Digest, HashesKnownTexts) {
  EXPECT_EQ(Sha256Of("abc").hex(), kAbc);
  EXPECT_EQ(Sha256Of("").ToString(), "sha256:" + std::string(kNothing));
}

TEST(Digest, HashesInParts) {
  Sha256 hasher;
  hasher.Update("a");
  hasher.Update("");
  Sha256 moved = std::move(hasher);
  moved.Update("bc");
  EXPECT_EQ(moved.Finish().hex(), kAbc);
}

TEST(Digest, ParsesItsOwnText) {
  const Digest digest = Sha256Of("abc");
  const auto parsed = Digest::Parse(digest.ToString());
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(*parsed, digest);
  EXPECT_FALSE(parsed->empty());
  EXPECT_TRUE(Digest().empty());
  EXPECT_EQ(Digest().ToString(), "");
}

TEST(Digest, RefusesOtherForms) {
  const std::string hex(kAbc);
  std::string upper = hex;
  upper[0] = 'B';
  for (const std::string& text :
       {std::string(), std::string("sha256:"), hex, "sha256:" + hex + "0",
        "sha256:" + hex.substr(1), "sha256:" + upper, "SHA256:" + hex,
        "sha512:" + hex, "sha256:" + hex.substr(1) + "g", " sha256:" + hex,
        "sha256:" + hex + "\n"}) {
    EXPECT_EQ(ReasonOf(Digest::Parse(text).status()), "BAD_DIGEST") << text;
  }
}

}  // namespace
}  // namespace bottled
