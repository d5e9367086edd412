// Bombs, cancellation, and errors that come from both sides of ReadLayer().

#include <gtest/gtest.h>

#include <string>

#include "base/error.h"
#include "image/archive_tools.h"
#include "image/layer_reader.h"
#include "image/tar_builder.h"

namespace bottled {
namespace {

// Never ends; the same block again and again.
class EndlessSource : public ByteSource {
 public:
  explicit EndlessSource(std::string block) : block_(std::move(block)) {}

  absl::StatusOr<std::string_view> Next() override {
    ++calls_;
    return std::string_view(block_);
  }

  int calls() const { return calls_; }

 private:
  const std::string block_;
  int calls_ = 0;
};

class FailingSource : public ByteSource {
 public:
  explicit FailingSource(std::string text) : text_(std::move(text)) {}

  absl::StatusOr<std::string_view> Next() override {
    if (!given_) {
      given_ = true;
      return std::string_view(text_);
    }
    return MakeError(absl::StatusCode::kUnavailable, "TEST_SOURCE",
                     "the source failed", "");
  }

 private:
  const std::string text_;
  bool given_ = false;
};

std::string TooMuch(const std::string& layer, const ImageLimits& limits) {
  KeepingVisitor visitor;
  return ReasonOf(Read(layer, visitor, limits).status());
}

TEST(LayerLimits, Bytes) {
  const std::string layer =
      TarBuilder().AddFile("f", std::string(100'000, 'x')).Finish();
  const auto size = static_cast<int64_t>(layer.size());
  for (const std::string& blob : {layer, Gzip(layer), Zstd(layer)}) {
    EXPECT_EQ(TooMuch(blob, {.max_unpacked_bytes = size}), "OK");
    EXPECT_EQ(TooMuch(blob, {.max_unpacked_bytes = size - 1}),
              "IMAGE_TOO_LARGE");
  }
}

TEST(LayerLimits, BytesAfterTheEndCount) {
  const std::string bomb = Gzip(std::string(50'000'000, '\0'));
  EXPECT_LT(bomb.size(), 100'000U);
  EXPECT_EQ(TooMuch(bomb, {.max_unpacked_bytes = 10'000'000}),
            "IMAGE_TOO_LARGE");
}

TEST(LayerLimits, Entries) {
  TarBuilder tar;
  for (int i = 0; i < 20; ++i) {
    tar.AddFile(std::to_string(i), "");
  }
  EXPECT_EQ(TooMuch(tar.Finish(), {.max_entries = 20}), "OK");
  EXPECT_EQ(TooMuch(tar.Finish(), {.max_entries = 19}), "IMAGE_TOO_LARGE");
}

TEST(LayerLimits, AreSharedByLayers) {
  const std::string layer = TarBuilder().AddFile("f", "x").Finish();
  LayerBudget budget{.limits = {.max_entries = 2}};
  for (int i = 0; i < 3; ++i) {
    StringSource source(layer);
    KeepingVisitor visitor;
    const auto info = ReadLayer(source, budget, visitor, CancelToken());
    EXPECT_EQ(ReasonOf(info.status()), i < 2 ? "OK" : "IMAGE_TOO_LARGE");
  }
  EXPECT_EQ(budget.unpacked_bytes, static_cast<int64_t>(3 * 2048));
}

// A header may promise more than it has, and holes cost nothing to write.
TEST(LayerLimits, SizesOfHeadersCount) {
  TarBuilder promise;
  promise.AddRaw({.name = "f", .size = int64_t{1} << 60});
  EXPECT_EQ(TooMuch(promise.Finish(), {}), "IMAGE_TOO_LARGE");
  TarBuilder sparse;
  sparse.AddPax({{"GNU.sparse.size", "1000000000"}, {"GNU.sparse.map", "0,1"}});
  sparse.AddFile("f", "x");
  EXPECT_EQ(TooMuch(sparse.Finish(), {.max_unpacked_bytes = 100'000'000}),
            "IMAGE_TOO_LARGE");
}

TEST(LayerLimits, AnEndlessStreamEnds) {
  EndlessSource zeros(std::string(65536, '\0'));
  KeepingVisitor visitor;
  LayerBudget budget{.limits = {.max_unpacked_bytes = 1'000'000}};
  EXPECT_EQ(ReasonOf(ReadLayer(zeros, budget, visitor, CancelToken()).status()),
            "IMAGE_TOO_LARGE");
  EXPECT_LE(zeros.calls(), 17);
}

TEST(LayerLimits, Cancellation) {
  CancelSource cancel;
  cancel.Cancel();
  StringSource source(TarBuilder().AddFile("f", "x").Finish());
  KeepingVisitor visitor;
  LayerBudget budget;
  EXPECT_EQ(
      ReasonOf(ReadLayer(source, budget, visitor, cancel.token()).status()),
      "CANCELLED");
  EXPECT_TRUE(visitor.seen().empty());
}

TEST(LayerLimits, ErrorsOfTheSourceStayWhatTheyAre) {
  const std::string layer =
      TarBuilder().AddFile("f", std::string(100'000, 'x')).Finish();
  for (const std::string& blob : {layer, Gzip(layer), Zstd(layer)}) {
    for (const size_t cut : {size_t{1}, size_t{40}, size_t{700}}) {
      FailingSource source(blob.substr(0, cut));
      KeepingVisitor visitor;
      LayerBudget budget;
      EXPECT_EQ(
          ReasonOf(ReadLayer(source, budget, visitor, CancelToken()).status()),
          "TEST_SOURCE");
    }
  }
}

TEST(LayerLimits, ErrorsOfTheVisitorStayWhatTheyAre) {
  const std::string layer =
      TarBuilder().AddFile("a", "x").AddFile("b", "y").Finish();
  for (const int at : {0, 1}) {
    KeepingVisitor visitor(at);
    EXPECT_EQ(ReasonOf(Read(layer, visitor).status()), "TEST_VISITOR");
    EXPECT_EQ(visitor.seen().size(), static_cast<size_t>(at));
  }
}

}  // namespace
}  // namespace bottled
