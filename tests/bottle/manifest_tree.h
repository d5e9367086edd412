// A home and a repository with manifests, as a fixture.

#ifndef BOTTLED_TESTS_BOTTLE_MANIFEST_TREE_H_
#define BOTTLED_TESTS_BOTTLE_MANIFEST_TREE_H_

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/error.h"
#include "bottle/manifest_load.h"
#include "gtest/gtest.h"
#include "platform/temp_dir.h"

namespace bottled {

class ManifestTree : public testing::Test {
 protected:
  ManifestTree() {
    std::filesystem::create_directory(home());
    std::filesystem::create_directory(cwd());
    for (const char* kind : {"bottles", "agents"}) {
      std::filesystem::create_directories(home() / ".bot-bottle" / kind);
    }
  }

  std::filesystem::path home() const { return dir_ / "home"; }
  std::filesystem::path cwd() const { return dir_ / "repo"; }
  std::filesystem::path Own(const std::string& name) const {
    return home() / ".bot-bottle" / (name + ".md");
  }
  std::filesystem::path Foreign(const std::string& name) const {
    return cwd() / ".bot-bottle/agents" / (name + ".md");
  }

  static void Write(const std::filesystem::path& path,
                    const std::string& content) {
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << content;
    ASSERT_EQ(::chmod(path.c_str(), 0644), 0);
  }
  void Agent(const std::string& name, const std::string& yaml) {
    Write(Own("agents/" + name), "---\n" + yaml + "\n---\nhome prompt\n");
  }
  void Bottle(const std::string& name, const std::string& yaml) {
    Write(Own("bottles/" + name), "---\n" + yaml + "\n---\n");
  }

  ManifestRequest Request(const std::string& agent,
                          const std::vector<std::string>& bottles = {}) const {
    return {agent, bottles, home().string(), cwd().string()};
  }
  absl::StatusOr<Manifest> Load(
      const std::string& agent,
      const std::vector<std::string>& bottles = {}) const {
    return LoadManifest(Request(agent, bottles), memo_);
  }
  std::string Reason(const std::string& agent,
                     const std::vector<std::string>& bottles = {}) const {
    const auto result = Load(agent, bottles);
    return result.ok() ? "OK" : GetErrorDetail(result.status()).reason;
  }
  std::string Message(const std::string& agent) const {
    return std::string(Load(agent).status().message());
  }

  mutable ManifestMemo memo_;

 private:
  const TempDir dir_;
};

inline std::vector<std::string> Reasons(const Manifest& manifest) {
  std::vector<std::string> out;
  for (const Warning& warning : manifest.warnings) {
    out.push_back(warning.reason);
  }
  return out;
}

}  // namespace bottled

#endif  // BOTTLED_TESTS_BOTTLE_MANIFEST_TREE_H_
