#include "client/describe_bottles.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "client/describe.h"
#include "client/table.h"
#include "fmt/format.h"

namespace bottled::client {
namespace {

using Strings = google::protobuf::RepeatedPtrField<std::string>;
using Pairs = std::vector<std::pair<std::string, std::string>>;

// Not Join(): protobuf has one that would be taken.
std::string CommaList(const Strings& texts, std::string_view empty) {
  std::string out;
  for (const std::string& text : texts) {
    out += (out.empty() ? "" : ", ") + text;
  }
  return out.empty() ? std::string(empty) : out;
}

std::string OrDash(const std::string& text) {
  return text.empty() ? "-" : text;
}

// "NAME:" and its lines, or nothing.
std::string Section(std::string_view name, const std::string& lines) {
  return lines.empty() ? "" : fmt::format("\n{}\n{}", name, lines);
}

Pairs PlanPairs(const v1::Plan& plan) {
  const v1::PlanAddresses& addresses = plan.addresses();
  std::string subnet = addresses.subnet();
  if (!addresses.gateway().empty()) {
    subnet += ", gateway " + addresses.gateway();
  }
  if (!subnet.empty() && !addresses.docker_checked()) {
    subnet += " (docker's networks were not looked at)";
  }
  return {
      {"Policy", plan.manifest_digest()},
      {"Machine", plan.machine_name()},
      {"Network", plan.names().network()},
      {"Container", plan.names().container()},
      {"Endpoint",
       addresses.endpoint_ip().empty()
           ? ""
           : fmt::format("{} ({})", addresses.endpoint_ip(), addresses.mode())},
      {"Subnet", subnet},
      {"Artifact", plan.has_artifact() ? plan.artifact().path() : "none yet"},
      {"Prompt", plan.prompt_file()},
      {"Compose file", plan.compose_file()},
      {"Plan file", plan.plan_file()},
  };
}

std::string Gates(const v1::Plan& plan) {
  Table table({"GATE", ">PORT", ">FILES", "TAKES FROM THE LAUNCHER"});
  for (const v1::PlanGate& gate : plan.gates()) {
    std::string refs;
    for (const v1::PlanEnvRef& ref : gate.env_refs()) {
      refs += fmt::format("{}{} as {}", refs.empty() ? "" : ", ", ref.from(),
                          ref.name());
    }
    table.Add({gate.name(),
               gate.port() == 0 ? "-" : fmt::format("{}", gate.port()),
               fmt::format("{}", gate.files_size()), OrDash(refs)});
  }
  return Section("Gates:", table.Format());
}

std::string Lines(const Strings& texts) {
  std::string out;
  for (const std::string& text : texts) {
    out += fmt::format("  {}\n", Printable(text));
  }
  return out;
}

std::string_view LevelWord(v1::Finding::Level level) {
  switch (level) {
    case v1::Finding::LEVEL_OK:
      return "ok";
    case v1::Finding::LEVEL_WARN:
      return "warn";
    case v1::Finding::LEVEL_FAIL:
      return "fail";
    default:
      return "?";
  }
}

std::string_view LevelColor(v1::Finding::Level level) {
  switch (level) {
    case v1::Finding::LEVEL_OK:
      return "\x1b[32m";
    case v1::Finding::LEVEL_FAIL:
      return "\x1b[31m";
    default:
      return "\x1b[33m";
  }
}

std::string Hosts(const v1::PlanPolicy& policy) {
  Table table({"HOST", "PATHS", "AUTHENTICATION", "FROM"});
  for (const v1::PolicyHost& host : policy.hosts()) {
    table.Add(
        {host.host(), CommaList(host.path_allowlist(), "all"),
         host.auth_scheme().empty()
             ? "-"
             : fmt::format("{} from ${}", host.auth_scheme(), host.token_ref()),
         OrDash(host.origin())});
  }
  const std::string text = table.Format();
  return Section("Hosts that the guest can reach:",
                 text.empty() ? "  none\n" : text);
}

std::string Repos(const v1::PlanPolicy& policy) {
  Table table({"REPOSITORY", "URL", "FROM"});
  for (const v1::PolicyRepo& repo : policy.repos()) {
    table.Add({repo.name(), repo.url(), OrDash(repo.origin())});
  }
  return Section("Repositories behind the git gate:", table.Format());
}

std::string Environment(const v1::PlanPolicy& policy) {
  Table table({"VARIABLE", "GUEST", "FROM"});
  for (const v1::PolicyEnv& env : policy.env()) {
    table.Add({env.name(), env.withheld() ? "withheld" : "gets it",
               OrDash(env.origin())});
  }
  return Section("Environment:", table.Format());
}

std::string Warnings(const v1::Plan& plan) {
  return plan.warnings().empty() ? "" : "\n" + DescribeWarnings(plan);
}

}  // namespace

std::string DescribeBottles(const v1::ListBottlesResponse& response,
                            int64_t now_ms) {
  Table table({"BOTTLE", "STATE", "ENDPOINT", "ARTIFACT", "UPDATED", "CWD"});
  for (const v1::Bottle& bottle : response.bottles()) {
    table.Add({bottle.slug(), bottle.state(), OrDash(bottle.endpoint_ip()),
               OrDash(ShortDigest(bottle.artifact())),
               FormatAge(bottle.updated_at(), now_ms), OrDash(bottle.cwd())});
  }
  return table.Format();
}

std::string DescribeBottle(const v1::GetBottleResponse& response) {
  const v1::Bottle& bottle = response.bottle();
  Pairs pairs = {
      {"Bottle", bottle.slug()},
      {"State", bottle.state()},
      {"Agent", bottle.agent()},
      {"Bottles", CommaList(bottle.bottles(), "")},
      {"Directory", bottle.cwd()},
      {"Files", bottle.directory()},
      {"Started", FormatTimestamp(bottle.started_at())},
      {"Updated", FormatTimestamp(bottle.updated_at())},
      {"Revision", fmt::format("{}", bottle.revision())},
  };
  if (!response.has_plan()) {
    return FormatPairs(pairs);
  }
  for (auto& pair : PlanPairs(response.plan())) {
    pairs.push_back(std::move(pair));
  }
  return FormatPairs(pairs) + Gates(response.plan());
}

std::string DescribePlan(const v1::Plan& plan) {
  Pairs pairs = {
      {"Bottle", plan.slug()},
      {"Agent", plan.agent()},
      {"Bottles", CommaList(plan.bottles(), "")},
      {"Directory", plan.cwd() + (plan.copy_cwd() ? " (to be copied)" : "")},
  };
  for (auto& pair : PlanPairs(plan)) {
    pairs.push_back(std::move(pair));
  }
  return FormatPairs(pairs) + Gates(plan) +
         Section("Environment of the guest:", Lines(plan.guest_env())) +
         Warnings(plan);
}

std::string DescribePolicy(const v1::Plan& plan) {
  const v1::PlanPolicy& policy = plan.policy();
  return FormatPairs({
             {"Agent", plan.agent()},
             {"Bottles", CommaList(plan.bottles(), "")},
             {"Policy", plan.manifest_digest()},
         }) +
         Hosts(policy) + Repos(policy) + Environment(policy) +
         Section("Merged from:", Lines(policy.merged_from())) + Warnings(plan);
}

std::string DescribeWarnings(const v1::Plan& plan) {
  std::string out;
  for (const v1::PlanWarning& warning : plan.warnings()) {
    out += fmt::format("warning: {} [{}]\n", Printable(warning.message()),
                       Printable(warning.reason()));
  }
  return out;
}

std::string DescribeChange(const v1::ChangeEvent& event) {
  const std::string id = Printable(event.id());
  switch (event.kind()) {
    case v1::ChangeEvent::KIND_JOB:
      return fmt::format("job {} changed\n", id);
    case v1::ChangeEvent::KIND_ARTIFACT_ADDED:
      return fmt::format("artifact {} added\n", id);
    case v1::ChangeEvent::KIND_ARTIFACT_REMOVED:
      return fmt::format("artifact {} removed\n", id);
    case v1::ChangeEvent::KIND_BOTTLE:
      return fmt::format("bottle {} changed\n", id);
    case v1::ChangeEvent::KIND_BOTTLE_REMOVED:
      return fmt::format("bottle {} removed\n", id);
    case v1::ChangeEvent::KIND_RESET:
      return "everything may have changed\n";
    case v1::ChangeEvent::KIND_HEARTBEAT:
      return "";
    default:
      // Of a newer daemon.
      return fmt::format("something changed: {}\n", id);
  }
}

std::string DescribeFindings(
    const google::protobuf::RepeatedPtrField<v1::Finding>& findings,
    bool color) {
  size_t width = 0;
  for (const v1::Finding& finding : findings) {
    width = std::max(width, DisplayWidth(Printable(finding.check())));
  }
  std::string out;
  for (const v1::Finding& finding : findings) {
    const std::string check = Printable(finding.check());
    out += fmt::format("{}{:<4}{}  {}{}  {}",
                       color ? LevelColor(finding.level()) : "",
                       LevelWord(finding.level()), color ? "\x1b[0m" : "",
                       check, std::string(width - DisplayWidth(check), ' '),
                       Printable(finding.message()));
    if (!finding.reason().empty()) {
      out += fmt::format(" [{}]", Printable(finding.reason()));
    }
    out += "\n";
    if (!finding.remedy().empty()) {
      out += fmt::format("      {}\n", Printable(finding.remedy()));
    }
  }
  return out;
}

int CountFailures(
    const google::protobuf::RepeatedPtrField<v1::Finding>& findings) {
  return static_cast<int>(std::count_if(
      findings.begin(), findings.end(), [](const v1::Finding& finding) {
        return finding.level() == v1::Finding::LEVEL_FAIL;
      }));
}

}  // namespace bottled::client
