#include "bottle/manifest_values.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>

#include "base/status_macros.h"
#include "bottle/manifest_errors.h"
#include "fmt/format.h"

namespace bottled {
namespace {

constexpr size_t kMaxName = 63;
constexpr size_t kMaxEnvName = 255;
constexpr size_t kMaxRepoName = 100;
constexpr size_t kMaxHost = 253;
constexpr size_t kMaxLabel = 63;
constexpr size_t kMaxUrl = 2048;
constexpr size_t kMaxPath = 4096;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }
bool IsAlnum(char c) { return IsDigit(c) || IsLower(c) || IsUpper(c); }

// All characters satisfy `is_one`, one of `more` included.
template <typename Predicate>
bool All(std::string_view text, Predicate is_one, std::string_view more = "") {
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return is_one(c) || more.find(c) != std::string_view::npos;
  });
}

std::string Lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    c = IsUpper(c) ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return out;
}

bool IsIpv4(const std::string& text) {
  in_addr address = {};
  return ::inet_pton(AF_INET, text.c_str(), &address) == 1;
}

bool IsName(std::string_view text, bool upper) {
  const auto one = [upper](char c) {
    return IsDigit(c) || IsLower(c) || (upper && IsUpper(c));
  };
  return !text.empty() && text.size() <= kMaxRepoName && one(text.front()) &&
         All(text, one, "._-") && text.find("..") == std::string_view::npos;
}

// Null when `host` (lower case) is one, else why it is none.
const char* WhyNoHost(const std::string& host, size_t min_labels) {
  if (host.size() > kMaxHost) {
    return "longer than 253 bytes";
  }
  if (IsIpv4(host)) {
    return nullptr;
  }
  size_t labels = 0;
  std::string_view rest = host;
  while (true) {
    const size_t end = rest.find('.');
    const std::string_view label = rest.substr(0, end);
    if (!All(label, IsAlnum, "-")) {
      return "only letters, digits, hyphens and dots";
    }
    if (label.empty() || label.size() > kMaxLabel || label.starts_with('-') ||
        label.ends_with('-')) {
      return "a part between dots is empty, too long, or has a hyphen at its "
             "edge";
    }
    ++labels;
    if (end == std::string_view::npos) {
      // Resolvers read 1.2.3 and 0x7f000001 as addresses.
      if (All(label, IsDigit) || label.starts_with("0x")) {
        return "a number at the end, but no IPv4 address";
      }
      break;
    }
    rest.remove_prefix(end + 1);
  }
  return labels < min_labels ? "too few parts between dots" : nullptr;
}

// What git makes of a path in a URL; nullopt when an escape is broken.
std::optional<std::string> PercentDecode(std::string_view text) {
  const auto digit = [](char c) -> int {
    return IsDigit(c)               ? c - '0'
           : (c >= 'a' && c <= 'f') ? c - 'a' + 10
           : (c >= 'A' && c <= 'F') ? c - 'A' + 10
                                    : -1;
  };
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (i + 2 >= text.size()) {
      return std::nullopt;
    }
    const int value = digit(text[i + 1]) * 16 + digit(text[i + 2]);
    if (digit(text[i + 1]) < 0 || digit(text[i + 2]) < 0) {
      return std::nullopt;
    }
    out += static_cast<char>(value);
    i += 2;
  }
  return out;
}

bool HasDotDotComponent(std::string_view path) {
  while (true) {
    const size_t end = path.find('/');
    if (path.substr(0, end) == "..") {
      return true;
    }
    if (end == std::string_view::npos) {
      return false;
    }
    path.remove_prefix(end + 1);
  }
}

// Null when `path`, which begins with '/', may be a URL's.
const char* WhyNoUrlPath(std::string_view path) {
  const std::optional<std::string> decoded = PercentDecode(path);
  if (!decoded.has_value()) {
    return "a broken % escape";
  }
  if (path.find(' ') != std::string_view::npos || HasControl(path) ||
      HasControl(*decoded)) {
    return "the path has a space or a control character";
  }
  // git hands it to the server's shell, quoted; nothing that a shell would
  // take for its own is needed there.
  if (decoded->find_first_of("'\"`\\$;&|<>()*?!{}[]#^") != std::string::npos) {
    return "the path has a character that means something to a shell";
  }
  if (HasDotDotComponent(*decoded)) {
    return "the path has ..";
  }
  return path.find_first_not_of('/') == std::string_view::npos
             ? "it has no path"
             : nullptr;
}

bool IsPort(std::string_view text) {
  int value = 0;
  for (const char c : text) {
    value = value * 10 + (c - '0');
  }
  return !text.empty() && value >= 1 && value <= 65535;
}

}  // namespace

bool IsManifestName(std::string_view text) {
  const auto one = [](char c) { return IsDigit(c) || IsLower(c); };
  return !text.empty() && text.size() <= kMaxName && one(text.front()) &&
         All(text, one, "-");
}

bool IsEnvName(std::string_view text) {
  return !text.empty() && text.size() <= kMaxEnvName &&
         !IsDigit(text.front()) && All(text, IsAlnum, "_");
}

bool IsReservedEnv(std::string_view name) {
  constexpr std::array<std::string_view, 10> kNames = {
      "HTTPS_PROXY",  "HTTP_PROXY",       "https_proxy", "http_proxy",
      "NO_PROXY",     "no_proxy",         "ALL_PROXY",   "all_proxy",
      "GIT_GATE_URL", "MCP_SUPERVISE_URL"};
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end() ||
         name.starts_with("SMOLVM_") || name.starts_with("BOTTLED_");
}

bool LooksLikeSecret(std::string_view value) {
  struct Shape {
    std::string_view prefix;
    size_t min_bytes;
  };
  // Lengths keep words such as "sk-learn" out.
  constexpr Shape kShapes[] = {
      {"ghp_", 12},   {"gho_", 12},  {"ghu_", 12},        {"ghs_", 12},
      {"ghr_", 12},   {"sk-", 19},   {"AKIA", 20},        {"ASIA", 20},
      {"xoxb-", 12},  {"xoxp-", 12}, {"xoxa-", 12},       {"xoxr-", 12},
      {"glpat-", 12}, {"npm_", 20},  {"github_pat_", 15}, {"sk-ant-", 10}};
  for (const Shape& shape : kShapes) {
    if (value.starts_with(shape.prefix) && value.size() >= shape.min_bytes &&
        All(value, IsAlnum, "_-+/=.")) {
      return true;
    }
  }
  // A JSON Web Token: three parts of base64url, the first begins with {".
  const bool token = value.starts_with("eyJ") && value.size() >= 20 &&
                     std::count(value.begin(), value.end(), '.') == 2 &&
                     All(value, IsAlnum, "_-.");
  return token || value.find("-----BEGIN") != std::string_view::npos;
}

bool IsHttpToken(std::string_view text) {
  return !text.empty() && text.size() <= kMaxName &&
         All(text, IsAlnum, "!#$%&'*+-.^_`|~");
}

bool IsHostKey(std::string_view text) {
  constexpr std::array<std::string_view, 7> kTypes = {
      "ssh-ed25519",
      "ssh-rsa",
      "ecdsa-sha2-nistp256",
      "ecdsa-sha2-nistp384",
      "ecdsa-sha2-nistp521",
      "sk-ssh-ed25519@openssh.com",
      "sk-ecdsa-sha2-nistp256@openssh.com"};
  const size_t space = text.find(' ');
  if (space == std::string_view::npos || text.size() > kMaxPath ||
      std::find(kTypes.begin(), kTypes.end(), text.substr(0, space)) ==
          kTypes.end()) {
    return false;
  }
  std::string_view key = text.substr(space + 1);
  for (int i = 0; i < 2 && key.ends_with('='); ++i) {
    key.remove_suffix(1);
  }
  return !key.empty() && All(key, IsAlnum, "+/");
}

bool IsRepoName(std::string_view text) { return IsName(text, false); }

bool IsSkillName(std::string_view text) { return IsName(text, true); }

bool HasControl(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
}

bool HasDotDot(std::string_view path) {
  const std::optional<std::string> decoded = PercentDecode(path);
  return HasDotDotComponent(path) ||
         (decoded.has_value() && HasDotDotComponent(*decoded));
}

absl::StatusOr<std::string> ReadHost(std::string_view text, bool egress,
                                     const Origin& at, std::string_view what) {
  std::string host = Lower(text);
  const bool wildcard = egress && host.starts_with("*.");
  const std::string name = wildcard ? host.substr(2) : host;
  if (const char* why = WhyNoHost(name, egress ? 2 : 1); why != nullptr) {
    return ManifestBadHost(at, what, why);
  }
  if (wildcard && IsIpv4(name)) {
    return ManifestBadHost(at, what, "an address has no names under it");
  }
  return host;
}

absl::StatusOr<std::string> ReadSshUrl(std::string_view text, const Origin& at,
                                       std::string_view what) {
  constexpr std::string_view kScheme = "ssh://";
  const auto bad = [&](std::string_view why) {
    return ManifestBadUrl(at, what, why);
  };
  if (text.size() > kMaxUrl) {
    return bad("longer than 2048 bytes");
  }
  const bool is_url = text.starts_with(kScheme);
  if (!is_url && text.find("://") != std::string_view::npos) {
    return bad("only ssh is supported");
  }
  std::string_view rest = is_url ? text.substr(kScheme.size()) : text;
  const size_t user_end = rest.find_first_of("@/");
  if (user_end == std::string_view::npos || rest[user_end] != '@') {
    return bad("it has no user");
  }
  const std::string_view user = rest.substr(0, user_end);
  // A name that begins with a hyphen is an option to ssh.
  if (user.empty() || user.starts_with('-') || !All(user, IsAlnum, "._-")) {
    return bad(
        "the user may have letters, digits, dots, hyphens and "
        "underscores only");
  }
  rest.remove_prefix(user_end + 1);
  const size_t host_end = rest.find_first_of(is_url ? ":/" : ":");
  if (host_end == std::string_view::npos) {
    return bad("it has no path");
  }
  const std::string host = Lower(rest.substr(0, host_end));
  if (const char* why = WhyNoHost(host, 1); why != nullptr) {
    return bad(fmt::format("its host is none: {}", why));
  }
  const bool colon = rest[host_end] == ':';
  rest.remove_prefix(host_end + (colon ? 1 : 0));
  std::string port;
  if (is_url && colon) {
    const size_t slash = std::min(rest.find('/'), rest.size());
    port = rest.substr(0, slash);
    if (port.size() > 5 || !All(port, IsDigit) || !IsPort(port)) {
      return bad("the port is not 1 to 65535");
    }
    rest.remove_prefix(slash);
  }
  std::string path(rest);
  if (!is_url && !path.starts_with('/')) {
    path.insert(0, "/");
  }
  if (const char* why = WhyNoUrlPath(path); why != nullptr) {
    return bad(why);
  }
  const std::string suffix =
      port.empty() || std::stoi(port) == 22 ? "" : ":" + port;
  return fmt::format("{}{}@{}{}{}", kScheme, user, host, suffix, path);
}

std::string CanonicalIp(std::string_view text) {
  const std::string copy(text);
  if (copy.find('\0') != std::string::npos) {
    return "";
  }
  char out[INET6_ADDRSTRLEN] = {};
  in6_addr address = {};
  for (const int family : {AF_INET, AF_INET6}) {
    if (::inet_pton(family, copy.c_str(), &address) == 1 &&
        ::inet_ntop(family, &address, out, sizeof(out)) != nullptr) {
      return out;
    }
  }
  return "";
}

absl::StatusOr<std::string> ReadPath(std::string_view text,
                                     std::string_view home,
                                     std::string_view base, const Origin& at,
                                     std::string_view what) {
  if (text.empty() || text.size() > kMaxPath || HasControl(text)) {
    return ManifestBadValue(at, what, "must be a path");
  }
  if (HasDotDotComponent(text)) {
    return ManifestBadValue(at, what, "must not have .. in it");
  }
  std::filesystem::path path;
  if (text.starts_with('/')) {
    path = text;
  } else if (text.starts_with("~/")) {
    path = std::filesystem::path(home) / text.substr(2);
  } else if (!text.starts_with('~') && !base.empty()) {
    path = std::filesystem::path(base) / text;
  } else {
    return ManifestBadValue(at, what, "must begin with / or ~/");
  }
  return path.lexically_normal().string();
}

}  // namespace bottled
