#include "engine/networks.h"

#include <optional>
#include <utility>

#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/errors.h"
#include "image/json.h"

namespace bottled {
namespace {

using nlohmann::json;

constexpr size_t kMaxLabel = 512;

absl::Status Invalid(const char* what) {
  return EngineAnswerInvalid(std::string("the list of networks ") + what);
}

bool IsObjectOrNull(const json& value) {
  return value.is_object() || value.is_null();
}

// A string member; "" when it is null or absent.
absl::StatusOr<std::string> Text(const json& object, const char* name) {
  std::string text;
  if (!ReadText(Member(object, name), &text)) {
    return Invalid("has a member of the wrong type");
  }
  return Printable(text, kMaxLabel);
}

absl::StatusOr<std::vector<std::string>> Subnets(const json& network) {
  const json& ipam = Member(network, "IPAM");
  const json& configs = Member(ipam, "Config");
  if (!IsObjectOrNull(ipam) || !(configs.is_array() || configs.is_null())) {
    return Invalid("has an IPAM that cannot be read");
  }
  std::vector<std::string> subnets;
  for (const json& config : configs) {
    if (!config.is_object()) {
      return Invalid("has an IPAM that cannot be read");
    }
    ASSIGN_OR_RETURN(std::string subnet, Text(config, "Subnet"));
    if (!subnet.empty() && subnet.find(':') == std::string::npos) {
      subnets.push_back(std::move(subnet));
    }
  }
  return subnets;
}

absl::StatusOr<EngineNetwork> ParseNetwork(const json& item) {
  if (!item.is_object()) {
    return Invalid("has an element that is no object");
  }
  EngineNetwork network;
  ASSIGN_OR_RETURN(network.name, Text(item, "Name"));
  if (network.name.empty()) {
    return Invalid("has a network without a name");
  }
  ASSIGN_OR_RETURN(network.id, Text(item, "Id"));
  ASSIGN_OR_RETURN(network.driver, Text(item, "Driver"));
  ASSIGN_OR_RETURN(network.subnets, Subnets(item));
  const json& labels = Member(item, "Labels");
  if (!IsObjectOrNull(labels)) {
    return Invalid("has labels that are no object");
  }
  for (const auto& [key, value] : labels.items()) {
    std::string text;
    if (!ReadText(value, &text)) {
      return Invalid("has a label that is no text");
    }
    network.labels[Printable(key, kMaxLabel)] = Printable(text, kMaxLabel);
  }
  return network;
}

}  // namespace

absl::StatusOr<std::vector<EngineNetwork>> ParseNetworks(
    std::string_view text) {
  const std::optional<json> list = ParseJson(text);
  if (!list.has_value() || !list->is_array()) {
    return Invalid("is not a JSON array");
  }
  std::vector<EngineNetwork> networks;
  networks.reserve(list->size());
  for (const json& item : *list) {
    ASSIGN_OR_RETURN(EngineNetwork network, ParseNetwork(item));
    networks.push_back(std::move(network));
  }
  return networks;
}

}  // namespace bottled
