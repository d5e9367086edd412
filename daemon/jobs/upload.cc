#include "jobs/upload.h"

#include "base/strings.h"
#include "jobs/errors.h"

namespace bottled {
namespace {

constexpr size_t kUploadIdBytes = 16;

class ChannelSource : public ByteSource {
 public:
  ChannelSource(std::shared_ptr<UploadChannel> channel, CancelToken cancel)
      : channel_(std::move(channel)), cancel_(std::move(cancel)) {}

  absl::StatusOr<std::string_view> Next() override {
    absl::StatusOr<std::string> block = channel_->Pop(cancel_);
    if (!block.ok()) {
      return block.status();
    }
    block_ = *std::move(block);
    return std::string_view(block_);
  }

 private:
  const std::shared_ptr<UploadChannel> channel_;
  const CancelToken cancel_;
  std::string block_;
};

}  // namespace

std::unique_ptr<ByteSource> UploadReader::Open(CancelToken cancel) {
  return std::make_unique<ChannelSource>(channel_, std::move(cancel));
}

absl::StatusOr<Uploads::Upload> Uploads::Create(
    std::chrono::milliseconds timeout) {
  auto channel = std::make_shared<UploadChannel>(
      std::chrono::steady_clock::now() + timeout);
  Upload upload{.id = RandomHex(kUploadIdBytes),
                .reader = std::make_shared<UploadReader>(channel)};
  MutexLock lock(mu_);
  std::erase_if(waiting_,
                [](const auto& entry) { return entry.second.expired(); });
  if (static_cast<int>(waiting_.size()) >= kMaxWaiting) {
    return TooManyUploads(kMaxWaiting);
  }
  waiting_.emplace(upload.id, std::move(channel));
  return upload;
}

absl::StatusOr<std::unique_ptr<UploadWriter>> Uploads::Take(
    const std::string& id) {
  std::shared_ptr<UploadChannel> channel;
  {
    MutexLock lock(mu_);
    if (const auto it = waiting_.find(id); it != waiting_.end()) {
      channel = it->second.lock();
      waiting_.erase(it);
    }
  }
  if (channel == nullptr || !channel->Attach()) {
    return UploadNotFound(id);
  }
  return std::make_unique<UploadWriter>(std::move(channel));
}

}  // namespace bottled
