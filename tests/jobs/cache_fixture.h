// A cache of small artifacts, with a clock that the test turns.

#ifndef BOTTLED_TESTS_JOBS_CACHE_FIXTURE_H_
#define BOTTLED_TESTS_JOBS_CACHE_FIXTURE_H_

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "image/digest.h"
#include "jobs/leases.h"
#include "jobs/published.h"
#include "jobs/tools.h"
#include "store/objects.h"

namespace bottled::testing {

class CacheFixture : public ::testing::Test {
 protected:
  static constexpr int64_t kBytes = 1000;

  CacheFixture() {
    auto objects = Objects::Open(index_.places(), *index_, clock_);
    EXPECT_TRUE(objects.ok()) << objects.status();
    objects_ = *std::move(objects);
  }

  // A file of kBytes, made now, that `key` leads to from here on.
  ArtifactRecord Publish(const std::string& name, const std::string& key) {
    const auto content_bytes =
        static_cast<size_t>(kBytes) - FileOf("").size() - name.size();
    ArtifactRecord record =
        PublishFile(*index_, *objects_, "job-" + name,
                    name + std::string(content_bytes, '.'), key);
    names_[record.digest] = name;
    return record;
  }
  // One with a key of its own.
  ArtifactRecord Publish(const std::string& name) {
    return Publish(name, "key of " + name);
  }
  // One a day, the first the oldest.
  std::vector<ArtifactRecord> PublishDaily(
      const std::vector<std::string>& names) {
    std::vector<ArtifactRecord> records;
    for (const std::string& name : names) {
      records.push_back(Publish(name));
      clock_.Advance(std::chrono::hours(24));
    }
    return records;
  }
  // The names of what is there, the last used first.
  std::vector<std::string> Left() {
    std::vector<std::string> names;
    const auto records = index_->ListArtifacts(0);
    EXPECT_TRUE(records.ok()) << records.status();
    for (const ArtifactRecord& record : *records) {
      names.push_back(names_[record.digest]);
      EXPECT_TRUE(std::filesystem::exists(objects_->Path(record)));
    }
    return names;
  }

  TestClock clock_;
  TestIndex index_;
  std::unique_ptr<Objects> objects_;
  Leases leases_{*index_, clock_};
  std::map<Digest, std::string> names_;
};

}  // namespace bottled::testing

#endif  // BOTTLED_TESTS_JOBS_CACHE_FIXTURE_H_
