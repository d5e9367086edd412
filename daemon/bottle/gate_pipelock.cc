#include "bottle/gate_pipelock.h"

#include <optional>
#include <set>
#include <string>

#include "base/status_macros.h"
#include "bottle/gate_checks.h"
#include "bottle/ipv4.h"
#include "bottle/yaml_text.h"
#include "fmt/format.h"

namespace bottled {
namespace {

constexpr char kNowhere[] = "blocked.invalid";

// Those of pipelock's own list of internal networks that a route may name.
bool IsPrivate(Ipv4 ip) {
  for (const char* net :
       {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"}) {
    if (Ipv4Net::Parse(net)->Contains(ip)) {
      return true;
    }
  }
  return false;
}

std::string YamlList(std::string_view key, const std::set<std::string>& items) {
  std::string out = fmt::format("{}:\n", key);
  for (const std::string& item : items) {
    out += fmt::format("  - {}\n", YamlQuoted(item));
  }
  return out;
}

}  // namespace

bool PipelockGate::Wanted(const Manifest&) const { return true; }

absl::StatusOr<GateOutput> PipelockGate::Render(const GateInput& input) const {
  RETURN_IF_ERROR(CheckRoutes(name(), input.manifest));
  GateOutput out;
  std::set<std::string> hosts;
  std::set<std::string> trusted;
  for (const EgressRoute& route : input.manifest.bottle.routes) {
    hosts.insert(route.host);
    const std::optional<Ipv4> ip = Ipv4::Parse(route.host);
    if (ip.has_value() && IsPrivate(*ip)) {
      trusted.insert(route.host);
    }
  }
  if (hosts.empty()) {
    hosts.insert(kNowhere);
  }
  std::string text =
      "version: 1\n"
      "mode: strict\n"
      "enforce: true\n";
  text += YamlList("api_allowlist", hosts);
  // Only there it makes pipelock's guard against internal addresses let pass
  // what the allow list names.
  if (!trusted.empty()) {
    text += YamlList("trusted_domains", trusted);
  }
  text += fmt::format(
      "fetch_proxy:\n"
      "  listen: \"0.0.0.0:{}\"\n"
      "forward_proxy:\n"
      "  enabled: true\n"
      "dlp:\n"
      "  include_defaults: true\n"
      "  scan_env: true\n"
      "request_body_scanning:\n"
      "  action: block\n",
      kPipelockPort);
  out.files.push_back({.path = "pipelock.yaml",
                       .content = std::move(text),
                       .target = "/etc/bottled/pipelock/pipelock.yaml"});
  return out;
}

}  // namespace bottled
