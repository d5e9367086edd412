// Sidecars: footer and manifest alone, and whole files with a deep check.

#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>

#include "fuzz/bytes.h"
#include "pack/sidecar.h"
#include "pack/verifier.h"
#include "platform/fd.h"
#include "platform/file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace bottled;
  const std::string_view text = AsText(data, size);
  (void)DecodeFooter(text, static_cast<int64_t>(size));
  const absl::StatusOr<SidecarManifest> manifest = DecodeManifest(text);
  if (manifest.ok()) {
    (void)EncodeManifest(*manifest);
  }
  static const Fd file(::memfd_create("sidecar", MFD_CLOEXEC));
  if (::ftruncate(file.get(), 0) != 0 || !PwriteAll(file.get(), text, 0).ok()) {
    std::abort();
  }
  (void)VerifySidecar(file.get(), VerifyDepth::kDeep, CancelToken(), nullptr);
  return 0;
}
