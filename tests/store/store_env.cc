#include "store/store_env.h"

#include <sqlite3.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>
#include <utility>

#include "base/status_macros.h"
#include "fmt/format.h"
#include "gtest/gtest.h"
#include "platform/file.h"
#include "store/object_record.h"

namespace bottled::testing {

namespace fs = std::filesystem;

Places PlacesIn(const fs::path& root) {
  Places places;
  places.state_dir = root / "state";
  places.cache_dir = root / "cache";
  places.socket = root / "v1.sock";
  return places;
}

StoreEnv::StoreEnv(const fs::path& root) : StoreEnv(PlacesIn(root)) {}

StoreEnv::StoreEnv(Places places) : places_(std::move(places)) {}

StoreEnv::~StoreEnv() { Stop(); }

absl::Status StoreEnv::Start() {
  report_ = RecoveryReport();
  RETURN_IF_ERROR(EnsurePrivateDir(places_.state_dir, 0700));
  ASSIGN_OR_RETURN(InstanceLock lock,
                   InstanceLock::Acquire(places_.lock(), "test"));
  lock_.emplace(std::move(lock));
  ASSIGN_OR_RETURN(index_, OpenIndex(places_, *lock_, clock_, report_));
  ASSIGN_OR_RETURN(objects_, Objects::Open(places_, *index_, clock_));
  RETURN_IF_ERROR(Recover(places_, *index_, *objects_, clock_, report_));
  // As in the daemon, a failure of this is no reason not to serve.
  settled_ = SettleObjects(
                 places_, *index_, *objects_,
                 [](int64_t) { return absl::OkStatus(); }, report_)
                 .status();
  return absl::OkStatus();
}

void StoreEnv::Stop() {
  objects_.reset();
  index_.reset();
  lock_.reset();
}

void StoreEnv::Restart() {
  Stop();
  const absl::Status status = Start();
  ASSERT_TRUE(status.ok()) << status;
}

absl::StatusOr<StoreEnv::Staged> StoreEnv::Stage(const std::string& job_id,
                                                 const std::string& content,
                                                 const Digest& key) {
  JobRecord job;
  job.id = job_id;
  job.source = "test";
  job.content_key = key;
  job.created_ms = clock_.NowMs();
  job.boot_id = "boot";
  job.flight = "flight of " + job_id;
  RETURN_IF_ERROR(index_->InsertJob(job));
  RETURN_IF_ERROR(index_->MarkRunning(job_id, clock_.NowMs()));
  ASSIGN_OR_RETURN(const fs::path stage, objects_->MakeStage(job_id));
  Staged staged{.job_id = job_id,
                .file = stage / "out",
                .record = RecordOf(content, key)};
  WriteAllTo(staged.file, content);
  return staged;
}

absl::StatusOr<ArtifactRecord> StoreEnv::Publish(const std::string& job_id,
                                                 const std::string& content,
                                                 const Digest& key) {
  ASSIGN_OR_RETURN(const Staged staged, Stage(job_id, content, key));
  absl::StatusOr<ArtifactRecord> record =
      objects_->Publish(job_id, staged.file, staged.record);
  objects_->RemoveStage(job_id);
  return record;
}

ArtifactRecord StoreEnv::MustPublish(int seed) {
  const absl::StatusOr<ArtifactRecord> record = Publish(
      fmt::format("made-{}-{}", seed, ++jobs_), SidecarLike(seed), KeyOf(seed));
  EXPECT_TRUE(record.ok()) << record.status();
  return record.ok() ? *record : ArtifactRecord();
}

std::string SidecarLike(int seed, size_t size) {
  std::string content;
  content.reserve(size);
  uint32_t state = static_cast<uint32_t>(seed) * 2654435761U + 1;
  while (content.size() + 64 < size) {
    state = state * 1664525U + 1013904223U;
    content.push_back(static_cast<char>(state >> 24));
  }
  content += "SMOLPACK";
  content.append(56, '\x01');
  return content;
}

Digest KeyOf(int seed) { return Sha256Of(fmt::format("key {}", seed)); }

ArtifactRecord RecordOf(const std::string& content, const Digest& key) {
  ArtifactRecord record;
  record.digest = Sha256Of(content);
  record.content_key = key;
  record.key_inputs = R"({"cmd":["sh"]})";
  record.size_bytes = static_cast<int64_t>(content.size());
  record.unpacked_bytes = 3 * record.size_bytes;
  record.entry_count = 17;
  record.platform = "linux/amd64";
  record.config_digest = Sha256Of("config");
  record.layer_digest = Sha256Of("layer");
  record.packer = "native/1";
  record.notes = {{.kind = "FIFO",
                   .count = 2,
                   .example = "run/p\xff\"\n",
                   .message = "pipes"}};
  record.references = {"app:latest", "app:1"};
  return record;
}

std::string ReadAll(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in.good()) << path;
  return std::string(std::istreambuf_iterator<char>(in), {});
}

void WriteAllTo(const fs::path& path, const std::string& content) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << content;
  out.close();
  EXPECT_TRUE(out.good()) << path;
}

void Overwrite(const fs::path& path, const std::string& content) {
  EXPECT_EQ(::chmod(path.c_str(), 0600), 0) << path;
  WriteAllTo(path, content);
}

std::vector<std::string> Names(const fs::path& dir) {
  const auto names = ListDir(dir);
  EXPECT_TRUE(names.ok()) << names.status();
  return names.ok() ? *names : std::vector<std::string>();
}

std::vector<std::string> Tree(const fs::path& dir) {
  std::vector<std::string> paths;
  for (const auto& entry : fs::recursive_directory_iterator(dir)) {
    if (!entry.is_directory() || entry.is_symlink()) {
      paths.push_back(entry.path().lexically_relative(dir).native());
    }
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

void RawSql(const fs::path& path, const char* sql) {
  sqlite3* raw = nullptr;
  EXPECT_EQ(sqlite3_open(path.c_str(), &raw), SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(raw, sql, nullptr, nullptr, nullptr), SQLITE_OK)
      << sqlite3_errmsg(raw);
  sqlite3_close(raw);
}

std::string Disagreement(StoreEnv& env) {
  const Places& places = env.places();
  const auto rows = env.index().ListArtifacts(0);
  if (!rows.ok()) {
    return rows.status().ToString();
  }
  std::set<std::string> expected;
  for (const ArtifactRecord& row : *rows) {
    const std::string& hex = row.digest.hex();
    expected.insert(hex.substr(0, 2) + "/" + hex + ".smolmachine");
    expected.insert(hex.substr(0, 2) + "/" + hex + ".json");
    if (!PathExists(places.object(hex)) ||
        !PathExists(places.object_record(hex))) {
      return "no file or no record of " + hex;
    }
    if (Sha256Of(ReadAll(places.object(hex))) != row.digest) {
      return "bad bytes in " + hex;
    }
    const auto fd = env.objects().OpenObject(row);
    if (!fd.ok()) {
      return fd.status().ToString();
    }
    const auto record = DecodeObjectRecord(ReadAll(places.object_record(hex)));
    if (!record.ok() || record->digest != row.digest) {
      return "bad record of " + hex;
    }
    struct stat info = {};
    if (::stat(places.object(hex).c_str(), &info) != 0 ||
        (info.st_mode & 07777) != 0400) {
      return "bad mode of " + hex;
    }
  }
  const std::vector<std::string> files = Tree(places.objects());
  if (std::set<std::string>(files.begin(), files.end()) != expected) {
    return fmt::format("{} files in obj/ for {} rows", files.size(),
                       rows->size());
  }
  if (!Names(places.stage()).empty()) {
    return "stage/ is not empty";
  }
  return Names(places.trash()).empty() ? "" : "trash/ is not empty";
}

}  // namespace bottled::testing
