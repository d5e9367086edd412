// Names of a bottle: its slug, and all that follow from it.

#ifndef BOTTLED_BOTTLE_IDENTITY_H_
#define BOTTLED_BOTTLE_IDENTITY_H_

#include <string>
#include <string_view>

namespace bottled {

// The only backend, as metadata and plans name it.
inline constexpr std::string_view kBackend = "smolmachines";

// The longest slug; machine names may have 128 bytes (smolvm src/data/mod.rs),
// network names and labels less.
inline constexpr size_t kMaxSlugBytes = 63;

// Lower-case letters and digits with single hyphens between; everything else
// becomes a hyphen. "agent" when nothing is left. Pure.
std::string Slugify(std::string_view text);

// `agent` slugified, a hyphen, and five random characters of [0-9a-z].
std::string MakeSlug(std::string_view agent);

// Whether it may be a slug: what MakeSlug() makes, or a user's --resume.
bool IsSlug(std::string_view text);

// What the docker network of every bottle is called, before its slug.
inline constexpr std::string_view kNetworkPrefix = "claude-bottle-bundle-";

// Immutable names, as launchers of claude-bottle expect them.
struct Identity {
  explicit Identity(std::string_view slug);

  std::string slug;
  std::string machine;          // claude-bottle-<slug>
  std::string network;          // claude-bottle-bundle-<slug>
  std::string container;        // claude-bottle-sidecars-<slug>
  std::string compose_project;  // claude-bottle-<slug>
};

}  // namespace bottled

#endif  // BOTTLED_BOTTLE_IDENTITY_H_
