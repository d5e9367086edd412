// The daemon's config file.

#include "app/options.h"
#include "fuzz/bytes.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bottled::Options options;
  (void)bottled::ApplyConfig(bottled::AsText(data, size), "fuzz", options);
  return 0;
}
