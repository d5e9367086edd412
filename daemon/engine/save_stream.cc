#include "engine/save_stream.h"

#include <utility>

namespace bottled {

SaveStream::SaveStream(std::unique_ptr<HttpExchange> exchange,
                       std::chrono::milliseconds first_silence,
                       std::chrono::milliseconds silence, CancelToken cancel)
    : exchange_(std::move(exchange)),
      silence_(first_silence),
      later_silence_(silence),
      cancel_(std::move(cancel)) {}

absl::StatusOr<std::string_view> SaveStream::Next() {
  if (exchange_ == nullptr) {
    if (!end_.ok()) {
      return end_;
    }
    return std::string_view();
  }
  absl::StatusOr<std::string_view> block =
      exchange_->ReadBlock(silence_, cancel_);
  if (!block.ok()) {
    end_ = block.status();
    exchange_.reset();
  } else if (block->empty()) {
    exchange_.reset();
  } else {
    silence_ = later_silence_;
  }
  return block;
}

}  // namespace bottled
