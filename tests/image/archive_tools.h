// What the tests of the layer and archive readers share.

#ifndef BOTTLED_TESTS_IMAGE_ARCHIVE_TOOLS_H_
#define BOTTLED_TESTS_IMAGE_ARCHIVE_TOOLS_H_

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "image/archive_reader.h"
#include "image/byte_source.h"
#include "image/layer_reader.h"
#include "image/tar_builder.h"

namespace bottled {

// A string as a source, in blocks of a chosen size.
class StringSource : public ByteSource {
 public:
  explicit StringSource(std::string text, size_t block = 4096)
      : text_(std::move(text)), block_(block) {}

  absl::StatusOr<std::string_view> Next() override;

 private:
  const std::string text_;
  const size_t block_;
  size_t at_ = 0;
};

// One entry with its content.
struct Seen {
  Entry entry;
  std::string content;
};

// Keeps all that it is given. `fail_at` >= 0: the entry of that number is
// answered with an error of reason TEST_VISITOR.
class KeepingVisitor : public EntryVisitor {
 public:
  explicit KeepingVisitor(int fail_at = -1) : fail_at_(fail_at) {}

  absl::Status OnEntry(const Entry& entry) override;
  absl::Status OnData(std::string_view data) override;

  const std::vector<Seen>& seen() const { return seen_; }
  // The entry at `path`; an empty one when there is none.
  Seen Find(std::string_view path) const;
  std::vector<std::string> Paths() const;

 private:
  const int fail_at_;
  std::vector<Seen> seen_;
};

// Keeps the layers of an archive.
class KeepingConsumer : public LayerConsumer {
 public:
  absl::StatusOr<EntryVisitor*> BeginLayer() override;
  absl::StatusOr<int> EndLayer(bool valid) override;

  const KeepingVisitor& layer(int handle) const {
    return *layers_[static_cast<size_t>(handle)];
  }
  int begun() const { return begun_; }
  int invalid() const { return invalid_; }

 private:
  std::vector<std::unique_ptr<KeepingVisitor>> layers_;
  bool open_ = false;
  int begun_ = 0;
  int invalid_ = 0;
};

// An image of two small layers with an environment and a user.
TestImage TwoLayers();

// Reads `layer` with fresh limits.
absl::StatusOr<LayerInfo> Read(const std::string& layer, EntryVisitor& visitor,
                               const ImageLimits& limits = {});
absl::StatusOr<ArchiveImage> ReadTar(const std::string& archive,
                                     const ArchiveOptions& options = {});

// The reason of a failure; "OK" for success.
std::string ReasonOf(const absl::Status& status);

std::string ReadTestFile(const std::string& name);

// One gzip member, one zstd frame.
std::string Gzip(const std::string& text);
std::string Zstd(const std::string& text);

}  // namespace bottled

#endif  // BOTTLED_TESTS_IMAGE_ARCHIVE_TOOLS_H_
