#include "image/archive_tools.h"

#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <memory>

#include "base/error.h"

namespace bottled {
namespace {

// The raw format with one filter: what gzip(1) and zstd(1) would write.
std::string Compress(const std::string& text, int (*add_filter)(archive*)) {
  std::string out(text.size() * 2 + 65536, '\0');
  size_t used = 0;
  archive* const writer = archive_write_new();
  archive_write_set_format_raw(writer);
  add_filter(writer);
  archive_write_set_bytes_in_last_block(writer, 1);
  archive_write_open_memory(writer, out.data(), out.size(), &used);
  archive_entry* const entry = archive_entry_new();
  archive_entry_set_filetype(entry, AE_IFREG);
  archive_write_header(writer, entry);
  archive_write_data(writer, text.data(), text.size());
  archive_entry_free(entry);
  archive_write_close(writer);
  archive_write_free(writer);
  out.resize(used);
  return out;
}

}  // namespace

absl::StatusOr<std::string_view> StringSource::Next() {
  const std::string_view block = std::string_view(text_).substr(at_, block_);
  at_ += block.size();
  return block;
}

absl::Status KeepingVisitor::OnEntry(const Entry& entry) {
  if (fail_at_ == static_cast<int>(seen_.size())) {
    return MakeError(absl::StatusCode::kResourceExhausted, "TEST_VISITOR",
                     "the visitor failed", "");
  }
  if (!seen_.empty() && seen_.back().entry.kind == EntryKind::kFile) {
    EXPECT_EQ(seen_.back().content.size(),
              static_cast<size_t>(seen_.back().entry.size));
  }
  seen_.push_back({.entry = entry, .content = {}});
  return absl::OkStatus();
}

absl::Status KeepingVisitor::OnData(std::string_view data) {
  EXPECT_FALSE(seen_.empty());
  EXPECT_FALSE(data.empty());
  EXPECT_EQ(seen_.back().entry.kind, EntryKind::kFile);
  seen_.back().content += data;
  return absl::OkStatus();
}

Seen KeepingVisitor::Find(std::string_view path) const {
  for (const Seen& seen : seen_) {
    if (seen.entry.path == path) {
      return seen;
    }
  }
  ADD_FAILURE() << "no entry " << path;
  return {};
}

std::vector<std::string> KeepingVisitor::Paths() const {
  std::vector<std::string> paths;
  for (const Seen& seen : seen_) {
    paths.push_back(seen.entry.path);
  }
  return paths;
}

absl::StatusOr<EntryVisitor*> KeepingConsumer::BeginLayer() {
  EXPECT_FALSE(open_);
  open_ = true;
  ++begun_;
  layers_.push_back(std::make_unique<KeepingVisitor>());
  return layers_.back().get();
}

absl::StatusOr<int> KeepingConsumer::EndLayer(bool valid) {
  EXPECT_TRUE(open_);
  open_ = false;
  if (!valid) {
    ++invalid_;
    layers_.pop_back();
    return -1;
  }
  return static_cast<int>(layers_.size()) - 1;
}

absl::StatusOr<LayerInfo> Read(const std::string& layer, EntryVisitor& visitor,
                               const ImageLimits& limits) {
  StringSource source(layer);
  LayerBudget budget{.limits = limits};
  return ReadLayer(source, budget, visitor, CancelToken());
}

absl::StatusOr<ArchiveImage> ReadTar(const std::string& archive,
                                     const ArchiveOptions& options) {
  StringSource source(archive);
  KeepingConsumer consumer;
  return ReadArchive(source, options, consumer, nullptr, CancelToken());
}

std::string ReasonOf(const absl::Status& status) {
  return status.ok() ? "OK" : GetErrorDetail(status).reason;
}

std::string ReadTestFile(const std::string& name) {
  std::ifstream file(std::string(BOTTLED_TEST_DATA) + "/" + name,
                     std::ios::binary);
  EXPECT_TRUE(file.is_open()) << name;
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string Gzip(const std::string& text) {
  return Compress(text, archive_write_add_filter_gzip);
}

std::string Zstd(const std::string& text) {
  return Compress(text, archive_write_add_filter_zstd);
}

TestImage TwoLayers() {
  TestImage image;
  image.layers = {TarBuilder().AddFile("a", "one").Finish(),
                  TarBuilder().AddFile("b", "two").Finish()};
  image.config = {{"Env", {"A=b"}}, {"User", "agent"}};
  return image;
}

}  // namespace bottled
