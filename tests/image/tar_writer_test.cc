#include "image/tar_writer.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bottled {
namespace {

using testing::HasSubstr;

Entry Sample() {
  Entry entry;
  entry.path = "etc/passwd";
  entry.mode = 04755;
  entry.uid = 1000;
  entry.gid = 50;
  entry.mtime = 1700000000;
  return entry;
}

struct ArchiveFree {
  void operator()(archive* a) const { archive_read_free(a); }
};

// A tar of nothing but `header`, opened by libarchive at its first entry.
struct ReadBack {
  explicit ReadBack(const std::string& header)
      : bytes(header + std::string(kTarEndBytes, '\0')) {
    reader.reset(archive_read_new());
    archive_read_support_format_tar(reader.get());
    EXPECT_EQ(
        archive_read_open_memory(reader.get(), bytes.data(), bytes.size()),
        ARCHIVE_OK);
    EXPECT_EQ(archive_read_next_header(reader.get(), &entry), ARCHIVE_OK)
        << archive_error_string(reader.get());
  }

  std::string bytes;
  std::unique_ptr<archive, ArchiveFree> reader;
  archive_entry* entry = nullptr;
};

TEST(TarWriterTest, GoldenHeader) {
  std::string expected(512, '\0');
  const auto put = [&expected](size_t at, const std::string& text) {
    expected.replace(at, text.size(), text);
  };
  put(0, "etc/passwd");
  put(100, "0004755");
  put(108, "0001750");
  put(116, "0000062");
  put(124, "00000000021");
  put(136, "14524770400");
  put(156, "0");
  put(257, "ustar  ");
  unsigned sum = 8 * ' ';
  for (const char c : expected) {
    sum += static_cast<unsigned char>(c);
  }
  char digits[8];
  std::snprintf(digits, sizeof(digits), "%06o", sum);
  put(148, std::string(digits, 7) + " ");

  Entry entry = Sample();
  entry.size = 17;
  EXPECT_EQ(TarHeader(entry), expected);
  EXPECT_EQ(expected.substr(148, 8), std::string("007773\0 ", 8));
}

TEST(TarWriterTest, EveryKindReadsBack) {
  struct Kind {
    EntryKind kind;
    unsigned type;
    char flag;
  };
  for (const Kind& kind : {Kind{EntryKind::kFile, AE_IFREG, '0'},
                           Kind{EntryKind::kSymlink, AE_IFLNK, '2'},
                           Kind{EntryKind::kCharDevice, AE_IFCHR, '3'},
                           Kind{EntryKind::kBlockDevice, AE_IFBLK, '4'},
                           Kind{EntryKind::kDirectory, AE_IFDIR, '5'},
                           Kind{EntryKind::kFifo, AE_IFIFO, '6'}}) {
    Entry entry = Sample();
    entry.kind = kind.kind;
    entry.link = "target";
    entry.device_major = 8;
    entry.device_minor = 300;
    entry.size = 99;  // only counts for files
    if (kind.kind == EntryKind::kFile) {
      entry.size = 0;
    }
    const std::string header = TarHeader(entry);
    ASSERT_EQ(header.size(), 512u);
    EXPECT_EQ(header[156], kind.flag);
    const ReadBack read(header);
    EXPECT_EQ(archive_entry_filetype(read.entry), kind.type);
    EXPECT_EQ(archive_entry_perm(read.entry), 04755u);
    EXPECT_EQ(archive_entry_uid(read.entry), 1000);
    EXPECT_EQ(archive_entry_gid(read.entry), 50);
    EXPECT_EQ(archive_entry_mtime(read.entry), 1700000000);
    EXPECT_EQ(archive_entry_size(read.entry), 0);
    const std::string name = archive_entry_pathname(read.entry);
    if (kind.kind == EntryKind::kDirectory) {
      EXPECT_EQ(name, "etc/passwd/");
    } else {
      EXPECT_EQ(name, "etc/passwd");
    }
    if (kind.kind == EntryKind::kSymlink) {
      EXPECT_STREQ(archive_entry_symlink(read.entry), "target");
    }
    if (kind.type == AE_IFCHR || kind.type == AE_IFBLK) {
      EXPECT_EQ(archive_entry_rdevmajor(read.entry), 8u);
      EXPECT_EQ(archive_entry_rdevminor(read.entry), 300u);
    }
  }
}

TEST(TarWriterTest, HardLinkReadsBack) {
  Entry entry = Sample();
  entry.kind = EntryKind::kHardlink;
  entry.link = "first";
  const ReadBack read(TarHeader(entry));
  EXPECT_STREQ(archive_entry_hardlink(read.entry), "first");
}

TEST(TarWriterTest, NamesAroundTheFieldsSizeReadBack) {
  for (const size_t size : {99, 100, 101, 255, 511, 512, 513, 4095}) {
    Entry entry = Sample();
    entry.kind = EntryKind::kSymlink;
    entry.path = std::string(size, 'n');
    entry.link = std::string(size, 't');
    const std::string header = TarHeader(entry);
    EXPECT_EQ(header.size() % 512, 0u);
    EXPECT_EQ(header.size() == 512, size <= 100);
    const ReadBack read(header);
    EXPECT_EQ(archive_entry_pathname(read.entry), entry.path);
    EXPECT_EQ(archive_entry_symlink(read.entry), entry.link);
  }
}

TEST(TarWriterTest, SlashOfADirectoryCountsAgainstTheField) {
  Entry entry = Sample();
  entry.kind = EntryKind::kDirectory;
  entry.path = std::string(100, 'd');
  const ReadBack read(TarHeader(entry));
  EXPECT_EQ(archive_entry_pathname(read.entry), entry.path + "/");
}

TEST(TarWriterTest, NamesOfAnyByte) {
  Entry entry = Sample();
  entry.path = "-x\n\\\"'\x01\xff/\xc3\xa9";
  const ReadBack read(TarHeader(entry));
  EXPECT_EQ(archive_entry_pathname(read.entry), entry.path);
}

TEST(TarWriterTest, NumbersAroundTheirFields) {
  for (const uint64_t id : {07777777ull, 010000000ull, 4294967295ull}) {
    Entry entry = Sample();
    entry.uid = id;
    entry.gid = id - 1;
    const ReadBack read(TarHeader(entry));
    EXPECT_EQ(static_cast<uint64_t>(archive_entry_uid(read.entry)), id);
    EXPECT_EQ(static_cast<uint64_t>(archive_entry_gid(read.entry)), id - 1);
  }
  for (const int64_t number :
       {int64_t{077777777777}, int64_t{0100000000000}, int64_t{1} << 50}) {
    Entry entry = Sample();
    entry.size = number;
    entry.mtime = number;
    const ReadBack read(TarHeader(entry));
    EXPECT_EQ(archive_entry_size(read.entry), number);
    EXPECT_EQ(archive_entry_mtime(read.entry), number);
  }
  Entry device = Sample();
  device.kind = EntryKind::kBlockDevice;
  device.device_major = 4095;
  device.device_minor = 1u << 22;
  const ReadBack read(TarHeader(device));
  EXPECT_EQ(archive_entry_rdevmajor(read.entry), 4095u);
  EXPECT_EQ(archive_entry_rdevminor(read.entry), 1u << 22);
}

TEST(TarWriterTest, PaddingFillsTheBlock) {
  EXPECT_EQ(TarPadding(0), 0);
  EXPECT_EQ(TarPadding(1), 511);
  EXPECT_EQ(TarPadding(512), 0);
  EXPECT_EQ(TarPadding(513), 511);
}

// Output of GNU tar's listing of a file.
std::string List(const std::string& path) {
  const std::string command =
      "TZ=UTC LC_ALL=C /bin/tar --numeric-owner -tvf '" + path + "' 2>&1";
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) {
    return "popen failed";
  }
  std::string output;
  char buffer[4096];
  for (size_t n; (n = fread(buffer, 1, sizeof(buffer), pipe)) > 0;) {
    output.append(buffer, n);
  }
  EXPECT_EQ(pclose(pipe), 0) << output;
  return output;
}

TEST(TarWriterTest, GnuTarReadsIt) {
  if (access("/bin/tar", X_OK) != 0) {
    if (getenv("CI") != nullptr) {
      FAIL() << "/bin/tar is missing";
    }
    GTEST_SKIP() << "/bin/tar is missing";
  }
  Entry file = Sample();
  file.uid = 3000000000;
  file.size = int64_t{9} << 30;
  Entry device = Sample();
  device.kind = EntryKind::kCharDevice;
  device.path = "dev/null";
  device.device_major = 1;
  device.device_minor = 3;
  Entry link = Sample();
  link.kind = EntryKind::kSymlink;
  link.path = std::string(150, 'l');
  link.link = std::string(150, 't');
  Entry hard = Sample();
  hard.kind = EntryKind::kHardlink;
  hard.path = "hard";
  hard.link = "etc/passwd";
  Entry directory = Sample();
  directory.kind = EntryKind::kDirectory;
  directory.path = "d";
  directory.mode = 01777;
  directory.mtime = int64_t{1} << 34;

  // The content is a hole, which tar skips by seeking.
  std::string path = testing::TempDir() + "/tar_writer_XXXXXX";
  const int fd = mkstemp(path.data());
  ASSERT_GE(fd, 0);
  const std::string first = TarHeader(file);
  const std::string rest = TarHeader(device) + TarHeader(link) +
                           TarHeader(hard) + TarHeader(directory) +
                           std::string(kTarEndBytes, '\0');
  EXPECT_EQ(pwrite(fd, first.data(), first.size(), 0),
            static_cast<ssize_t>(first.size()));
  EXPECT_EQ(pwrite(fd, rest.data(), rest.size(),
                   static_cast<off_t>(first.size()) + file.size),
            static_cast<ssize_t>(rest.size()));
  close(fd);
  const std::string listing = List(path);
  unlink(path.c_str());

  EXPECT_THAT(listing, HasSubstr("-rwsr-xr-x 3000000000/50 9663676416 "
                                 "2023-11-14 22:13 etc/passwd\n"));
  EXPECT_THAT(listing, HasSubstr("crwsr-xr-x 1000/50"));
  EXPECT_THAT(listing, HasSubstr("1,3 2023-11-14 22:13 dev/null\n"));
  EXPECT_THAT(listing, HasSubstr(link.path + " -> " + link.link + "\n"));
  EXPECT_THAT(listing, HasSubstr("hard link to etc/passwd\n"));
  EXPECT_THAT(listing, HasSubstr("drwxrwxrwt 1000/50"));
  EXPECT_THAT(listing, HasSubstr("2514-05-30 01:53 d/\n"));
}

}  // namespace
}  // namespace bottled
