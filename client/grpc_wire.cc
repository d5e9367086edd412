#include "client/grpc_wire.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <utility>

#include "base/error.h"
#include "client/errors.h"

namespace bottled::client {
namespace {

constexpr size_t kPrefixBytes = 5;

int HexValue(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  if (c >= 'A' && c <= 'F') {
    return c - 'A' + 10;
  }
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int Base64Value(char c) {
  if (c >= 'A' && c <= 'Z') {
    return c - 'A';
  }
  if (c >= 'a' && c <= 'z') {
    return c - 'a' + 26;
  }
  if (c >= '0' && c <= '9') {
    return c - '0' + 52;
  }
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

}  // namespace

std::string MessagePrefix(size_t size) {
  std::string out(kPrefixBytes, '\0');
  for (size_t i = 0; i < 4; ++i) {
    out[i + 1] = static_cast<char>((size >> (24 - 8 * i)) & 0xff);
  }
  return out;
}

absl::Status MessageAssembler::Add(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto take = [&](size_t want) {
      const std::string_view part = bytes.substr(0, want - buffer_.size());
      buffer_.append(part);
      bytes.remove_prefix(part.size());
      return buffer_.size() == want;
    };
    if (buffer_.size() < kPrefixBytes && !take(kPrefixBytes)) {
      return absl::OkStatus();
    }
    if (buffer_[0] != 0) {
      return MakeError(absl::StatusCode::kInternal, "BAD_ANSWER",
                       "the daemon sent a compressed message", "");
    }
    size_t size = 0;
    for (size_t i = 1; i < kPrefixBytes; ++i) {
      size = size << 8 | static_cast<unsigned char>(buffer_[i]);
    }
    if (size > max_bytes_ || ready_bytes_ + size > 2 * max_bytes_) {
      return MessageTooLarge(size, max_bytes_);
    }
    if (take(kPrefixBytes + size)) {
      ready_.push_back(buffer_.substr(kPrefixBytes));
      ready_bytes_ += size;
      buffer_.clear();
    }
  }
  return absl::OkStatus();
}

std::optional<std::string> MessageAssembler::Take() {
  if (ready_.empty()) {
    return std::nullopt;
  }
  std::string message = std::move(ready_.front());
  ready_.pop_front();
  ready_bytes_ -= message.size();
  return message;
}

std::string PercentDecode(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      const int high = HexValue(text[i + 1]);
      const int low = HexValue(text[i + 2]);
      if (high >= 0 && low >= 0) {
        out.push_back(static_cast<char>(high * 16 + low));
        i += 2;
        continue;
      }
    }
    out.push_back(text[i]);
  }
  return out;
}

std::optional<std::string> Base64Decode(std::string_view text) {
  for (int i = 0; i < 2 && text.ends_with('='); ++i) {
    text.remove_suffix(1);
  }
  std::string out;
  uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const int value = Base64Value(c);
    if (value < 0) {
      return std::nullopt;
    }
    bits = bits << 6 | static_cast<uint32_t>(value);
    count += 6;
    if (count >= 8) {
      count -= 8;
      out.push_back(static_cast<char>(bits >> count & 0xff));
    }
  }
  // A single left-over character encodes nothing.
  return count >= 6 ? std::nullopt : std::optional(std::move(out));
}

absl::StatusCode ParseStatusCode(std::string_view text) {
  int code = -1;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, code);
  const bool known =
      error == std::errc() && rest == end && code >= 0 &&
      code <= static_cast<int>(absl::StatusCode::kUnauthenticated);
  return known ? static_cast<absl::StatusCode>(code)
               : absl::StatusCode::kUnknown;
}

}  // namespace bottled::client
