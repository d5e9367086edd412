#include "app/pool_options.h"

#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "fmt/format.h"

namespace bottled {
namespace {

// "a.b.c.d/n, …"; empty text is an empty list.
absl::StatusOr<std::vector<Ipv4Net>> ParseNetworks(std::string_view key,
                                                   std::string_view text) {
  std::vector<Ipv4Net> networks;
  while (!text.empty()) {
    const size_t comma = text.find(',');
    std::string_view part = text.substr(0, comma);
    text = comma == std::string_view::npos ? "" : text.substr(comma + 1);
    while (part.starts_with(' ')) {
      part.remove_prefix(1);
    }
    while (part.ends_with(' ')) {
      part.remove_suffix(1);
    }
    const std::optional<Ipv4Net> network = Ipv4Net::Parse(part);
    if (!network.has_value()) {
      return MakeError(
          absl::StatusCode::kInvalidArgument, "BAD_CONFIG",
          fmt::format("{}: \"{}\" is no IPv4 network", key, Printable(part)),
          "Write networks as a.b.c.d/n, with commas between them.");
    }
    networks.push_back(*network);
  }
  return networks;
}

}  // namespace

absl::StatusOr<PoolOptions> MakePoolOptions(const Options& options) {
  PoolOptions pool;
  if (!options.address_pools.empty()) {
    ASSIGN_OR_RETURN(pool.pools,
                     ParseNetworks("address-pools", options.address_pools));
  }
  ASSIGN_OR_RETURN(pool.avoid,
                   ParseNetworks("address-avoid", options.address_avoid));
  pool.prefix = options.address_prefix;
  RETURN_IF_ERROR(ValidatePoolOptions(pool));
  return pool;
}

}  // namespace bottled
