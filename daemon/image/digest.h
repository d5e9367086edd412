// SHA-256 digests in the form of OCI's image-spec (descriptor.md#digests):
// "sha256:" and 64 lower-case hexadecimal digits. No other algorithm occurs in
// the archives that engines write.

#ifndef BOTTLED_IMAGE_DIGEST_H_
#define BOTTLED_IMAGE_DIGEST_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

struct evp_md_ctx_st;

namespace bottled {

// A value type; default-constructed it is empty.
class Digest {
 public:
  Digest() = default;

  // Accepts exactly the form above; else reason BAD_DIGEST.
  static absl::StatusOr<Digest> Parse(std::string_view text);
  // `hex` must be 64 lower-case hexadecimal digits.
  static Digest FromHex(std::string_view hex);

  bool empty() const { return hex_.empty(); }
  // 64 digits without the prefix.
  const std::string& hex() const { return hex_; }
  // "sha256:…"; "" when empty.
  std::string ToString() const;

  auto operator<=>(const Digest&) const = default;

 private:
  std::string hex_;
};

// Incremental SHA-256 (OpenSSL). Not thread-safe.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void Update(std::string_view data);
  // The digest of everything so far; call once.
  Digest Finish();

 private:
  evp_md_ctx_st* context_;
};

Digest Sha256Of(std::string_view data);

}  // namespace bottled

#endif  // BOTTLED_IMAGE_DIGEST_H_
