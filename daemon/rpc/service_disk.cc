// What GetInfo says about the disk.
#include "base/strings.h"
#include "rpc/service.h"

namespace bottled {

void BottledService::FillDisk(v1::DiskInfo* disk) {
  const absl::Status full = deps_.disk.Check();
  disk->set_full(!full.ok());
  disk->set_message(Printable(std::string(full.message())));
  // Limits that cannot be told must not hide the rest.
  if (const absl::StatusOr<CachePolicy> policy = deps_.admission.policy();
      policy.ok()) {
    disk->set_max_bytes(policy->max_bytes);
    disk->set_min_free_bytes(policy->min_free_bytes);
  }
  disk->set_reserved_bytes(deps_.admission.reserved_bytes());
  disk->set_reserve_bytes(deps_.disk.reserve_bytes());
  disk->set_trash_bytes(deps_.objects.trash().PendingBytes());
}

}  // namespace bottled
