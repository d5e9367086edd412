#include "image/digest.h"

#include <openssl/evp.h>

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "image/errors.h"

namespace bottled {
namespace {

constexpr std::string_view kPrefix = "sha256:";
constexpr size_t kHexDigits = 64;

bool IsLowerHex(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
  });
}

}  // namespace

absl::StatusOr<Digest> Digest::Parse(std::string_view text) {
  if (!text.starts_with(kPrefix)) {
    return BadDigest(text);
  }
  const std::string_view hex = text.substr(kPrefix.size());
  if (hex.size() != kHexDigits || !IsLowerHex(hex)) {
    return BadDigest(text);
  }
  return FromHex(hex);
}

Digest Digest::FromHex(std::string_view hex) {
  Digest digest;
  digest.hex_ = std::string(hex);
  return digest;
}

std::string Digest::ToString() const {
  return hex_.empty() ? "" : std::string(kPrefix) + hex_;
}

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  EVP_DigestInit_ex(context_, EVP_sha256(), nullptr);
}

Sha256::~Sha256() { EVP_MD_CTX_free(context_); }

Sha256::Sha256(Sha256&& other) noexcept
    : context_(std::exchange(other.context_, nullptr)) {}

Sha256& Sha256::operator=(Sha256&& other) noexcept {
  std::swap(context_, other.context_);
  return *this;
}

void Sha256::Update(std::string_view data) {
  EVP_DigestUpdate(context_, data.data(), data.size());
}

Digest Sha256::Finish() {
  unsigned char raw[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_DigestFinal_ex(context_, raw, &size);
  return Digest::FromHex(
      HexEncode(std::string_view(reinterpret_cast<const char*>(raw), size)));
}

Digest Sha256Of(std::string_view data) {
  Sha256 hasher;
  hasher.Update(data);
  return hasher.Finish();
}

}  // namespace bottled
