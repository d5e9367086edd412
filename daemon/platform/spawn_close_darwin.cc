// This file was never compiled, as no macOS machine was at hand.

#include "platform/spawn_close.h"

namespace bottled {

int CloseOthersInChild(int, posix_spawn_file_actions_t*, short* flags) {
  *flags = static_cast<short>(*flags | POSIX_SPAWN_CLOEXEC_DEFAULT);
  return 0;
}

}  // namespace bottled
