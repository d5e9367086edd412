#include "pack/tar_scanner.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <utility>

#include "base/status_macros.h"
#include "fmt/format.h"
#include "image/tar_writer.h"
#include "pack/errors.h"

namespace bottled {
namespace {

constexpr int64_t kMaxRecordBytes = int64_t{1} << 20;
constexpr int64_t kMaxMemberBytes = int64_t{1} << 50;

// The pieces of a GNU sparse file: pairs of offset and length, 12 bytes each,
// then a byte that says whether another block of them follows (GNU tar's
// manual, "Old GNU format"; struct oldgnu_header and struct sparse_header).
constexpr size_t kSparsePair = 24;
constexpr size_t kSparseInHeader = 386;
constexpr size_t kSparseHeaderPairs = 4;
constexpr size_t kSparseSizeInHeader = 483;
constexpr size_t kSparseBlockPairs = 21;

bool AllZeros(std::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](char c) { return c == 0; });
}

// A header's field: text that ends at a NUL or at the field's end.
std::string_view Text(std::string_view block, size_t at, size_t width) {
  const std::string_view field = block.substr(at, width);
  return field.substr(0, field.find('\0'));
}

// Octal, or base-256 when the first bit is set; nullopt for anything else and
// for what does not fit.
std::optional<int64_t> Number(std::string_view field) {
  if ((static_cast<unsigned char>(field[0]) & 0x80) != 0) {
    uint64_t value = static_cast<unsigned char>(field[0]) & 0x7f;
    for (const char c : field.substr(1)) {
      if (value >> 54 != 0) {
        return std::nullopt;
      }
      value = value << 8 | static_cast<unsigned char>(c);
    }
    return static_cast<int64_t>(value);
  }
  field.remove_prefix(std::min(field.find_first_not_of(' '), field.size()));
  int64_t value = 0;
  size_t digits = 0;
  for (; digits < field.size() && field[digits] >= '0' && field[digits] <= '7';
       ++digits) {
    value = value * 8 + (field[digits] - '0');
  }
  const std::string_view rest = field.substr(digits);
  return rest.find_first_not_of(std::string_view(" \0", 2)) == rest.npos
             ? std::optional<int64_t>(value)
             : std::nullopt;
}

bool HasChecksum(std::string_view block) {
  int64_t sum = 0;
  for (size_t i = 0; i < block.size(); ++i) {
    sum += i >= 148 && i < 156 ? ' ' : static_cast<unsigned char>(block[i]);
  }
  return Number(block.substr(148, 8)) == sum;
}

}  // namespace

TarScanner::TarScanner(std::string what, OnMember on_member, OnData on_data,
                       Sparse sparse)
    : what_(std::move(what)),
      on_member_(std::move(on_member)),
      on_data_(std::move(on_data)),
      sparse_(sparse) {}

absl::Status TarScanner::Invalid(std::string_view problem) const {
  return SidecarInvalidError(fmt::format("{} {}", what_, problem));
}

absl::Status TarScanner::Feed(std::string_view bytes) {
  while (!bytes.empty()) {
    RETURN_IF_ERROR(Take(bytes));
  }
  return absl::OkStatus();
}

// Takes as many bytes as the state has use for, at least one.
absl::Status TarScanner::Take(std::string_view& bytes) {
  const auto cut = [&bytes](int64_t most) {
    const std::string_view head =
        bytes.substr(0, static_cast<size_t>(std::min(
                            most, static_cast<int64_t>(bytes.size()))));
    bytes.remove_prefix(head.size());
    return head;
  };
  switch (state_) {
    case State::kHeader:
    case State::kSparseMap: {
      buffer_ += cut(kTarBlock - static_cast<int64_t>(buffer_.size()));
      if (static_cast<int64_t>(buffer_.size()) < kTarBlock) {
        return absl::OkStatus();
      }
      const std::string block = std::exchange(buffer_, {});
      return state_ == State::kHeader ? OnHeader(block) : OnSparseBlock(block);
    }
    case State::kContent: {
      const std::string_view data = cut(left_);
      left_ -= static_cast<int64_t>(data.size());
      if (left_ == 0) {
        state_ = padding_ > 0 ? State::kPadding : State::kHeader;
      }
      return on_data_ ? on_data_(data) : absl::OkStatus();
    }
    case State::kRecord: {
      const std::string_view data = cut(left_);
      left_ -= static_cast<int64_t>(data.size());
      buffer_ += data;
      if (left_ > 0) {
        return absl::OkStatus();
      }
      state_ = padding_ > 0 ? State::kPadding : State::kHeader;
      return OnRecord();
    }
    case State::kPadding: {
      const std::string_view data = cut(padding_);
      padding_ -= static_cast<int64_t>(data.size());
      if (padding_ == 0) {
        state_ = State::kHeader;
      }
      return AllZeros(data) ? absl::OkStatus()
                            : Invalid("holds bytes between its members");
    }
    case State::kEnd:
      break;
  }
  return AllZeros(std::exchange(bytes, {}))
             ? absl::OkStatus()
             : Invalid("holds bytes behind its end");
}

absl::Status TarScanner::OnHeader(std::string_view block) {
  using std::string_view_literals::operator""sv;
  if (AllZeros(block)) {
    if (name_ || link_ || size_) {
      return Invalid("ends after a record that names nothing");
    }
    if (++zero_blocks_ * kTarBlock == kTarEndBytes) {
      state_ = State::kEnd;
    }
    return absl::OkStatus();
  }
  if (zero_blocks_ > 0) {
    return Invalid("goes on behind a zero block");
  }
  if (!HasChecksum(block)) {
    return Invalid("has a header with a wrong checksum");
  }
  const std::string_view magic = block.substr(257, 8);
  if (magic != "ustar  \0"sv && magic != "ustar\00000"sv) {
    return Invalid("has a header of an unknown kind");
  }
  const char type = block[156] == '\0' ? '0' : block[156];
  const std::optional<int64_t> size = Number(block.substr(124, 12));
  if (!size || *size > kMaxMemberBytes) {
    return Invalid("has a member without a usable size");
  }
  if (type != 'L' && type != 'K' && type != 'x') {
    return EmitMember(block, type, *size);
  }
  if (*size == 0 || *size > kMaxRecordBytes) {
    return Invalid("has a record of an unusable size");
  }
  record_ = type;
  state_ = State::kRecord;
  left_ = *size;
  padding_ = TarPadding(*size);
  return absl::OkStatus();
}

absl::Status TarScanner::EmitMember(std::string_view block, char type,
                                    int64_t size) {
  using std::string_view_literals::operator""sv;
  const bool sparse = type == 'S' && sparse_ == Sparse::kAllowed &&
                      block.substr(257, 8) == "ustar  \0"sv;
  if (!sparse && (type < '0' || type > '6')) {
    return Invalid(fmt::format("has a member of the unknown type {:#x}",
                               static_cast<unsigned char>(type)));
  }
  for (const size_t at : {100, 108, 116}) {
    if (!Number(block.substr(at, 8))) {
      return Invalid("has a member without a usable mode or owner");
    }
  }
  if (!Number(block.substr(136, 12))) {
    return Invalid("has a member without a usable time");
  }
  TarMember member{.type = type,
                   .name = std::string(Text(block, 0, 100)),
                   .link = std::string(Text(block, 157, 100)),
                   .size = size_.value_or(size)};
  if (block.substr(257, 8) == "ustar\00000"sv && block[345] != '\0') {
    member.name = std::string(Text(block, 345, 155)) + '/' + member.name;
  }
  member.name = std::exchange(name_, {}).value_or(std::move(member.name));
  member.link = std::exchange(link_, {}).value_or(std::move(member.link));
  size_.reset();
  if (type != '0' && !sparse && member.size != 0) {
    return Invalid("has content where there can be none");
  }
  left_ = member.size;
  padding_ = TarPadding(member.size);
  state_ = left_ > 0 ? State::kContent : State::kHeader;
  RETURN_IF_ERROR(on_member_(member));
  return sparse ? OnSparseHeader(block) : absl::OkStatus();
}

absl::Status TarScanner::OnSparseHeader(std::string_view block) {
  const std::optional<int64_t> size =
      Number(block.substr(kSparseSizeInHeader, 12));
  if (!size || *size > kMaxMemberBytes) {
    return Invalid("has a member without a usable size");
  }
  sparse_size_ = *size;
  sparse_end_ = 0;
  sparse_bytes_ = 0;
  sparse_over_ = false;
  constexpr size_t kMapBytes = kSparseHeaderPairs * kSparsePair;
  return TakeSparseMap(block.substr(kSparseInHeader, kMapBytes),
                       block[kSparseInHeader + kMapBytes] != '\0');
}

absl::Status TarScanner::OnSparseBlock(std::string_view block) {
  constexpr size_t kMapBytes = kSparseBlockPairs * kSparsePair;
  if (!AllZeros(block.substr(kMapBytes + 1))) {
    return Invalid("has a malformed sparse file");
  }
  return TakeSparseMap(block.substr(0, kMapBytes), block[kMapBytes] != '\0');
}

absl::Status TarScanner::TakeSparseMap(std::string_view map, bool more) {
  for (; !map.empty(); map.remove_prefix(kSparsePair)) {
    const std::string_view pair = map.substr(0, kSparsePair);
    if (AllZeros(pair)) {
      sparse_over_ = true;
      continue;
    }
    const std::optional<int64_t> offset = Number(pair.substr(0, 12));
    const std::optional<int64_t> length = Number(pair.substr(12));
    if (sparse_over_ || !offset || !length || *offset < sparse_end_ ||
        *offset > sparse_size_ || *length > sparse_size_ - *offset) {
      return Invalid("has a malformed sparse file");
    }
    sparse_end_ = *offset + *length;
    sparse_bytes_ += *length;
  }
  if (more) {
    state_ = State::kSparseMap;
    return absl::OkStatus();
  }
  if (sparse_bytes_ != left_) {
    return Invalid("has a malformed sparse file");
  }
  state_ = left_ > 0 ? State::kContent : State::kHeader;
  return absl::OkStatus();
}

absl::Status TarScanner::OnRecord() {
  if (record_ == 'x') {
    return OnPax();
  }
  const std::string text = std::exchange(buffer_, {});
  // GNU tar counts the NUL at the end.
  const size_t end = text.find('\0');
  if (end != text.npos && end + 1 != text.size()) {
    return Invalid("has a name that holds a NUL");
  }
  std::optional<std::string>& out = record_ == 'L' ? name_ : link_;
  if (out.has_value()) {
    return Invalid("names a member twice");
  }
  out = text.substr(0, end);
  return absl::OkStatus();
}

absl::Status TarScanner::OnPax() {
  const std::string text = std::exchange(buffer_, {});
  std::string_view rest = text;
  while (!rest.empty()) {
    size_t length = 0;
    const auto parsed =
        std::from_chars(rest.data(), rest.data() + rest.size(), length);
    const auto digits = static_cast<size_t>(parsed.ptr - rest.data());
    if (parsed.ec != std::errc() || length > rest.size() ||
        length < digits + 3 || rest[digits] != ' ' ||
        rest[length - 1] != '\n') {
      return Invalid("has a malformed PAX record");
    }
    const std::string_view record =
        rest.substr(digits + 1, length - digits - 2);
    rest.remove_prefix(length);
    const size_t equals = record.find('=');
    if (equals == record.npos) {
      return Invalid("has a malformed PAX record");
    }
    const std::string_view key = record.substr(0, equals);
    const std::string_view value = record.substr(equals + 1);
    if (key.starts_with("GNU.sparse.")) {
      return Invalid("has a sparse file");
    }
    if (key == "path" || key == "linkpath") {
      if (value.find('\0') != value.npos) {
        return Invalid("has a name that holds a NUL");
      }
      (key == "path" ? name_ : link_) = std::string(value);
    } else if (key == "size") {
      int64_t size = 0;
      const auto number =
          std::from_chars(value.data(), value.data() + value.size(), size);
      if (number.ec != std::errc() ||
          number.ptr != value.data() + value.size() || size < 0 ||
          size > kMaxMemberBytes) {
        return Invalid("has a member without a usable size");
      }
      size_ = size;
    }
  }
  return absl::OkStatus();
}

absl::Status TarScanner::Finish() const {
  return state_ == State::kEnd ? absl::OkStatus() : Invalid("is not complete");
}

}  // namespace bottled
