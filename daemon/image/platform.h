// The operating system and processor that an image is made for, in the words of
// OCI's image-spec (config.md): GOOS and GOARCH.

#ifndef BOTTLED_IMAGE_PLATFORM_H_
#define BOTTLED_IMAGE_PLATFORM_H_

#include <string>

namespace bottled {

struct Platform {
  std::string os;            // "linux"
  std::string architecture;  // "amd64", "arm64" …
  std::string variant;       // "v8", "v7"; often empty

  bool operator==(const Platform&) const = default;

  // "linux/amd64", with "/variant" when there is one.
  std::string ToString() const;
  // "linux/amd64": what smolvm compares; the variant never counts.
  std::string WithoutVariant() const;
};

// Linux on this machine's processor, from uname(2): also on macOS, since the
// machines that run the artifact are Linux.
Platform HostPlatform();

}  // namespace bottled

#endif  // BOTTLED_IMAGE_PLATFORM_H_
