#include "bottle/compose.h"

#include <set>
#include <string_view>

#include "bottle/yaml_text.h"
#include "fmt/format.h"

namespace bottled {
namespace {

// compose replaces $NAME in every value, after it parsed the YAML.
std::string Quoted(std::string_view text) {
  std::string doubled;
  for (const char c : text) {
    doubled += c;
    if (c == '$') {
      doubled += c;
    }
  }
  return YamlQuoted(doubled);
}

// The long syntax, because it never makes a source that is not there.
void AddMount(std::string_view source, std::string_view target, bool read_only,
              std::string& out) {
  out += fmt::format(
      "      - type: bind\n"
      "        source: {}\n"
      "        target: {}\n"
      "        read_only: {}\n",
      Quoted(source), Quoted(target), read_only);
}

std::string Volumes(const std::vector<RenderedGate>& gates,
                    const ComposeOptions& options) {
  std::string out;
  for (const RenderedGate& gate : gates) {
    const std::string dir = options.state_dir + "/" + gate.name + "/";
    for (const GateFile& file : gate.output.files) {
      if (!file.target.empty()) {
        AddMount(dir + file.path, file.target, true, out);
      }
    }
    for (const GateMount& mount : gate.output.directories) {
      AddMount(dir + mount.source, mount.target, mount.read_only, out);
    }
    for (const GateMount& mount : gate.output.mounts) {
      AddMount(mount.source, mount.target, mount.read_only, out);
    }
  }
  return out;
}

// Interpolated by compose, an unset or empty variable being an error.
std::string Environment(const std::vector<RenderedGate>& gates) {
  std::string out;
  for (const RenderedGate& gate : gates) {
    for (const EnvRef& ref : gate.output.env_refs) {
      out += fmt::format("      {}: {}\n", Quoted(ref.name),
                         YamlQuoted(fmt::format("${{{}:?not set}}", ref.from)));
    }
  }
  return out;
}

std::string Ports(const GateInput& input,
                  const std::vector<RenderedGate>& gates) {
  std::string out;
  if (input.addresses.mode != EndpointMode::kLoopback) {
    return out;
  }
  const std::string ip = input.addresses.loopback_ip.ToString();
  for (const RenderedGate& gate : gates) {
    if (gate.port != 0) {
      out += fmt::format(
          "      - {}\n",
          Quoted(fmt::format("{}:{}:{}", ip, gate.port, gate.port)));
    }
  }
  return out;
}

std::string ExtraHosts(const Manifest& manifest) {
  std::set<std::string> lines;
  for (const GitRepo& repo : manifest.bottle.repos) {
    for (const ExtraHost& extra : repo.extra_hosts) {
      lines.insert(fmt::format("{}:{}", extra.host, extra.ip));
    }
  }
  std::string out;
  for (const std::string& line : lines) {
    out += fmt::format("      - {}\n", Quoted(line));
  }
  return out;
}

// A key with a list or map below it, or nothing when that is empty.
std::string Block(std::string_view key, const std::string& body) {
  return body.empty() ? "" : fmt::format("    {}:\n{}", key, body);
}

}  // namespace

std::string RenderCompose(const GateInput& input,
                          const std::vector<RenderedGate>& gates,
                          const ComposeOptions& options) {
  const Identity& identity = input.identity;
  const Addresses& addresses = input.addresses;
  const std::string slug = Quoted(identity.slug);
  std::string out = fmt::format(
      "services:\n"
      "  bundle:\n"
      "    image: {}\n"
      "    container_name: {}\n"
      "    restart: \"no\"\n"
      "    security_opt:\n"
      "      - \"no-new-privileges:true\"\n"
      "    cap_drop:\n"
      "      - \"ALL\"\n"
      // The files are 0600 and the user's, the container's root is not.
      "    cap_add:\n"
      "      - \"DAC_OVERRIDE\"\n"
      "    labels:\n"
      "      \"bottled.slug\": {}\n",
      Quoted(options.bundle_image), Quoted(identity.container), slug);
  out += Block("environment", Environment(gates));
  out += Block("volumes", Volumes(gates, options));
  out += Block("ports", Ports(input, gates));
  out += Block("extra_hosts", ExtraHosts(input.manifest));
  out += fmt::format(
      "    networks:\n"
      "      bundle:\n"
      "        ipv4_address: {}\n"
      "networks:\n"
      "  bundle:\n"
      "    name: {}\n"
      "    driver: bridge\n"
      "    internal: false\n"
      "    ipam:\n"
      "      driver: default\n"
      "      config:\n"
      "        - subnet: {}\n"
      "          gateway: {}\n"
      "    labels:\n"
      "      \"bottled.slug\": {}\n",
      Quoted(addresses.bundle_ip.ToString()), Quoted(identity.network),
      Quoted(addresses.subnet.ToString()), Quoted(addresses.gateway.ToString()),
      slug);
  return out;
}

}  // namespace bottled
