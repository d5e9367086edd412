#include "image/content_key.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "image/archive_tools.h"
#include "image/chain_id.h"
#include "nlohmann/json.hpp"

namespace bottled {
namespace {

ImageConfig Config() {
  ImageConfig config;
  config.platform = {.os = "linux", .architecture = "amd64", .variant = ""};
  config.env = {"A=b"};
  config.entrypoint = {"/e"};
  config.cmd = {"c"};
  config.working_dir = "/w";
  config.user = "u";
  config.created = "2026-01-02T03:04:05Z";
  config.diff_ids = {Sha256Of("1"), Sha256Of("2")};
  return config;
}

Digest KeyOf(const ImageConfig& config, const PackOptions& options = {},
             const std::string& packer = "native/1") {
  return ContentKey(ContentKeyInputs(config, options, packer));
}

TEST(ContentKey, IsCanonicalJson) {
  const std::string inputs = ContentKeyInputs(Config(), {}, "native/1");
  EXPECT_EQ(nlohmann::json::parse(inputs).dump(), inputs);
  EXPECT_EQ(inputs.find(' '), std::string::npos);
  EXPECT_EQ(inputs, ContentKeyInputs(Config(), {}, "native/1"));
}

TEST(ContentKey, CountsAllThatMakesTheArtifact) {
  std::set<Digest> keys = {KeyOf(Config())};
  const auto add = [&](auto change) {
    ImageConfig config = Config();
    change(config);
    keys.insert(KeyOf(config));
  };
  add([](ImageConfig& c) { c.platform.os = "plan9"; });
  add([](ImageConfig& c) { c.platform.architecture = "arm64"; });
  add([](ImageConfig& c) { c.env.push_back("X=y"); });
  add([](ImageConfig& c) { c.entrypoint = {"/e", "c"}; });
  add([](ImageConfig& c) { c.cmd.clear(); });
  add([](ImageConfig& c) { c.working_dir = ""; });
  add([](ImageConfig& c) { c.user = "v"; });
  add([](ImageConfig& c) { std::swap(c.diff_ids[0], c.diff_ids[1]); });
  add([](ImageConfig& c) { c.diff_ids.pop_back(); });
  keys.insert(KeyOf(Config(), {.cpus = 5, .memory_mib = 8192}));
  keys.insert(KeyOf(Config(), {.cpus = 4, .memory_mib = 4096}));
  keys.insert(KeyOf(Config(), {}, "native/2"));
  EXPECT_EQ(keys.size(), 13U);
}

TEST(ContentKey, LeavesOutWhatDoesNot) {
  ImageConfig config = Config();
  config.created = "";
  EXPECT_EQ(KeyOf(config), KeyOf(Config()));
  config.platform.variant = "v8";
  EXPECT_EQ(KeyOf(config), KeyOf(Config()));
}

TEST(PackOptions, HaveBounds) {
  EXPECT_TRUE(ValidatePackOptions({}).ok());
  EXPECT_TRUE(ValidatePackOptions({.cpus = 255, .memory_mib = 64}).ok());
  for (const PackOptions options : {PackOptions{.cpus = 0, .memory_mib = 64},
                                    PackOptions{.cpus = 256, .memory_mib = 64},
                                    PackOptions{.cpus = 1, .memory_mib = 63},
                                    PackOptions{.cpus = 1, .memory_mib = -1}}) {
    EXPECT_EQ(ReasonOf(ValidatePackOptions(options)), "BAD_PACK_OPTIONS");
  }
}

TEST(ChainId, FoldsTheLayers) {
  const Digest a = Sha256Of("a");
  const Digest b = Sha256Of("b");
  const std::vector<Digest> one = {a};
  const std::vector<Digest> two = {a, b};
  EXPECT_EQ(ChainId(one), a);
  EXPECT_EQ(ChainId(two), Sha256Of(a.ToString() + " " + b.ToString()));
  EXPECT_EQ(ChainId({}), Sha256Of(""));
}

}  // namespace
}  // namespace bottled
