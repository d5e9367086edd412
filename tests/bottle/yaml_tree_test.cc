#include "bottle/yaml_tree.h"

#include <string>
#include <vector>

#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bottled {
namespace {

using testing::HasSubstr;
using testing::Not;

// The tree as text: maps {k:v}, lists [v], texts 'v' or "v", nothing as _.
std::string Show(const YamlNode& node) {
  std::string out;
  switch (node.kind) {
    case YamlNode::Kind::kNull:
      return "_";
    case YamlNode::Kind::kText:
      return node.quoted ? "\"" + node.text + "\"" : "'" + node.text + "'";
    case YamlNode::Kind::kMap:
      for (const YamlNode& child : node.children) {
        out += (out.empty() ? "" : ",") + child.key + ":" + Show(child);
      }
      return "{" + out + "}";
    case YamlNode::Kind::kList:
      for (const YamlNode& child : node.children) {
        out += (out.empty() ? "" : ",") + Show(child);
      }
      return "[" + out + "]";
  }
  return out;
}

std::string Parsed(const std::string& yaml) {
  const auto tree = ParseYamlTree(yaml, "/m.md", 2);
  return tree.ok() ? Show(*tree) : GetErrorDetail(tree.status()).reason;
}

TEST(YamlTree, ReadsMapsListsAndTexts) {
  struct Case {
    std::string yaml;
    std::string tree;
  };
  for (const Case& c : std::vector<Case>{
           {"", "_"},
           {"# only a comment\n", "_"},
           {"a: b\n", "{a:'b'}"},
           {"a: b # comment\n", "{a:'b'}"},
           {"a: {b: c, d: [e, f]}\n", "{a:{b:'c',d:['e','f']}}"},
           {"a:\n  - b\n  - c: d\n", "{a:['b',{c:'d'}]}"},
           {"a: 'b'\nc: \"d\\x41\"\n", "{a:\"b\",c:\"dA\"}"},
           {"a: |\n  x\n  y\nb: >\n  z\n", "{a:\"x\ny\n\",b:\"z\n\"}"},
           {"a:\n", "{a:_}"},
           {"a: \"\"\n", "{a:\"\"}"},
           {"? a\n: b\n", "{a:'b'}"},
           {"a: <<\n", "{a:'<<'}"},
           {"a: b%c\n", "{a:'b%c'}"},
           {"# \xc3\xa4\n\xe2\x82\xac: \xf0\x9f\x8d\xbe\nb: \"c\"\nd: null\ne: "
            "'!f'\n",
            "{\xe2\x82\xac:'\xf0\x9f\x8d\xbe',b:\"c\",d:'null',e:\"!f\"}"},
           {"a: 'it''s'\nb: \"q\\\"\\\\\"\n", "{a:\"it's\",b:\"q\"\\\"}"},
           {"a: \"&x *y !z\"\n", "{a:\"&x *y !z\"}"}}) {
    EXPECT_EQ(Parsed(c.yaml), c.tree) << c.yaml;
  }
}

TEST(YamlTree, NothingHasAType) {
  for (const std::string word :
       {"yes", "no", "on", "off", "null", "Null", "NULL", "~", "1e3", "0x10",
        "007", "true", "2026-01-01", "1_000", ".inf"}) {
    EXPECT_EQ(Parsed("a: " + word + "\n"), "{a:'" + word + "'}");
    EXPECT_EQ(Parsed("[" + word + "]\n"), "['" + word + "']");
    EXPECT_EQ(Parsed(word + ": x\n"), "{" + word + ":'x'}");
  }
}

// yaml-cpp reports an absent value and a plain null by the same event.
TEST(YamlTree, TellsNullFromNothing) {
  struct Case {
    std::string yaml;
    std::string tree;
  };
  for (const Case& c :
       std::vector<Case>{{"a:\nnull: x\n", "{a:_,null:'x'}"},
                         {"a:\n~: x\n", "{a:_,~:'x'}"},
                         {"a:\nnull:\n", "{a:_,null:_}"},
                         {"a:\nnull: null\n", "{a:_,null:'null'}"},
                         {"a:\n  b:\nnull: x\n", "{a:{b:_},null:'x'}"},
                         {"a:\nnullx: y\n", "{a:_,nullx:'y'}"},
                         {"a:\n~x: y\n", "{a:_,~x:'y'}"},
                         {"a: null\nb: ~\n", "{a:'null',b:'~'}"},
                         {"- null\n-\n- ~\n-\n", "['null',_,'~',_]"},
                         {"- null: x\n", "[{null:'x'}]"},
                         {"{null}\n", "{null:_}"},
                         {"{nullx}\n", "{nullx:_}"},
                         {"{a, null: }\n", "{a:_,null:_}"},
                         {"{a: , null: ~}\n", "{a:_,null:'~'}"},
                         {"[null, null]\n", "['null','null']"}}) {
    EXPECT_EQ(Parsed(c.yaml), c.tree) << c.yaml;
  }
}

TEST(YamlTree, RefusesWithItsOwnReason) {
  struct Case {
    std::string yaml;
    std::string reason;
  };
  for (const Case& c : std::vector<Case>{
           {"a: &x b\n", "MANIFEST_YAML_ANCHOR"},
           {"a: &x\nb: c\n", "MANIFEST_YAML_ANCHOR"},
           {"&x a: b\n", "MANIFEST_YAML_ANCHOR"},
           {"a: &x {b: c}\n", "MANIFEST_YAML_ANCHOR"},
           {"a: &x [b]\nc: *x\n", "MANIFEST_YAML_ANCHOR"},
           {"a: &x null\n", "MANIFEST_YAML_ANCHOR"},
           {"a: !!str b\n", "MANIFEST_YAML_TAG"},
           {"a: ! b\n", "MANIFEST_YAML_TAG"},
           {"a: ! \"b\"\n", "MANIFEST_YAML_TAG"},
           {"a: !<?> b\n", "MANIFEST_YAML_TAG"},
           {"a: !<!> b\n", "MANIFEST_YAML_TAG"},
           {"a: !!null\n", "MANIFEST_YAML_TAG"},
           {"a: !!null ~\n", "MANIFEST_YAML_TAG"},
           {"a: !!map {b: c}\n", "MANIFEST_YAML_TAG"},
           {"a: !x [b]\n", "MANIFEST_YAML_TAG"},
           {"!!python/object:os.system a: b\n", "MANIFEST_YAML_TAG"},
           {"%YAML 1.2\na: b\n", "MANIFEST_YAML_DIRECTIVE"},
           {"# x\n%TAG ! tag:x,2026:\na: b\n", "MANIFEST_YAML_DIRECTIVE"},
           {"a: {<<: {b: c}}\n", "MANIFEST_YAML_MERGE_KEY"},
           {"<<: x\n", "MANIFEST_YAML_MERGE_KEY"},
           {"a: b\n--- \nc: d\n", "MANIFEST_YAML_DOCUMENTS"},
           {"--- a\n", "MANIFEST_YAML_DOCUMENTS"},
           {"a: b\n... \nc: d\n", "MANIFEST_YAML_DOCUMENTS"},
           {"--- \na: b\n", "MANIFEST_YAML_DOCUMENTS"},
           {"? [a]\n: b\n", "MANIFEST_YAML_COMPLEX_KEY"},
           {"{{a: b}: c}\n", "MANIFEST_YAML_COMPLEX_KEY"},
           {": b\n", "MANIFEST_YAML_COMPLEX_KEY"},
           {"\"\": b\n", "MANIFEST_YAML_COMPLEX_KEY"},
           {"a: b\na: c\n", "MANIFEST_DUPLICATE_KEY"},
           {"a: b\n\"a\": c\n", "MANIFEST_DUPLICATE_KEY"},
           {"x: {a: b, c: d, a: e}\n", "MANIFEST_DUPLICATE_KEY"},
           {"a: [b\n", "MANIFEST_YAML_SYNTAX"},
           {"a: b: c\n", "MANIFEST_YAML_SYNTAX"},
           {"a: \"b\n", "MANIFEST_YAML_SYNTAX"},
           {"a: \"b\nc: d\n", "MANIFEST_YAML_SYNTAX"},
           {"a: 'b\nc: d\n", "MANIFEST_YAML_SYNTAX"},
           {"a: 'b''\nc: d\n", "MANIFEST_YAML_SYNTAX"},
           {"a: \"b\\\"\n", "MANIFEST_YAML_SYNTAX"},
           {"\"a: b\n", "MANIFEST_YAML_SYNTAX"},
           {"a: ['b, c]\n", "MANIFEST_YAML_SYNTAX"},
           {"a: \"\\ud800\"\n", "MANIFEST_YAML_SYNTAX"},
           {"a: b\n\tc: d\n", "MANIFEST_YAML_SYNTAX"},
           {"a: *x\n", "MANIFEST_YAML_SYNTAX"},
           {"a: b\n]\n", "MANIFEST_YAML_SYNTAX"}}) {
    EXPECT_EQ(Parsed(c.yaml), c.reason) << c.yaml;
  }
}

TEST(YamlTree, BoundsDepthAndSize) {
  const auto nested = [](size_t depth, char open, char close) {
    return std::string(depth, open) + std::string(depth, close) + "\n";
  };
  EXPECT_THAT(Parsed(nested(16, '[', ']')), Not(HasSubstr("MANIFEST")));
  EXPECT_EQ(Parsed(nested(17, '[', ']')), "MANIFEST_YAML_TOO_DEEP");
  EXPECT_EQ(Parsed(nested(30000, '[', ']')), "MANIFEST_YAML_TOO_DEEP");
  EXPECT_EQ(Parsed(std::string(60000, '[')), "MANIFEST_YAML_TOO_DEEP");
  EXPECT_EQ(Parsed(std::string(60000, '{')), "MANIFEST_YAML_TOO_DEEP");
  std::string dashes;
  std::string questions;
  for (int i = 0; i < 20000; ++i) {
    dashes += "- ";
    questions += "? ";
  }
  EXPECT_EQ(Parsed(dashes + "a\n"), "MANIFEST_YAML_TOO_DEEP");
  EXPECT_EQ(Parsed(questions + "a\n"), "MANIFEST_YAML_TOO_DEEP");

  std::string items;
  for (size_t i = 0; i + 1 < kMaxYamlNodes; ++i) {
    items += "- a\n";
  }
  EXPECT_THAT(Parsed(items), Not(HasSubstr("MANIFEST")));
  EXPECT_EQ(Parsed(items + "- a\n"), "MANIFEST_YAML_TOO_MANY_NODES");
  std::string commas = "[";
  for (size_t i = 0; i < kMaxYamlNodes; ++i) {
    commas += "a,\n";
  }
  EXPECT_EQ(Parsed(commas + "]"), "MANIFEST_YAML_TOO_MANY_NODES");
  std::string keys;
  for (size_t i = 0; i < 9999; ++i) {
    keys += "k" + std::to_string(i) + ": v\n";
  }
  EXPECT_THAT(Parsed(keys), Not(HasSubstr("MANIFEST")));
}

TEST(YamlTree, KnowsLinesOfTheFile) {
  const auto tree = ParseYamlTree("a: b\nlong:\n  - x\n  - y: 'z'\n", "/m", 2);
  ASSERT_TRUE(tree.ok());
  const YamlNode* list = tree->Find("long");
  ASSERT_NE(list, nullptr);
  EXPECT_EQ(list->key_line, 3);
  EXPECT_EQ(list->key_column, 1);
  EXPECT_EQ(list->children[0].line, 4);
  EXPECT_EQ(list->children[0].column, 5);
  const YamlNode* z = list->children[1].Find("y");
  ASSERT_NE(z, nullptr);
  EXPECT_EQ(z->line, 5);
  EXPECT_EQ(z->column, 8);
  EXPECT_EQ(tree->Find("none"), nullptr);
}

TEST(YamlTree, SaysWhereAndNotWhat) {
  const auto bad =
      ParseYamlTree("a: b\nc: \"tok\\qen\"\n", "/d/m.md", 2).status();
  EXPECT_THAT(std::string(bad.message()), HasSubstr("/d/m.md:3:"));
  EXPECT_THAT(std::string(bad.message()), Not(HasSubstr("tok")));
  const auto twice =
      ParseYamlTree("{KEY=hidden, KEY=hidden}\n", "/m", 2).status();
  EXPECT_THAT(std::string(twice.message()), HasSubstr("KEY"));
  EXPECT_THAT(std::string(twice.message()), Not(HasSubstr("hidden")));
  const auto escape =
      ParseYamlTree("\"\\e[31m\": 1\n\"\\e[31m\": 2\n", "/m", 2);
  EXPECT_THAT(std::string(escape.status().message()), Not(HasSubstr("\x1b")));
}

}  // namespace
}  // namespace bottled
