// References: what is accepted must read back as itself.

#include <cstdlib>

#include "fuzz/bytes.h"
#include "image/reference.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace bottled;
  const std::string_view text = AsText(data, size);
  (void)LooksLikeImageId(text);
  for (const auto& parsed :
       {ParseReference(text), ParseNormalizedReference(text)}) {
    if (parsed.ok()) {
      const absl::StatusOr<Reference> again =
          ParseReference(parsed->ToString());
      if (!again.ok() || again->ToString() != parsed->ToString()) {
        std::abort();
      }
    }
  }
  return 0;
}
