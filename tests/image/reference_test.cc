#include "image/reference.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "image/archive_tools.h"
#include "nlohmann/json.hpp"

namespace bottled {
namespace {

using nlohmann::json;

// The distribution project's own test vectors; the file names their source.
const json& Vectors() {
  static const json vectors =
      json::parse(ReadTestFile("reference_vectors.json"));
  return vectors;
}

std::string NameOf(const Reference& reference) {
  return reference.domain.empty() ? reference.path
                                  : reference.domain + "/" + reference.path;
}

TEST(ReferenceVectors, Parse) {
  int refused = 0;
  for (const json& vector : Vectors()["parse"]) {
    const std::string input = vector.value("input", "");
    SCOPED_TRACE(input);
    const auto reference = ParseReference(input);
    if (vector.contains("error")) {
      // The published test leaves SHA-512 unregistered; docker registers it.
      if (input.find("@sha512:") == std::string::npos) {
        EXPECT_EQ(ReasonOf(reference.status()), "BAD_REFERENCE");
        ++refused;
      }
      continue;
    }
    ASSERT_TRUE(reference.ok()) << reference.status();
    EXPECT_EQ(NameOf(*reference), vector.value("repository", ""));
    EXPECT_EQ(reference->domain, vector.value("domain", ""));
    EXPECT_EQ(reference->tag, vector.value("tag", ""));
    EXPECT_EQ(reference->digest, vector.value("digest", ""));
    EXPECT_EQ(reference->ToString(), input);
  }
  EXPECT_GE(refused, 10);
}

TEST(ReferenceVectors, DomainAndPath) {
  for (const json& vector : Vectors()["domain_and_path"]) {
    SCOPED_TRACE(vector.dump());
    const auto reference = ParseReference(vector.value("input", ""));
    ASSERT_TRUE(reference.ok()) << reference.status();
    EXPECT_EQ(reference->domain, vector.value("domain", ""));
    EXPECT_EQ(reference->path, vector.value("path", ""));
  }
}

TEST(ReferenceVectors, FullNames) {
  for (const json& vector : Vectors()["full_name"]) {
    const std::string input = vector.value("input", "");
    SCOPED_TRACE(input);
    const auto reference = ParseReference(input);
    // As a name: "x:8080" is none, though it is a reference with a tag.
    const bool is_name = reference.ok() && reference->tag.empty();
    // The grammar has no length; the parser has.
    EXPECT_EQ(is_name, vector.value("match", false));
    if (is_name && vector.contains("subs")) {
      EXPECT_EQ(reference->domain, vector["subs"][0].get<std::string>());
      EXPECT_EQ(reference->path, vector["subs"][1].get<std::string>());
    }
  }
}

TEST(ReferenceVectors, Domains) {
  for (const json& vector : Vectors()["domain"]) {
    const std::string input = vector.value("input", "");
    SCOPED_TRACE(input);
    const auto reference = ParseReference(input + "/x");
    const bool is_domain = reference.ok() && reference->domain == input;
    EXPECT_EQ(is_domain, vector.value("match", false));
  }
}

TEST(ReferenceVectors, Normalized) {
  for (const json& name : Vectors()["normalized_valid"]) {
    EXPECT_TRUE(ParseNormalizedReference(name.get<std::string>()).ok()) << name;
  }
  for (const json& name : Vectors()["normalized_invalid"]) {
    EXPECT_EQ(
        ReasonOf(ParseNormalizedReference(name.get<std::string>()).status()),
        "BAD_REFERENCE")
        << name;
  }
}

TEST(ReferenceVectors, RepositoryInfo) {
  for (const json& vector : Vectors()["repository_info"]) {
    for (const char* form : {"FamiliarName", "FullName", "AmbiguousName"}) {
      const std::string input = vector.value(form, "");
      if (input.empty()) {
        continue;
      }
      SCOPED_TRACE(input);
      const auto reference = ParseNormalizedReference(input);
      ASSERT_TRUE(reference.ok()) << reference.status();
      EXPECT_EQ(NameOf(*reference), vector.value("FullName", ""));
      EXPECT_EQ(reference->domain, vector.value("Domain", ""));
      EXPECT_EQ(reference->path, vector.value("RemoteName", ""));
      EXPECT_EQ(reference->Familiar(),
                vector.value("FamiliarName", "") + ":latest");
    }
  }
}

TEST(ReferenceVectors, SplitHostname) {
  for (const json& vector : Vectors()["split_hostname"]) {
    SCOPED_TRACE(vector.dump());
    const auto reference = ParseNormalizedReference(vector.value("input", ""));
    ASSERT_TRUE(reference.ok()) << reference.status();
    EXPECT_EQ(reference->domain, vector.value("domain", ""));
    EXPECT_EQ(reference->path, vector.value("path", ""));
  }
}

TEST(ReferenceVectors, DockerRef) {
  for (const json& vector : Vectors()["docker_ref"]) {
    SCOPED_TRACE(vector.dump());
    auto reference = ParseNormalizedReference(vector.value("input", ""));
    ASSERT_TRUE(reference.ok()) << reference.status();
    // ParseDockerRef() also drops a tag beside a digest.
    if (!reference->digest.empty()) {
      reference->tag.clear();
    }
    EXPECT_EQ(reference->ToString(), vector.value("expected", ""));
  }
}

TEST(Reference, KeepsTagBesideDigest) {
  const std::string text =
      "busybox:latest@sha256:"
      "86e0e091d0da6bde2456dbb48306f3956bbeb2eae1b5b9a43045843f69fe4aaa";
  const auto reference = ParseNormalizedReference(text);
  ASSERT_TRUE(reference.ok());
  EXPECT_EQ(reference->ToString(), "docker.io/library/" + text);
  EXPECT_EQ(reference->Familiar(), text);
}

TEST(Reference, TellsOfUpperCase) {
  const auto reference = ParseNormalizedReference("alpine/Upper:1");
  ASSERT_FALSE(reference.ok());
  EXPECT_THAT(std::string(reference.status().message()),
              testing::HasSubstr("lower-case"));
}

TEST(Reference, RefusesHostileTexts) {
  for (const std::string& text :
       {std::string("a\0b", 3), std::string("a\nb"), std::string("\x1b[31m"),
        std::string(5000, 'a'), std::string(300, '.') + "/a",
        std::string("a:") + std::string(129, 't'), std::string("a@"),
        std::string("a:"), std::string("/a"), std::string("a/"),
        std::string("\xff\xfe")}) {
    const auto reference = ParseNormalizedReference(text);
    EXPECT_EQ(ReasonOf(reference.status()), "BAD_REFERENCE") << text;
    // What is quoted must not reach a terminal raw.
    EXPECT_EQ(std::string(reference.status().message()).find('\x1b'),
              std::string::npos);
  }
}

TEST(Reference, LooksLikeImageId) {
  const std::string hex(64, 'a');
  EXPECT_TRUE(LooksLikeImageId(hex));
  EXPECT_TRUE(LooksLikeImageId("sha256:" + hex));
  EXPECT_TRUE(LooksLikeImageId("0123456789ab"));
  EXPECT_FALSE(LooksLikeImageId("0123456789a"));
  EXPECT_FALSE(LooksLikeImageId("sha256:0123456789ab"));
  EXPECT_FALSE(LooksLikeImageId(hex + "a"));
  EXPECT_FALSE(LooksLikeImageId("ABCDEF012345"));
  EXPECT_FALSE(LooksLikeImageId("deadbeefcafe:1"));
  EXPECT_FALSE(LooksLikeImageId(""));
}

}  // namespace
}  // namespace bottled
