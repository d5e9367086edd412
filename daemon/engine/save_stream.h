// SaveStream: the body of `GET /images/{id}/get` as a ByteSource.

#ifndef BOTTLED_ENGINE_SAVE_STREAM_H_
#define BOTTLED_ENGINE_SAVE_STREAM_H_

#include <chrono>
#include <memory>

#include "base/cancel.h"
#include "engine/http_exchange.h"
#include "image/byte_source.h"

namespace bottled {

// Bytes of one block. Large, because the reader does work per block; small
// beside what the daemon may use.
inline constexpr size_t kSaveBlockBytes = 1 << 20;

// Takes over an exchange whose head was read. Destruction closes the
// connection. Not thread-safe.
class SaveStream final : public ByteSource {
 public:
  // `first_silence` holds until the first byte, `silence` afterwards.
  SaveStream(std::unique_ptr<HttpExchange> exchange,
             std::chrono::milliseconds first_silence,
             std::chrono::milliseconds silence, CancelToken cancel);

  absl::StatusOr<std::string_view> Next() override;

 private:
  std::unique_ptr<HttpExchange> exchange_;
  std::chrono::milliseconds silence_;
  const std::chrono::milliseconds later_silence_;
  const CancelToken cancel_;
  // The end, clean or not, is remembered; the connection is closed with it.
  absl::Status end_;
};

}  // namespace bottled

#endif  // BOTTLED_ENGINE_SAVE_STREAM_H_
