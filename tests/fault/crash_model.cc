#include "fault/crash_model.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "platform/fd.h"

namespace bottled::testing {
namespace {

namespace fs = std::filesystem;

bool Coin(Random& random, double probability) {
  return std::bernoulli_distribution(probability)(random);
}

void PutAt(std::string& content, int64_t offset, std::string_view data) {
  const auto at = static_cast<size_t>(offset);
  if (content.size() < at + data.size()) {
    content.resize(at + data.size(), '\0');
  }
  std::copy(data.begin(), data.end(),
            content.begin() + static_cast<std::ptrdiff_t>(at));
}

}  // namespace

CrashModel::CrashModel(const std::vector<TraceOp>& ops) {
  nodes_.push_back({.directory = true, .mode = 0700});
  for (size_t at = 0; at < ops.size(); ++at) {
    if (!ops[at].mark) {
      Play(at, ops[at]);
    }
  }
}

std::pair<int, std::string> CrashModel::Locate(const std::string& path) const {
  int node = 0;
  const fs::path whole = path;
  for (const fs::path& part : whole.parent_path()) {
    const auto found = nodes_[static_cast<size_t>(node)].live.find(part);
    if (found == nodes_[static_cast<size_t>(node)].live.end()) {
      std::abort();  // a call that the trace has missed
    }
    node = found->second;
  }
  return {node, whole.filename().native()};
}

int CrashModel::Target(const std::string& path) const {
  const auto [directory, name] = Locate(path);
  if (name.empty()) {
    return 0;
  }
  const auto& live = nodes_[static_cast<size_t>(directory)].live;
  const auto found = live.find(name);
  return found == live.end() ? -1 : found->second;
}

int CrashModel::Known(const TraceOp& op) {
  if (const auto found = by_inode_.find(op.inode); found != by_inode_.end()) {
    return found->second;
  }
  return Target(op.path);
}

void CrashModel::Link(size_t at, const std::string& path, int target) {
  auto [directory, name] = Locate(path);
  auto& live = nodes_[static_cast<size_t>(directory)].live;
  if (target < 0) {
    live.erase(name);
  } else {
    live[name] = target;
  }
  entries_.push_back({.at = at,
                      .directory = directory,
                      .name = std::move(name),
                      .target = target});
}

void CrashModel::Play(size_t at, const TraceOp& op) {
  switch (op.op) {
    case FaultOp::kCreate:
    case FaultOp::kMkdir: {
      const bool directory = op.op == FaultOp::kMkdir;
      const int node = static_cast<int>(nodes_.size());
      nodes_.push_back({.directory = directory,
                        .mode = op.mode == 0 ? 0600 : op.mode,
                        .inode = op.inode});
      by_inode_[op.inode] = node;
      Link(at, op.path, node);
      return;
    }
    case FaultOp::kWrite:
    case FaultOp::kTruncate:
    case FaultOp::kAllocate:
    case FaultOp::kChmod:
      if (const int node = Known(op); node >= 0) {
        nodes_[static_cast<size_t>(node)].changes.push_back(
            {.at = at,
             .op = op.op,
             .offset = op.offset,
             .data = &op.data,
             .size = op.size,
             .mode = op.mode,
             .mtime_ns = op.mtime_ns});
      }
      return;
    case FaultOp::kFsync:
      if (const int node = Known(op); node >= 0) {
        nodes_[static_cast<size_t>(node)].syncs.push_back(at);
      }
      return;
    case FaultOp::kRename: {
      const int node = Target(op.path);
      Link(at, op.path, -1);
      Link(at, op.to, node);
      return;
    }
    case FaultOp::kLink:
      Link(at, op.to, Target(op.path));
      return;
    case FaultOp::kUnlink:
      Link(at, op.path, -1);
      return;
    case FaultOp::kOpen:
    case FaultOp::kStat:
      return;
  }
}

size_t CrashModel::SyncedUpTo(int node, size_t position) const {
  const std::vector<size_t>& syncs = nodes_[static_cast<size_t>(node)].syncs;
  const auto next = std::lower_bound(syncs.begin(), syncs.end(), position);
  return next == syncs.begin() ? 0 : *std::prev(next);
}

CrashState CrashModel::Draw(size_t position, Random& random) const {
  constexpr double kKeeps[] = {0, 0.2, 0.5, 0.8, 1};
  const double keep = kKeeps[random() % std::size(kKeeps)];
  const bool renames_whole = Coin(random, 0.5);
  CrashState state;
  for (size_t index = 0; index < nodes_.size(); ++index) {
    const Node& node = nodes_[index];
    CrashState::Node& drawn = state.nodes.emplace_back();
    drawn.directory = node.directory;
    drawn.mode = node.mode;
    drawn.inode = node.inode;
    const size_t synced = SyncedUpTo(static_cast<int>(index), position);
    // In every second file, what is lost is the end of what was done.
    const bool in_order = Coin(random, 0.5);
    bool cut = false;
    for (const Change& change : node.changes) {
      if (change.at >= position) {
        break;
      }
      bool kept = change.at < synced;
      if (!kept) {
        kept = !(in_order && cut) && Coin(random, keep);
        cut |= !kept;
      }
      const auto end = static_cast<size_t>(change.offset) + change.data->size();
      if (change.op == FaultOp::kChmod) {
        drawn.mode = kept ? change.mode : drawn.mode;
      } else if (change.op == FaultOp::kTruncate ||
                 change.op == FaultOp::kAllocate) {
        const auto size = static_cast<size_t>(change.size);
        if (kept &&
            (change.op == FaultOp::kTruncate || drawn.content.size() < size)) {
          drawn.content.resize(size, '\0');
        }
      } else if (kept) {
        PutAt(drawn.content, change.offset, *change.data);
      } else if (drawn.content.size() < end && Coin(random, 0.3)) {
        drawn.content.resize(end, '\0');
      }
      // The time may be on the disk before the data: the worse case.
      drawn.mtime_ns = std::max(drawn.mtime_ns, change.mtime_ns);
    }
  }
  for (size_t i = 0; i < entries_.size() && entries_[i].at < position; ++i) {
    // The ends of one rename stand next to each other.
    const bool pair =
        i + 1 < entries_.size() && entries_[i + 1].at == entries_[i].at;
    const auto lasts = [&](const Entry& entry) {
      return entry.at < SyncedUpTo(entry.directory, position);
    };
    const auto apply = [&](const Entry& entry) {
      auto& entries = state.nodes[static_cast<size_t>(entry.directory)].entries;
      if (entry.target < 0) {
        entries.erase(entry.name);
      } else {
        entries[entry.name] = entry.target;
      }
    };
    const bool one_directory =
        pair && entries_[i].directory == entries_[i + 1].directory;
    if (pair && (renames_whole || one_directory)) {
      if ((lasts(entries_[i]) && lasts(entries_[i + 1])) ||
          Coin(random, keep)) {
        apply(entries_[i]);
        apply(entries_[i + 1]);
      }
      ++i;
    } else if (lasts(entries_[i]) || Coin(random, keep)) {
      apply(entries_[i]);
    }
  }
  return state;
}

uint64_t CrashState::Fingerprint() const {
  uint64_t sum = 14695981039346656037ULL;
  const auto add = [&](std::string_view text) {
    sum = (sum ^ std::hash<std::string_view>()(text)) * 1099511628211ULL;
  };
  std::vector<int> open = {0};
  while (!open.empty()) {
    const Node& node = nodes[static_cast<size_t>(open.back())];
    open.pop_back();
    add(node.content);
    add(std::to_string(node.mode));
    for (const auto& [name, target] : node.entries) {
      add(name);
      add(std::to_string(target));
      open.push_back(target);
    }
  }
  return sum;
}

std::map<uint64_t, std::pair<uint64_t, int64_t>> Materialise(
    const CrashState& state, const fs::path& root) {
  std::map<uint64_t, std::pair<uint64_t, int64_t>> identities;
  std::map<int, fs::path> made;
  std::vector<std::pair<int, fs::path>> open = {{0, root}};
  while (!open.empty()) {
    const auto [index, path] = open.back();
    open.pop_back();
    const CrashState::Node& node = state.nodes[static_cast<size_t>(index)];
    if (node.directory) {
      if (index != 0 && ::mkdir(path.c_str(), node.mode) != 0) {
        std::abort();
      }
      for (const auto& [name, target] : node.entries) {
        open.emplace_back(target, path / name);
      }
      continue;
    }
    if (const auto other = made.find(index); other != made.end()) {
      if (::link(other->second.c_str(), path.c_str()) != 0) {
        std::abort();
      }
      continue;
    }
    made[index] = path;
    const Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                       node.mode));
    struct stat info = {};
    if (!fd.valid() ||
        ::write(fd.get(), node.content.data(), node.content.size()) !=
            static_cast<ssize_t>(node.content.size()) ||
        ::fstat(fd.get(), &info) != 0) {
      std::abort();
    }
    identities[info.st_ino] = {node.inode, node.mtime_ns};
  }
  return identities;
}

}  // namespace bottled::testing
