// Never compiled so far: there was no macOS machine.
#include "platform/file_hints.h"

namespace bottled {

void StartWriteback(int /*fd*/, int64_t /*offset*/, int64_t /*length*/) {}

void DiscardRange(int /*fd*/, int64_t /*offset*/, int64_t /*length*/) {}

void DropCached(int /*fd*/, int64_t /*offset*/, int64_t /*length*/) {}

}  // namespace bottled
