#include "image/tar_reader.h"

#include <archive.h>
#include <archive_entry.h>
#include <locale.h>
#if __has_include(<xlocale.h>)
#include <xlocale.h>
#endif

#include <algorithm>
#include <string>

#include "base/strings.h"

namespace bottled {
namespace {

constexpr size_t kZeroBytes = size_t{64} << 10;

const std::string& Zeros() {
  static const std::string zeros(kZeroBytes, '\0');
  return zeros;
}

// The "C" locale for this thread, while it lives.
class InCLocale {
 public:
  InCLocale() : before_(uselocale(CLocale())) {}
  ~InCLocale() { uselocale(before_); }
  InCLocale(const InCLocale&) = delete;
  InCLocale& operator=(const InCLocale&) = delete;

 private:
  static locale_t CLocale() {
    static const locale_t c = newlocale(LC_ALL_MASK, "C", nullptr);
    return c;
  }

  const locale_t before_;
};

}  // namespace

struct TarReader::Callbacks {
  static la_ssize_t Read(archive* /*unused*/, void* data, const void** buffer) {
    auto* reader = static_cast<TarReader*>(data);
    absl::StatusOr<std::string_view> block = reader->source_.Next();
    if (!block.ok()) {
      reader->source_status_ = block.status();
      archive_set_error(reader->archive_, -1, "the source failed");
      return ARCHIVE_FATAL;
    }
    reader->source_ended_ = block->empty();
    *buffer = block->data();
    return static_cast<la_ssize_t>(block->size());
  }
};

TarReader::TarReader(ByteSource& source)
    : source_(source), archive_(archive_read_new()) {
  archive_read_support_format_tar(archive_);
  archive_read_support_format_empty(archive_);
  // Else, on macOS, files called "._x" would be taken for attributes.
  archive_read_set_format_option(archive_, "tar", "mac-ext", nullptr);
  if (archive_read_open(archive_, this, nullptr, &Callbacks::Read, nullptr) !=
      ARCHIVE_OK) {
    SetProblem();
  }
}

TarReader::~TarReader() { archive_read_free(archive_); }

void TarReader::SetProblem() {
  const char* text = archive_error_string(archive_);
  SetProblem(text == nullptr ? "unreadable" : text);
}

void TarReader::SetProblem(std::string_view text) {
  if (problem_ != nullptr) {
    return;
  }
  problem_ = std::make_unique<TarProblem>();
  problem_->text = Printable(text, 200);
  problem_->truncated = (any_ && source_ended_) ||
                        text.find("runcated") != std::string_view::npos;
}

bool TarReader::Next() {
  if (problem_ != nullptr || !source_status_.ok()) {
    return false;
  }
  position_ = 0;
  pending_ = {};
  content_ended_ = false;
  const InCLocale in_c_locale;
  const int result = archive_read_next_header(archive_, &entry_);
  if (result == ARCHIVE_OK) {
    any_ = true;
    return true;
  }
  const char* text = archive_error_string(archive_);
  if (result == ARCHIVE_WARN && text != nullptr &&
      std::string_view(text).find("can't be converted") !=
          std::string_view::npos) {
    any_ = true;
    return true;
  }
  entry_ = nullptr;
  if (result != ARCHIVE_EOF) {
    SetProblem();
  }
  return false;
}

std::string_view TarReader::NextBlock() {
  if (problem_ != nullptr || !source_status_.ok()) {
    return {};
  }
  while (pending_.empty() && !content_ended_) {
    const void* data = nullptr;
    size_t size = 0;
    la_int64_t offset = 0;
    const int result = archive_read_data_block(archive_, &data, &size, &offset);
    if (result == ARCHIVE_EOF) {
      content_ended_ = true;
      pending_offset_ = archive_entry_size(entry_);
      break;
    }
    if (result != ARCHIVE_OK) {
      SetProblem();
      return {};
    }
    if (offset < position_) {
      SetProblem("the parts of a sparse file overlap");
      return {};
    }
    pending_ = std::string_view(static_cast<const char*>(data), size);
    pending_offset_ = offset;
  }
  if (position_ < pending_offset_) {
    const int64_t hole = std::min<int64_t>(pending_offset_ - position_,
                                           static_cast<int64_t>(kZeroBytes));
    position_ += hole;
    return std::string_view(Zeros()).substr(0, static_cast<size_t>(hole));
  }
  const std::string_view block = pending_;
  position_ += static_cast<int64_t>(block.size());
  pending_ = {};
  return block;
}

int64_t TarReader::header_offset() const {
  return archive_read_header_position(archive_);
}

absl::Status TarReader::Drain() {
  while (source_status_.ok()) {
    absl::StatusOr<std::string_view> block = source_.Next();
    if (!block.ok()) {
      source_status_ = block.status();
      break;
    }
    if (block->empty()) {
      break;
    }
  }
  return source_status_;
}

}  // namespace bottled
