#include "jobs/source_json.h"

#include "gtest/gtest.h"

namespace bottled {
namespace {

TEST(SourceJson, ImagesAndArchivesComeBack) {
  const SourceVariant image = DecodeSource(EncodeSource(std::string("a:1")));
  ASSERT_TRUE(std::holds_alternative<std::string>(image));
  EXPECT_EQ(std::get<std::string>(image), "a:1");
  const SourceVariant file = DecodeSource(EncodeSource(
      ArchiveFileSource{.path = "/a \"b\".tar", .reference = "c:2"}));
  ASSERT_TRUE(std::holds_alternative<ArchiveFileSource>(file));
  EXPECT_EQ(std::get<ArchiveFileSource>(file).path, "/a \"b\".tar");
  EXPECT_EQ(std::get<ArchiveFileSource>(file).reference, "c:2");
}

TEST(SourceJson, ABuildIsNotKept) {
  BuildSpec build;
  build.context = "/c";
  build.args = {{.name = "TOKEN", .value = "secret"}};
  EXPECT_EQ(EncodeSource(build), "");
  EXPECT_EQ(EncodeSource(SourceVariant()), "");
}

TEST(SourceJson, WhatItDoesNotUnderstandIsNothing) {
  for (const char* text : {"", "x", "[]", "{}", R"({"image":1})",
                           R"({"image":""})", R"({"archive":null})"}) {
    EXPECT_TRUE(std::holds_alternative<std::monostate>(DecodeSource(text)))
        << text;
  }
}

}  // namespace
}  // namespace bottled
