// Whole archives, as an engine or a user sends them.

#include "fuzz/bytes.h"
#include "image/archive_reader.h"

namespace bottled {
namespace {

class Discard : public LayerConsumer, public EntryVisitor {
 public:
  absl::StatusOr<EntryVisitor*> BeginLayer() override { return this; }
  absl::StatusOr<int> EndLayer(bool valid) override {
    return valid ? handles_++ : -1;
  }
  absl::Status OnEntry(const Entry& /*entry*/) override {
    return absl::OkStatus();
  }
  absl::Status OnData(std::string_view /*data*/) override {
    return absl::OkStatus();
  }

 private:
  int handles_ = 0;
};

}  // namespace
}  // namespace bottled

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bottled::BytesSource source(bottled::AsText(data, size), 700);
  bottled::Discard discard;
  bottled::ArchiveOptions options;
  options.platform = bottled::HostPlatform();
  options.limits = {.max_entries = 1000,
                    .max_unpacked_bytes = 1 << 20,
                    .max_json_bytes = 1 << 16,
                    .max_archive_members = 1000};
  (void)bottled::ReadArchive(source, options, discard, nullptr,
                             bottled::CancelToken());
  return 0;
}
