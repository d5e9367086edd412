// The address pools that the options name.

#ifndef BOTTLED_APP_POOL_OPTIONS_H_
#define BOTTLED_APP_POOL_OPTIONS_H_

#include "absl/status/statusor.h"
#include "app/options.h"
#include "bottle/address_pool.h"

namespace bottled {

// Reason BAD_CONFIG for text that is no list of networks, BAD_ADDRESS_POOL for
// pools that cannot work.
absl::StatusOr<PoolOptions> MakePoolOptions(const Options& options);

}  // namespace bottled

#endif  // BOTTLED_APP_POOL_OPTIONS_H_
