#include "client/machine_check.h"

#include <chrono>
#include <set>

#include "absl/status/statusor.h"
#include "base/error.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "client/capture.h"
#include "client/errors.h"
#include "fmt/format.h"
#include "nlohmann/json.hpp"

namespace bottled::client {
namespace {

using nlohmann::json;

constexpr std::chrono::seconds kTimeout(30);
constexpr size_t kMaxBytes = 4 << 20;
// For one value in a message.
constexpr size_t kMaxShown = 200;

// A member as text; "none" when it is absent.
std::string Show(const json& machine, const char* key) {
  const auto found = machine.find(key);
  if (found == machine.end()) {
    return "none";
  }
  return Printable(found->dump(-1, ' ', false, json::error_handler_t::replace),
                   kMaxShown);
}

// The strings of a list; false when it is no list of strings. Absent = empty.
bool ReadStrings(const json& machine, const char* key,
                 std::multiset<std::string>& out) {
  const auto found = machine.find(key);
  if (found == machine.end() || found->is_null()) {
    return true;
  }
  if (!found->is_array()) {
    return false;
  }
  for (const json& each : *found) {
    if (!each.is_string()) {
      return false;
    }
    out.insert(each.get<std::string>());
  }
  return true;
}

std::string Join(const std::multiset<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) {
    out += (out.empty() ? "" : ", ") + Printable(text, kMaxShown);
  }
  return out.empty() ? "none" : out;
}

void CompareReach(const json& machine, const v1::PlanVerify& verify,
                  std::vector<std::string>& differences) {
  const auto network = machine.find("network");
  if (network == machine.end() || !network->is_boolean() ||
      network->get<bool>() != verify.network()) {
    differences.push_back(fmt::format(
        "network is {}, not {}", Show(machine, "network"), verify.network()));
  }
  std::multiset<std::string> cidrs;
  const std::multiset<std::string> wanted(verify.allowed_cidrs().begin(),
                                          verify.allowed_cidrs().end());
  if (!ReadStrings(machine, "allowed_cidrs", cidrs) || cidrs != wanted) {
    differences.push_back(fmt::format("allowed_cidrs is {}, not exactly {}",
                                      Show(machine, "allowed_cidrs"),
                                      Join(wanted)));
  }
  std::multiset<std::string> hosts;
  if (!ReadStrings(machine, "allowed_hosts", hosts) || !hosts.empty()) {
    differences.push_back(fmt::format("allowed_hosts is {}, not none",
                                      Show(machine, "allowed_hosts")));
  }
  const auto dns = machine.find("dns");
  const bool has_dns = dns != machine.end() && !dns->is_null();
  if (verify.dns().empty() ? has_dns
                           : !has_dns || !dns->is_string() ||
                                 dns->get<std::string>() != verify.dns()) {
    differences.push_back(fmt::format(
        "dns is {}, not {}", Show(machine, "dns"),
        verify.dns().empty() ? "none" : Printable(verify.dns(), kMaxShown)));
  }
}

void CompareLabels(const json& machine, const v1::PlanVerify& verify,
                   std::vector<std::string>& differences) {
  const std::map<std::string, std::string> wanted(verify.labels().begin(),
                                                  verify.labels().end());
  const json labels = machine.value("labels", json::object());
  for (const auto& [name, value] : wanted) {
    const std::string shown = Printable(name, kMaxShown);
    const bool is_there = labels.is_object() && labels.contains(name);
    if (!is_there || !labels[name].is_string() ||
        labels[name].get<std::string>() != value) {
      differences.push_back(
          fmt::format("label {} is {}, not \"{}\"", shown,
                      is_there ? Show(labels, name.c_str()) : "none",
                      Printable(value, kMaxShown)));
    }
  }
}

bool IsCalled(const json& machine, std::string_view name) {
  const auto found = machine.is_object() ? machine.find("name") : machine.end();
  return found != machine.end() && found->is_string() &&
         found->get_ref<const std::string&>() == name;
}

}  // namespace

std::vector<std::string> CompareMachine(std::string_view ls_json,
                                        std::string_view machine,
                                        const v1::PlanVerify& verify) {
  const json list = json::parse(ls_json, nullptr, false);
  if (!list.is_array()) {
    return {"the output of `smolvm machine ls --json` is no list"};
  }
  const json* found = nullptr;
  for (const json& each : list) {
    if (IsCalled(each, machine)) {
      if (found != nullptr) {
        return {"smolvm lists two machines of that name"};
      }
      found = &each;
    }
  }
  if (found == nullptr) {
    return {"smolvm has no such machine"};
  }
  std::vector<std::string> differences;
  CompareReach(*found, verify, differences);
  CompareLabels(*found, verify, differences);
  return differences;
}

absl::Status CheckMachine(const v1::Plan& plan, const std::string& machine,
                          const std::vector<std::string>& env_list,
                          int interrupt_fd) {
  const absl::StatusOr<std::string> output =
      CaptureOutput({.argv = {"smolvm", "machine", "ls", "--json"},
                     .env = env_list,
                     .timeout = kTimeout,
                     .max_bytes = kMaxBytes,
                     .interrupt_fd = interrupt_fd});
  if (HasReason(output.status(), "CAPTURE_FAILED")) {
    return MachineNotVerified(machine, std::string(output.status().message()),
                              plan.slug());
  }
  RETURN_IF_ERROR(output.status());
  const std::vector<std::string> differences =
      CompareMachine(*output, machine, plan.verify());
  if (differences.empty()) {
    return absl::OkStatus();
  }
  std::string why;
  for (const std::string& difference : differences) {
    why += (why.empty() ? "" : "; ") + difference;
  }
  return MachineNotVerified(machine, why, plan.slug());
}

}  // namespace bottled::client
