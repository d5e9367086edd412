// An engine's answers to inspect.

#include "engine/inspect.h"
#include "fuzz/bytes.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  (void)bottled::ParseInspect(bottled::AsText(data, size));
  return 0;
}
