#include "image/reference.h"

#include <algorithm>
#include <regex>

#include "absl/strings/ascii.h"
#include "base/status_macros.h"
#include "image/errors.h"

namespace bottled {
namespace {

constexpr char kDefaultDomain[] = "docker.io";
constexpr char kLegacyDomain[] = "index.docker.io";
constexpr char kLibrary[] = "library/";
constexpr size_t kMaxNameBytes = 255;
constexpr size_t kMaxReferenceBytes = 4096;

// distribution/reference, reference.go and regexp.go, as prose: a domain is
// dotted alphanumeric components or a bracketed IPv6 address, with an optional
// port; path components are lower-case alphanumerics joined by '.', '_', '__'
// or dashes.
const std::regex& DomainPattern() {
  static const std::regex pattern(
      R"(((?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]))"
      R"((?:\.(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]))*)"
      R"(|\[[a-fA-F0-9:]+\])(?::[0-9]+)?)",
      std::regex::optimize);
  return pattern;
}

bool IsLowerAlnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool IsAlnum(char c) { return IsLowerAlnum(c) || (c >= 'A' && c <= 'Z'); }

bool IsHex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

bool IsPathComponent(std::string_view text) {
  if (text.empty() || !IsLowerAlnum(text.front()) ||
      !IsLowerAlnum(text.back())) {
    return false;
  }
  for (size_t i = 0; i < text.size();) {
    if (IsLowerAlnum(text[i])) {
      ++i;
      continue;
    }
    const size_t end =
        std::min(text.size(),
                 static_cast<size_t>(
                     std::find_if(text.begin() + i, text.end(), IsLowerAlnum) -
                     text.begin()));
    const std::string_view separator = text.substr(i, end - i);
    const bool dashes = separator.find_first_not_of('-') == separator.npos;
    if (separator != "." && separator != "_" && separator != "__" && !dashes) {
      return false;
    }
    i = end;
  }
  return true;
}

bool IsPath(std::string_view text) {
  while (true) {
    const size_t slash = text.find('/');
    if (!IsPathComponent(text.substr(0, slash))) {
      return false;
    }
    if (slash == text.npos) {
      return true;
    }
    text.remove_prefix(slash + 1);
  }
}

bool IsDomain(std::string_view text) {
  return text.size() <= kMaxNameBytes &&
         std::regex_match(text.begin(), text.end(), DomainPattern());
}

bool IsTag(std::string_view text) {
  const auto word = [](char c) { return IsAlnum(c) || c == '_'; };
  return !text.empty() && text.size() <= 128 && word(text.front()) &&
         std::all_of(text.begin(), text.end(),
                     [&](char c) { return word(c) || c == '.' || c == '-'; });
}

// "algorithm:hex" by the general grammar, then by the registered algorithms.
absl::Status CheckDigest(std::string_view whole, std::string_view text) {
  const size_t colon = text.find(':');
  const std::string_view algorithm = text.substr(0, colon);
  const std::string_view hex =
      colon == text.npos ? std::string_view() : text.substr(colon + 1);
  const size_t want = algorithm == "sha256"   ? 64
                      : algorithm == "sha384" ? 96
                      : algorithm == "sha512" ? 128
                                              : 0;
  if (want == 0) {
    return BadReference(whole, "its digest has an unsupported algorithm");
  }
  if (hex.size() != want || !std::all_of(hex.begin(), hex.end(), IsHex)) {
    return BadReference(whole, "its digest is malformed");
  }
  return absl::OkStatus();
}

bool IsBareHex64(std::string_view text) {
  return text.size() == 64 && std::all_of(text.begin(), text.end(), IsHex);
}

}  // namespace

std::string Reference::ToString() const {
  std::string text = domain.empty() ? path : domain + "/" + path;
  if (!tag.empty()) {
    text += ":" + tag;
  }
  if (!digest.empty()) {
    text += "@" + digest;
  }
  return text;
}

std::string Reference::Familiar() const {
  Reference shorter = *this;
  if (domain == kDefaultDomain) {
    shorter.domain.clear();
    if (path.starts_with(kLibrary) && path.find('/') == path.rfind('/')) {
      shorter.path = path.substr(sizeof(kLibrary) - 1);
    }
  }
  return shorter.ToString();
}

absl::StatusOr<Reference> ParseReference(std::string_view text) {
  if (text.empty()) {
    return BadReference(text, "it is empty");
  }
  if (text.size() > kMaxReferenceBytes) {
    return BadReference(text, "it is too long");
  }
  Reference reference;
  std::string_view name = text;
  if (const size_t at = name.find('@'); at != name.npos) {
    reference.digest = std::string(name.substr(at + 1));
    RETURN_IF_ERROR(CheckDigest(text, name.substr(at + 1)));
    name = name.substr(0, at);
  }
  // A colon after the last slash separates the tag; one before it, the port.
  const size_t slash = name.rfind('/');
  const size_t colon = name.rfind(':');
  if (colon != name.npos && (slash == name.npos || colon > slash)) {
    reference.tag = std::string(name.substr(colon + 1));
    if (!IsTag(name.substr(colon + 1))) {
      return BadReference(text, "its tag is malformed");
    }
    name = name.substr(0, colon);
  }
  const size_t first = name.find('/');
  if (first != name.npos && IsDomain(name.substr(0, first)) &&
      IsPath(name.substr(first + 1))) {
    reference.domain = std::string(name.substr(0, first));
    reference.path = std::string(name.substr(first + 1));
  } else if (IsPath(name)) {
    reference.path = std::string(name);
  } else {
    std::string lower(name);
    absl::AsciiStrToLower(&lower);
    return BadReference(text, IsPath(lower) ? "a name must be lower-case"
                                            : "its name is malformed");
  }
  if (reference.path.size() > kMaxNameBytes) {
    return BadReference(text, "its name is longer than 255 characters");
  }
  return reference;
}

absl::StatusOr<Reference> ParseNormalizedReference(std::string_view text) {
  if (IsBareHex64(text)) {
    return BadReference(text, "64 hexadecimal digits are an ID, not a name");
  }
  // docker takes the first component as a domain only when it looks like one.
  const size_t slash = text.find('/');
  const std::string_view head =
      slash == text.npos ? std::string_view() : text.substr(0, slash);
  const bool upper = std::any_of(head.begin(), head.end(),
                                 [](char c) { return c >= 'A' && c <= 'Z'; });
  const bool has_domain =
      !head.empty() &&
      (head.find_first_of(".:") != head.npos || head == "localhost" || upper);
  std::string domain(has_domain ? head : std::string_view(kDefaultDomain));
  std::string rest(has_domain ? text.substr(slash + 1) : text);
  if (domain == kLegacyDomain) {
    domain = kDefaultDomain;
  }
  const std::string_view name =
      std::string_view(rest).substr(0, rest.find_first_of("@"));
  if (domain == kDefaultDomain && name.find('/') == name.npos) {
    rest = kLibrary + rest;
  }
  absl::StatusOr<Reference> reference = ParseReference(domain + "/" + rest);
  if (!reference.ok() || reference->domain.empty()) {
    // The message must name what the user typed.
    absl::StatusOr<Reference> plain = ParseReference(text);
    return plain.ok() ? BadReference(text, "its name is malformed")
                      : plain.status();
  }
  if (reference->tag.empty() && reference->digest.empty()) {
    reference->tag = "latest";
  }
  return reference;
}

bool LooksLikeImageId(std::string_view text) {
  if (text.starts_with("sha256:")) {
    return IsBareHex64(text.substr(7));
  }
  return text.size() >= 12 && text.size() <= 64 &&
         std::all_of(text.begin(), text.end(), IsHex);
}

}  // namespace bottled
