// Names and targets come out of a layer as the bytes that it holds, however
// they are written and whatever the locale; and hostile ones do not.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <clocale>
#include <string>

#include "image/archive_tools.h"
#include "image/layer_reader.h"
#include "image/tar_builder.h"

namespace bottled {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> OddNames() {
  return {"plain",
          "with space",
          "new\nline",
          "\x01\x02\x7f control",
          "back\\slash",
          "caf\xc3\xa9",             // NFC
          "cafe\xcc\x81",            // NFD: must not be composed
          "\xe2\x84\xab",            // ANGSTROM SIGN: NFC would replace it
          "\xff\xfe invalid",        // not UTF-8
          "\xc3",                    // cut UTF-8
          "\xed\xa0\x80 surrogate",  // CESU
          "latin1 \xe9t\xe9",
          "question ? mark",
          std::string(253, 'n'),
          std::string(120, 'p') + "/" + std::string(253, '\xe9')};
}

class LayerNames : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    before_ = std::setlocale(LC_ALL, nullptr);
    if (std::setlocale(LC_ALL, GetParam()) == nullptr) {
      GTEST_SKIP() << "no locale " << GetParam();
    }
  }
  void TearDown() override { std::setlocale(LC_ALL, before_.c_str()); }

 private:
  std::string before_;
};

TEST_P(LayerNames, SurviveAsTheyAre) {
  for (const int form : {0, 1, 2}) {
    TarBuilder tar;
    for (const std::string& name : OddNames()) {
      const std::string path = "d/" + name;
      std::vector<std::pair<std::string, std::string>> charset;
      if (form == 2) {
        charset.push_back({"hdrcharset", "BINARY"});
      }
      const auto with =
          [&](std::vector<std::pair<std::string, std::string>> records) {
            records.insert(records.begin(), charset.begin(), charset.end());
            return records;
          };
      if (form == 0) {
        tar.AddFile(path, "x");
        tar.AddSymlink(path + ".s", "t/" + name);
        tar.AddHardlink(path + ".h", path);
      } else {
        tar.AddPax(with({{"path", path}})).AddFile("short", "x");
        tar.AddPax(with({{"path", path + ".s"}, {"linkpath", "t/" + name}}))
            .AddSymlink("short", "short");
        tar.AddPax(with({{"path", path + ".h"}, {"linkpath", path}}))
            .AddHardlink("short", "short");
      }
    }
    KeepingVisitor visitor;
    const auto info = Read(tar.Finish(), visitor);
    ASSERT_TRUE(info.ok()) << form << info.status();
    ASSERT_EQ(visitor.seen().size(), 3 * OddNames().size());
    for (const std::string& name : OddNames()) {
      const std::string path = "d/" + name;
      EXPECT_EQ(visitor.Find(path).content, "x");
      EXPECT_EQ(visitor.Find(path + ".s").entry.link, "t/" + name);
      EXPECT_EQ(visitor.Find(path + ".h").entry.link, path);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Locales, LayerNames,
                         testing::Values("C", "C.UTF-8", "POSIX"));

TEST(LayerNamesOnce, LongComponents) {
  for (const int form : {0, 1}) {
    for (const size_t length : {255, 256}) {
      const std::string path = "d/" + std::string(length, '\xe9');
      TarBuilder tar;
      if (form == 0) {
        tar.AddFile(path, "x");
      } else {
        tar.AddPax({{"path", path}}).AddFile("short", "x");
      }
      KeepingVisitor visitor;
      const auto info = Read(tar.Finish(), visitor);
      EXPECT_EQ(ReasonOf(info.status()),
                length == 255 ? "OK" : "LAYER_INVALID");
      if (info.ok()) {
        EXPECT_THAT(visitor.Paths(), ElementsAre(path));
      }
    }
  }
}

TEST(LayerNamesOnce, LongPaths) {
  std::string path;
  while (path.size() + 101 < 4095) {
    path += std::string(100, 'a') + "/";
  }
  path += std::string(4095 - path.size(), 'b');
  for (const std::string& name : {path, path + "c"}) {
    KeepingVisitor visitor;
    const auto info = Read(TarBuilder().AddFile(name, "x").Finish(), visitor);
    EXPECT_EQ(ReasonOf(info.status()),
              name.size() == 4095 ? "OK" : "LAYER_INVALID");
  }
  KeepingVisitor visitor;
  EXPECT_EQ(
      ReasonOf(
          Read(TarBuilder().AddSymlink("s", std::string(4096, 't')).Finish(),
               visitor)
              .status()),
      "LAYER_INVALID");
}

TEST(LayerNamesOnce, AreNormalised) {
  TarBuilder tar;
  tar.AddDir(".");
  tar.AddDir("./a");
  tar.AddFile("/abs", "1");
  tar.AddFile("./a//b/./c", "2");
  tar.AddHardlink("h", "/a/b/c");
  KeepingVisitor visitor;
  ASSERT_TRUE(Read(tar.Finish(), visitor).ok());
  EXPECT_THAT(visitor.Paths(), ElementsAre("a", "abs", "a/b/c", "h"));
  EXPECT_EQ(visitor.Find("h").entry.link, "a/b/c");
}

TEST(LayerNamesOnce, CannotLeaveTheRoot) {
  for (const char* name : {"../x", "a/../x", "..", "a/..", "/../x", "./../x"}) {
    KeepingVisitor visitor;
    EXPECT_EQ(
        ReasonOf(
            Read(TarBuilder().AddFile(name, "x").Finish(), visitor).status()),
        "LAYER_INVALID")
        << name;
    EXPECT_EQ(
        ReasonOf(Read(TarBuilder().AddHardlink("h", name).Finish(), visitor)
                     .status()),
        "LAYER_INVALID")
        << name;
    EXPECT_TRUE(visitor.seen().empty());
  }
  for (const char* target : {"", "/", ".", "./"}) {
    KeepingVisitor visitor;
    EXPECT_EQ(
        ReasonOf(Read(TarBuilder().AddHardlink("h", target).Finish(), visitor)
                     .status()),
        "LAYER_INVALID")
        << target;
  }
}

TEST(LayerNamesOnce, MalformedPaxRecordsAreRefused) {
  for (const std::string& body :
       {std::string("999 path=x\n"), std::string("x path=y\n"),
        std::string("9 path=x\n8 bad"), std::string("6 path\n"),
        std::string("99999999999 path=x\n")}) {
    TarBuilder tar;
    tar.AddRaw(
        {.name = "pax", .type = 'x', .size = static_cast<int64_t>(body.size())},
        body);
    tar.AddFile("f", "x");
    KeepingVisitor visitor;
    EXPECT_EQ(ReasonOf(Read(tar.Finish(), visitor).status()), "LAYER_INVALID")
        << body;
  }
}

TEST(LayerNamesOnce, GlobalPaxHeadersMeanNothing) {
  const std::string body = "17 comment=abcde\n";
  TarBuilder tar;
  tar.AddRaw({.name = "pax_global_header",
              .type = 'g',
              .size = static_cast<int64_t>(body.size())},
             body);
  tar.AddFile("f", "x");
  KeepingVisitor visitor;
  const auto info = Read(tar.Finish(), visitor);
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_THAT(visitor.Paths(), ElementsAre("f"));
}

}  // namespace
}  // namespace bottled
