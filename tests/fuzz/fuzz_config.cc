// Image configs.

#include "fuzz/bytes.h"
#include "image/config.h"
#include "image/content_key.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace bottled;
  const absl::StatusOr<ImageConfig> config =
      ParseImageConfig(AsText(data, size));
  if (config.ok()) {
    (void)ContentKeyInputs(*config, PackOptions(), "native/1");
  }
  return 0;
}
