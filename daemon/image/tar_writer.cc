#include "image/tar_writer.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string_view>

namespace bottled {
namespace {

// The header block of GNU tar's old format ("ustar" and two spaces); what
// follows the device numbers stays zero.
struct RawHeader {
  char name[100];
  char mode[8];
  char uid[8];
  char gid[8];
  char size[12];
  char mtime[12];
  char checksum[8];
  char type;
  char link[100];
  char magic[8];
  char user[32];
  char group[32];
  char device_major[8];
  char device_minor[8];
  char rest[167];
};
static_assert(sizeof(RawHeader) == kTarBlock);

constexpr std::string_view kMagic{"ustar  \0", 8};
constexpr std::string_view kLongName = "././@LongLink";

// Octal digits and a zero byte; what needs more digits becomes base-256, big
// endian with the first byte's high bit set.
template <size_t N>
void PutNumber(char (&field)[N], uint64_t value) {
  constexpr size_t kDigits = N - 1;
  if (value >> (kDigits * 3) == 0) {
    for (size_t i = kDigits; i-- > 0; value >>= 3) {
      field[i] = static_cast<char>('0' + (value & 7));
    }
    field[kDigits] = '\0';
    return;
  }
  for (size_t i = N; i-- > 0; value >>= 8) {
    field[i] = static_cast<char>(value & 0xff);
  }
  field[0] = static_cast<char>(static_cast<unsigned char>(field[0]) | 0x80);
}

// As much as fits; the zero byte at the end may be missing.
template <size_t N>
void PutText(char (&field)[N], std::string_view text) {
  std::memcpy(field, text.data(), std::min(N, text.size()));
}

void AppendBlock(RawHeader& header, std::string& out) {
  PutText(header.magic, kMagic);
  std::memset(header.checksum, ' ', sizeof(header.checksum));
  const auto* bytes = reinterpret_cast<const unsigned char*>(&header);
  uint64_t sum = 0;
  for (size_t i = 0; i < sizeof(header); ++i) {
    sum += bytes[i];
  }
  // Six digits, zero, space, as every tar since the seventh edition.
  char digits[7];
  PutNumber(digits, sum);
  std::memcpy(header.checksum, digits, sizeof(digits));
  out.append(reinterpret_cast<const char*>(&header), sizeof(header));
}

// A record that gives the next header a name ('L') or a link target ('K').
void AppendLong(char type, std::string_view text, std::string& out) {
  RawHeader header = {};
  PutText(header.name, kLongName);
  PutNumber(header.mode, 0644);
  PutNumber(header.uid, 0);
  PutNumber(header.gid, 0);
  PutNumber(header.size, text.size() + 1);
  PutNumber(header.mtime, 0);
  header.type = type;
  AppendBlock(header, out);
  out.append(text);
  const auto padding = TarPadding(static_cast<int64_t>(text.size()) + 1);
  out.append(1 + static_cast<size_t>(padding), '\0');
}

char TypeFlag(EntryKind kind) {
  switch (kind) {
    case EntryKind::kFile:
      return '0';
    case EntryKind::kHardlink:
      return '1';
    case EntryKind::kSymlink:
      return '2';
    case EntryKind::kCharDevice:
      return '3';
    case EntryKind::kBlockDevice:
      return '4';
    case EntryKind::kDirectory:
      return '5';
    case EntryKind::kFifo:
      return '6';
    case EntryKind::kWhiteout:
    case EntryKind::kOpaque:
      break;
  }
  return '\0';
}

}  // namespace

std::string TarHeader(const Entry& entry) {
  std::string name = entry.path;
  if (entry.kind == EntryKind::kDirectory) {
    name += '/';
  }
  const bool is_link =
      entry.kind == EntryKind::kSymlink || entry.kind == EntryKind::kHardlink;
  const std::string_view link = is_link ? std::string_view(entry.link) : "";

  std::string out;
  RawHeader header = {};
  if (link.size() > sizeof(header.link)) {
    AppendLong('K', link, out);
  }
  if (name.size() > sizeof(header.name)) {
    AppendLong('L', name, out);
  }
  PutText(header.name, name);
  PutNumber(header.mode, entry.mode & 07777);
  PutNumber(header.uid, entry.uid);
  PutNumber(header.gid, entry.gid);
  PutNumber(header.size, entry.kind == EntryKind::kFile
                             ? static_cast<uint64_t>(entry.size)
                             : 0);
  PutNumber(header.mtime, static_cast<uint64_t>(entry.mtime));
  header.type = TypeFlag(entry.kind);
  PutText(header.link, link);
  if (entry.kind == EntryKind::kCharDevice ||
      entry.kind == EntryKind::kBlockDevice) {
    PutNumber(header.device_major, entry.device_major);
    PutNumber(header.device_minor, entry.device_minor);
  }
  AppendBlock(header, out);
  return out;
}

}  // namespace bottled
