// A published artifact without a packer: small, but with a footer.

#ifndef BOTTLED_TESTS_JOBS_PUBLISHED_H_
#define BOTTLED_TESTS_JOBS_PUBLISHED_H_

#include <fstream>
#include <string>

#include "gtest/gtest.h"
#include "store/index.h"
#include "store/objects.h"

namespace bottled::testing {

// The whole file that PublishFile() makes of `content`.
inline std::string FileOf(const std::string& content) {
  return content + "SMOLPACK" + std::string(56, '\x01');
}

// `job_id` is of no job yet.
inline ArtifactRecord PublishFile(Index& index, Objects& objects,
                                  const std::string& job_id,
                                  const std::string& content,
                                  const std::string& key) {
  JobRecord job;
  job.id = job_id;
  job.source = "test";
  job.content_key = Sha256Of(key);
  job.created_ms = 1;
  EXPECT_TRUE(index.InsertJob(job).ok());
  EXPECT_TRUE(index.MarkRunning(job_id, 1).ok());
  const auto stage = objects.MakeStage(job_id);
  EXPECT_TRUE(stage.ok()) << stage.status();
  std::ofstream(*stage / "out", std::ios::binary) << FileOf(content);
  ArtifactRecord record;
  record.digest = Sha256Of(FileOf(content));
  record.content_key = job.content_key;
  record.key_inputs = "{}";
  record.size_bytes = static_cast<int64_t>(FileOf(content).size());
  record.platform = "linux/amd64";
  record.config_digest = Sha256Of("config");
  record.layer_digest = Sha256Of("layer");
  record.packer = "native/1";
  const auto published = objects.Publish(job_id, *stage / "out", record);
  EXPECT_TRUE(published.ok()) << published.status();
  objects.RemoveStage(job_id);
  return published.ok() ? *published : record;
}

}  // namespace bottled::testing

#endif  // BOTTLED_TESTS_JOBS_PUBLISHED_H_
