#include "fault/trace.h"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <regex>
#include <system_error>

#include "fmt/format.h"

namespace bottled::testing {
namespace {

namespace fs = std::filesystem;

constexpr size_t kTraceBytes = size_t{256} << 20;  // touched pages count only

std::string FunctionOf(const FaultSite& site) {
  // "absl::Status bottled::Objects::MoveIn(const std::string&, …)"
  const std::string_view text = site.function_name();
  const size_t end = text.find('(');
  const size_t begin = text.rfind(':', end);
  return std::string(begin == std::string_view::npos
                         ? text.substr(0, end)
                         : text.substr(begin + 1, end - begin - 1));
}

}  // namespace

struct Trace::Header {
  uint64_t used = 0;
};

Trace::Trace()
    : memory_(static_cast<char*>(
          ::mmap(nullptr, kTraceBytes, PROT_READ | PROT_WRITE,
                 MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0))) {
  if (memory_ == MAP_FAILED) {
    std::abort();
  }
  Clear();
}

Trace::~Trace() { ::munmap(memory_, kTraceBytes); }

Trace::Header& Trace::header() const {
  return *reinterpret_cast<Header*>(memory_);
}

void Trace::Clear() { header().used = sizeof(Header); }

void Trace::Append(const TraceOp& op) {
  std::string record;
  const auto number = [&](int64_t value) {
    record.append(reinterpret_cast<const char*>(&value), sizeof(value));
  };
  const auto text = [&](const std::string& value) {
    number(static_cast<int64_t>(value.size()));
    record += value;
  };
  number(op.mark ? 1 : 0);
  number(static_cast<int64_t>(op.op));
  number(static_cast<int64_t>(op.inode));
  number(op.offset);
  number(op.size);
  number(op.mtime_ns);
  number(op.mode);
  for (const std::string* value : {&op.path, &op.to, &op.site, &op.data}) {
    text(*value);
  }
  Header& head = header();
  if (head.used + record.size() > kTraceBytes) {
    std::abort();
  }
  std::memcpy(memory_ + head.used, record.data(), record.size());
  // Last, as the process may die at any instruction.
  head.used += record.size();
}

void Trace::Mark(std::string_view text) {
  Append({.mark = true, .data = std::string(text)});
}

std::vector<TraceOp> Trace::Read() const {
  std::vector<TraceOp> ops;
  const char* at = memory_ + sizeof(Header);
  const char* const end = memory_ + header().used;
  const auto number = [&] {
    int64_t value = 0;
    std::memcpy(&value, at, sizeof(value));
    at += sizeof(value);
    return value;
  };
  while (at < end) {
    TraceOp op;
    op.mark = number() != 0;
    op.op = static_cast<FaultOp>(number());
    op.inode = static_cast<uint64_t>(number());
    op.offset = number();
    op.size = number();
    op.mtime_ns = number();
    op.mode = static_cast<uint32_t>(number());
    for (std::string* value : {&op.path, &op.to, &op.site, &op.data}) {
      const auto size = static_cast<size_t>(number());
      value->assign(at, size);
      at += size;
    }
    ops.push_back(std::move(op));
  }
  return ops;
}

std::string PathOf(const FaultCall& call) {
  if (call.fd < 0) {
    return call.path;
  }
  std::error_code error;
  return fs::read_symlink(fmt::format("/proc/self/fd/{}", call.fd), error)
      .native();
}

std::string_view NameOf(FaultOp op) {
  switch (op) {
    case FaultOp::kOpen:
      return "open";
    case FaultOp::kCreate:
      return "create";
    case FaultOp::kWrite:
      return "write";
    case FaultOp::kTruncate:
      return "truncate";
    case FaultOp::kAllocate:
      return "allocate";
    case FaultOp::kChmod:
      return "chmod";
    case FaultOp::kFsync:
      return "fsync";
    case FaultOp::kRename:
      return "rename";
    case FaultOp::kLink:
      return "link";
    case FaultOp::kUnlink:
      return "unlink";
    case FaultOp::kMkdir:
      return "mkdir";
    case FaultOp::kStat:
      return "stat";
  }
  return "?";
}

std::string KindOfPath(std::string_view root, std::string_view path) {
  if (path.substr(0, root.size()) != root) {
    return "";
  }
  std::string kind(path.substr(std::min(path.size(), root.size() + 1)));
  static const std::regex hex("[0-9a-f]{64}");
  static const std::regex pair("obj/[0-9a-f]{2}(?=/|$)");
  static const std::regex job("stage/[^/]+");
  static const std::regex tmp("\\.tmp-[0-9a-f]+");
  static const std::regex random("\\.[0-9a-f]{8}$");
  kind = std::regex_replace(kind, hex, "<hex>");
  kind = std::regex_replace(kind, pair, "obj/<aa>");
  kind = std::regex_replace(kind, job, "stage/<job>");
  kind = std::regex_replace(kind, tmp, "<tmp>");
  kind = std::regex_replace(kind, random, ".<random>");
  return kind.empty() ? "." : kind;
}

std::string SiteOf(std::string_view root, const FaultCall& call) {
  return fmt::format(
      "{} {}: {} {}", fs::path(call.site.file_name()).filename().native(),
      FunctionOf(call.site), NameOf(call.op), KindOfPath(root, PathOf(call)));
}

int Recorder::Before(FaultCall& call) {
  if (KindOfPath(root_, PathOf(call)).empty()) {
    return 0;
  }
  if (call.op == FaultOp::kCreate) {
    struct stat info = {};
    existed_ = ::lstat(call.path.c_str(), &info) == 0;
  }
  return fail_ ? fail_(call) : 0;
}

void Recorder::After(const FaultCall& call, int64_t result) {
  if (trace_ == nullptr || result < 0 || call.op == FaultOp::kOpen ||
      call.op == FaultOp::kStat || (call.op == FaultOp::kCreate && existed_)) {
    return;
  }
  const std::string path = PathOf(call);
  if (KindOfPath(root_, path).empty()) {
    return;
  }
  const auto relative = [&](const std::string& absolute) {
    return absolute.size() > root_.size() ? absolute.substr(root_.size() + 1)
                                          : std::string();
  };
  struct stat info = {};
  const int code =
      call.fd >= 0 ? ::fstat(call.fd, &info)
                   : ::lstat((call.to.empty() ? path : call.to).c_str(), &info);
  const bool found = code == 0 && call.op != FaultOp::kUnlink;
  // SQLite's calls report 0 and have written everything.
  const size_t put = call.fd >= 0 && call.op == FaultOp::kWrite
                         ? static_cast<size_t>(result)
                         : call.data.size();
  trace_->Append({.op = call.op,
                  .inode = found ? info.st_ino : 0,
                  .path = relative(path),
                  .to = relative(call.to),
                  .offset = call.offset,
                  .size = call.size,
                  .mtime_ns = found ? info.st_mtim.tv_sec * 1'000'000'000 +
                                          info.st_mtim.tv_nsec
                                    : 0,
                  .mode = call.mode,
                  .site = SiteOf(root_, call),
                  .data = std::string(call.data.substr(0, put))});
}

}  // namespace bottled::testing
