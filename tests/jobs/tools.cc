#include "jobs/tools.h"

#include <poll.h>
#include <stdlib.h>

#include <thread>

#include "fmt/format.h"
#include "fmt/ranges.h"
#include "gtest/gtest.h"
#include "image/digest.h"
#include "image/platform.h"
#include "image/tar_writer.h"
#include "platform/file.h"

namespace bottled::testing {
namespace {

void AddMember(std::string& tar, const std::string& path,
               std::string_view content) {
  Entry entry;
  entry.path = path;
  entry.mode = 0644;
  entry.size = static_cast<int64_t>(content.size());
  tar += TarHeader(entry);
  tar += content;
  tar.append(static_cast<size_t>(TarPadding(entry.size)), '\0');
}

void AddDirectory(std::string& tar, const std::string& path) {
  Entry entry;
  entry.kind = EntryKind::kDirectory;
  entry.path = path;
  entry.mode = 0755;
  tar += TarHeader(entry);
}

std::string BlobPath(std::string_view content) {
  return "blobs/sha256/" + Sha256Of(content).hex();
}

}  // namespace

TempDir::TempDir() {
  std::string name =
      (std::filesystem::temp_directory_path() / "bottled-jobs-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) {
    ADD_FAILURE() << "no temporary directory";
  }
  path_ = name;
}

TempDir::~TempDir() { EXPECT_TRUE(RemoveTree(path_).ok()); }

TestIndex::TestIndex() {
  places_.state_dir = dir_.path() / "state";
  places_.cache_dir = dir_.path() / "cache";
  places_.socket = dir_.path() / "v1.sock";
  EXPECT_TRUE(EnsurePrivateDir(places_.state_dir, 0700).ok());
  auto lock = InstanceLock::Acquire(places_.lock(), "test");
  EXPECT_TRUE(lock.ok()) << lock.status();
  lock_ = std::make_unique<InstanceLock>(*std::move(lock));
  auto index = Index::Open(places_.database(), *lock_);
  EXPECT_TRUE(index.ok()) << index.status();
  index_ = *std::move(index);
}

bool WaitUntil(const std::function<bool()>& done) {
  const auto deadline =
      std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (!done()) {
    if (std::chrono::steady_clock::now() > deadline) {
      return false;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

JobSnapshot WaitForEnd(const Job& job) {
  // The event comes last, so wait for it and not for the state.
  EXPECT_TRUE(WaitUntil([&] {
    return job.events().Read(job.events().last_seq(), 1).finished;
  })) << "job "
      << job.id() << " never ended";
  return job.Snapshot();
}

std::string MakeLayer(const std::vector<TestFile>& files) {
  std::string tar;
  for (const TestFile& file : files) {
    if (file.path.ends_with('/')) {
      AddDirectory(tar, file.path.substr(0, file.path.size() - 1));
    } else {
      AddMember(tar, file.path, file.content);
    }
  }
  tar.append(static_cast<size_t>(kTarEndBytes), '\0');
  return tar;
}

std::string MakeFifoLayer(const std::string& path) {
  Entry entry;
  entry.kind = EntryKind::kFifo;
  entry.path = path;
  entry.mode = 0644;
  std::string tar = TarHeader(entry);
  tar.append(static_cast<size_t>(kTarEndBytes), '\0');
  return tar;
}

std::string MakeConfig(const TestImage& image) {
  std::vector<std::string> diff_ids;
  for (const std::string& layer : image.layers) {
    diff_ids.push_back(fmt::format("\"{}\"", Sha256Of(layer).ToString()));
  }
  return fmt::format(
      R"({{"architecture":"{}","os":"linux","config":{{"Env":["A=b"],)"
      R"("Cmd":["/bin/sh"],"User":"agent"}},)"
      R"("rootfs":{{"type":"layers","diff_ids":[{}]}}}})",
      image.architecture.empty() ? HostPlatform().architecture
                                 : image.architecture,
      fmt::join(diff_ids, ","));
}

std::string MakeArchive(const TestImage& image) {
  std::string tar;
  std::vector<std::string> layer_paths;
  for (size_t i = 0; i < image.layers.size(); ++i) {
    const std::string& layer = image.layers[i];
    layer_paths.push_back(fmt::format("\"{}\"", BlobPath(layer)));
    if (!image.omit_last_layer || i + 1 < image.layers.size()) {
      AddMember(tar, BlobPath(layer), layer);
    }
  }
  const std::string config = MakeConfig(image);
  AddMember(tar, BlobPath(config), config);
  AddMember(
      tar, "manifest.json",
      fmt::format(R"([{{"Config":"{}","RepoTags":["{}"],"Layers":[{}]}}])",
                  BlobPath(config), image.tag, fmt::join(layer_paths, ",")));
  tar.append(static_cast<size_t>(kTarEndBytes), '\0');
  return tar;
}

std::string MakeSmallArchive(const std::string& content) {
  return MakeArchive(
      {.layers = {MakeLayer({{"etc/", ""}, {"etc/motd", content}})}});
}

absl::StatusOr<std::string_view> MemorySource::Next() {
  const std::string_view block =
      std::string_view(bytes_).substr(offset_, block_);
  offset_ += block.size();
  return block;
}

absl::StatusOr<std::string_view> BlockingSource::Next() {
  if (!given_ && !bytes_.empty()) {
    given_ = true;
    return std::string_view(bytes_);
  }
  return BlockUntilCancelled(cancel_);
}

absl::Status BlockUntilCancelled(const CancelToken& cancel) {
  while (!cancel.Cancelled()) {
    pollfd fd{.fd = cancel.fd(), .events = POLLIN, .revents = 0};
    ::poll(&fd, 1, 1000);
  }
  return cancel.Check();
}

std::vector<std::string> NamesIn(const std::filesystem::path& dir) {
  auto names = ListDir(dir);
  EXPECT_TRUE(names.ok()) << names.status();
  return names.ok() ? *names : std::vector<std::string>{"?"};
}

}  // namespace bottled::testing
