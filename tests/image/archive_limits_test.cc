// Archives that are made to hurt, and failures beside the archive.

#include <gtest/gtest.h>

#include <string>

#include "base/error.h"
#include "image/archive_reader.h"
#include "image/archive_tools.h"
#include "image/tar_builder.h"

namespace bottled {
namespace {

using nlohmann::json;

TestImage OneLayer() {
  return {.layers = {TarBuilder().AddFile("a", "one").Finish()}};
}

std::string ReasonWith(const std::string& archive, const ImageLimits& limits) {
  ArchiveOptions options;
  options.limits = limits;
  return ReasonOf(ReadTar(archive, options).status());
}

TEST(ArchiveLimits, Members) {
  TarBuilder tar;
  for (int i = 0; i < 50; ++i) {
    tar.AddFile(std::to_string(i), "x");
  }
  tar.AddBytes(MakeDockerArchive(OneLayer()));
  const std::string archive = tar.Unfinished();
  EXPECT_EQ(ReasonWith(archive, {.max_archive_members = 53}), "OK");
  EXPECT_EQ(ReasonWith(archive, {.max_archive_members = 52}),
            "IMAGE_TOO_LARGE");
}

TEST(ArchiveLimits, UnpackedBytesOfAllLayers) {
  TestImage image;
  for (const char* name : {"a", "b", "c"}) {
    image.layers.push_back(
        TarBuilder().AddFile(name, std::string(10'000, 'x')).Finish());
  }
  const auto each = static_cast<int64_t>(image.layers[0].size());
  const std::string archive = MakeDockerArchive(image);
  EXPECT_EQ(ReasonWith(archive, {.max_unpacked_bytes = 3 * each}), "OK");
  EXPECT_EQ(ReasonWith(archive, {.max_unpacked_bytes = 3 * each - 1}),
            "IMAGE_TOO_LARGE");
}

// Also when nothing refers to it.
TEST(ArchiveLimits, ACompressedBomb) {
  TarBuilder tar;
  tar.AddFile("bomb", Gzip(std::string(30'000'000, '\0')));
  tar.AddBytes(MakeDockerArchive(OneLayer()));
  EXPECT_EQ(ReasonWith(tar.Unfinished(), {.max_unpacked_bytes = 1'000'000}),
            "IMAGE_TOO_LARGE");
}

TEST(ArchiveLimits, LargeJsonIsNotKept) {
  const std::string archive = MakeDockerArchive(OneLayer());
  EXPECT_EQ(ReasonWith(archive, {.max_json_bytes = 20}), "ARCHIVE_INVALID");
}

TEST(ArchiveLimits, MuchJson) {
  const std::string big = "{" + std::string(9 << 20, ' ') + "}";
  TarBuilder tar;
  for (int i = 0; i < 8; ++i) {
    tar.AddFile("sbom" + std::to_string(i), big);
  }
  tar.AddBytes(MakeDockerArchive(OneLayer()));
  EXPECT_EQ(ReasonWith(tar.Unfinished(), {}), "IMAGE_TOO_LARGE");
  TarBuilder other;
  for (int i = 0; i < 8; ++i) {
    other.AddFile("blob" + std::to_string(i), "x" + big);
  }
  other.AddBytes(MakeDockerArchive(OneLayer()));
  EXPECT_EQ(ReasonWith(other.Unfinished(), {}), "OK");
}

TEST(ArchiveLimits, ManyLongNames) {
  TarBuilder tar;
  std::string name;
  while (name.size() < 3800) {
    name += std::string(200, 'n') + "/";
  }
  for (int i = 0; i < 10'000; ++i) {
    tar.AddSymlink(name + std::to_string(i), name);
  }
  EXPECT_EQ(ReasonWith(tar.Finish(), {}), "IMAGE_TOO_LARGE");
}

TEST(ArchiveLimits, NamesThatLeaveTheArchive) {
  TarBuilder tar;
  tar.AddFile("../x", "x");
  tar.AddBytes(MakeDockerArchive(OneLayer()));
  EXPECT_EQ(ReasonWith(tar.Unfinished(), {}), "ARCHIVE_INVALID");
}

TEST(ArchiveFailures, Cancellation) {
  CancelSource cancel;
  StringSource source(MakeDockerArchive(OneLayer()), 512);
  KeepingConsumer consumer;
  int calls = 0;
  const auto read = ReadArchive(
      source, {}, consumer,
      [&](int64_t) {
        if (++calls == 3) {
          cancel.Cancel();
        }
      },
      cancel.token());
  EXPECT_EQ(ReasonOf(read.status()), "CANCELLED");
  EXPECT_EQ(calls, 3);
}

// A disk that is full is no damaged image.
class FullDisk : public LayerConsumer {
 public:
  explicit FullDisk(int where) : where_(where), visitor_(where == 1 ? 0 : -1) {}

  absl::StatusOr<EntryVisitor*> BeginLayer() override {
    if (where_ == 0) {
      return Error();
    }
    return &visitor_;
  }
  absl::StatusOr<int> EndLayer(bool valid) override {
    if (where_ == 2) {
      return Error();
    }
    return valid ? 0 : -1;
  }

 private:
  static absl::Status Error() {
    return MakeError(absl::StatusCode::kResourceExhausted, "TEST_VISITOR",
                     "the disk is full", "");
  }
  const int where_;
  KeepingVisitor visitor_;
};

TEST(ArchiveFailures, OfTheConsumer) {
  for (const int where : {0, 1, 2}) {
    // Text that could be taken for an engine's error changes nothing.
    StringSource source(MakeDockerArchive(OneLayer()) + R"({"error":"no"})");
    FullDisk consumer(where);
    const auto read = ReadArchive(source, {}, consumer, nullptr, CancelToken());
    EXPECT_EQ(ReasonOf(read.status()), "TEST_VISITOR") << where;
  }
}

class BrokenPipe : public ByteSource {
 public:
  explicit BrokenPipe(std::string text) : text_(std::move(text)) {}
  absl::StatusOr<std::string_view> Next() override {
    if (given_) {
      return MakeError(absl::StatusCode::kUnavailable, "TEST_SOURCE", "gone",
                       "");
    }
    given_ = true;
    return std::string_view(text_);
  }

 private:
  const std::string text_;
  bool given_ = false;
};

TEST(ArchiveFailures, OfTheSource) {
  const std::string archive = MakeDockerArchive(OneLayer());
  for (const std::string& whole : {archive, Gzip(archive)}) {
    for (size_t cut = 1; cut < whole.size(); cut += 211) {
      BrokenPipe source(whole.substr(0, cut));
      KeepingConsumer consumer;
      const auto read =
          ReadArchive(source, {}, consumer, nullptr, CancelToken());
      EXPECT_EQ(ReasonOf(read.status()), "TEST_SOURCE") << cut;
    }
  }
}

}  // namespace
}  // namespace bottled
