// The grammars of a manifest's values. All are pure and thread-safe, read text
// from outside, and do not quote it anywhere.

#ifndef BOTTLED_BOTTLE_MANIFEST_VALUES_H_
#define BOTTLED_BOTTLE_MANIFEST_VALUES_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "bottle/manifest.h"

namespace bottled {

// A bottle's or an agent's: [a-z0-9][a-z0-9-]*, at most 63 bytes.
bool IsManifestName(std::string_view text);
// [A-Za-z_][A-Za-z0-9_]*, at most 255 bytes.
bool IsEnvName(std::string_view text);
// What bottled sets itself: the proxies and gates, SMOLVM_*, BOTTLED_*.
bool IsReservedEnv(std::string_view name);
// Begins like a token or key of a known kind. False alarms are possible.
bool LooksLikeSecret(std::string_view value);
// A token of RFC 9110 §5.6.2, as authentication schemes are.
bool IsHttpToken(std::string_view text);
// "TYPE BASE64" of a known type, as in known_hosts without the host.
bool IsHostKey(std::string_view text);
// [a-z0-9][a-z0-9._-]* without "..", at most 100 bytes.
bool IsRepoName(std::string_view text);
// [A-Za-z0-9][A-Za-z0-9._-]* without "..", at most 100 bytes.
bool IsSkillName(std::string_view text);
// C0 or DEL.
bool HasControl(std::string_view text);
// A component of the path is "..", perhaps percent-encoded.
bool HasDotDot(std::string_view path);

// The host in lower case. `egress`: at least two labels, and "*." may be in
// front of two or more; else one label is enough. An IPv4 address is a host.
// Reason MANIFEST_BAD_HOST.
absl::StatusOr<std::string> ReadHost(std::string_view text, bool egress,
                                     const Origin& at, std::string_view what);

// ssh://user@host[:port]/path of that or of user@host:path; host in lower case,
// without port 22. Reason MANIFEST_BAD_URL.
absl::StatusOr<std::string> ReadSshUrl(std::string_view text, const Origin& at,
                                       std::string_view what);

// An IPv4 or IPv6 address in its canonical form; "" for anything else.
std::string CanonicalIp(std::string_view text);

// An absolute path without ".." of an absolute one, one that begins with "~/"
// (then under `home`), or a relative one (under `base`; refused when that is
// empty). Purely lexical. Reason MANIFEST_BAD_VALUE.
absl::StatusOr<std::string> ReadPath(std::string_view text,
                                     std::string_view home,
                                     std::string_view base, const Origin& at,
                                     std::string_view what);

}  // namespace bottled

#endif  // BOTTLED_BOTTLE_MANIFEST_VALUES_H_
