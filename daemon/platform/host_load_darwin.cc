#include "platform/host_load.h"

namespace bottled {

HostLoad ReadHostLoad(const std::filesystem::path& /*root*/) { return {}; }

}  // namespace bottled
