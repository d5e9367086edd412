#include "pack/sidecar.h"

#include <string>

#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bottled {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Digest DigestOf(char digit) { return Digest::FromHex(std::string(64, digit)); }

SidecarManifest Sample() {
  ImageConfig config;
  config.platform = {"linux", "arm64", "v8"};
  config.env = {"PATH=/bin", "X=a b=c"};
  config.entrypoint = {"/init"};
  config.working_dir = "/srv";
  config.user = "agent";
  config.created = "2026-01-02T03:04:05Z";
  return MakeManifest(config, DigestOf('c'), {.cpus = 2, .memory_mib = 512},
                      DigestOf('a'), 10240);
}

TEST(FooterTest, GoldenBytes) {
  const std::string footer = EncodeFooter(
      {.assets_size = 0x0102030405, .manifest_size = 7, .crc32 = 0xdeadbeef});
  EXPECT_EQ(footer, std::string("SMOLPACK"
                                "\1\0\0\0"
                                "\0\0\0\0\0\0\0\0"
                                "\0\0\0\0\0\0\0\0"
                                "\5\4\3\2\1\0\0\0"
                                "\5\4\3\2\1\0\0\0"
                                "\7\0\0\0\0\0\0\0"
                                "\xef\xbe\xad\xde"
                                "\0\0\0\0\0\0\0\0",
                                64));
}

TEST(FooterTest, ReadsItsOwn) {
  const std::string footer = EncodeFooter(
      {.assets_size = 100, .manifest_size = 20, .crc32 = 0x80000001});
  const auto read = DecodeFooter(footer, 184);
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->assets_size, 100);
  EXPECT_EQ(read->manifest_size, 20);
  EXPECT_EQ(read->crc32, 0x80000001u);
}

TEST(FooterTest, RefusesAnyOtherSizeOfTheFile) {
  const std::string footer =
      EncodeFooter({.assets_size = 100, .manifest_size = 20});
  for (const int64_t size : {0, 63, 64, 100, 183, 185}) {
    EXPECT_TRUE(
        HasReason(DecodeFooter(footer, size).status(), "SIDECAR_INVALID"))
        << size;
  }
  EXPECT_FALSE(DecodeFooter(footer.substr(1), 184).ok());
  EXPECT_FALSE(DecodeFooter(footer + "x", 184).ok());
}

TEST(FooterTest, RefusesAChangedByteAnywhereButInTheChecksum) {
  const std::string footer =
      EncodeFooter({.assets_size = 100, .manifest_size = 20});
  for (size_t i = 0; i < footer.size(); ++i) {
    std::string changed = footer;
    changed[i] = static_cast<char>(changed[i] ^ 0x80);
    EXPECT_EQ(DecodeFooter(changed, 184).ok(), i >= 52 && i < 56) << i;
  }
}

TEST(FooterTest, RefusesSizesThatOverflow) {
  std::string footer = EncodeFooter({.assets_size = -1, .manifest_size = 2});
  EXPECT_FALSE(DecodeFooter(footer, 65).ok());
  footer = EncodeFooter({.assets_size = 100, .manifest_size = -100});
  EXPECT_FALSE(DecodeFooter(footer, 64).ok());
  footer = EncodeFooter({.assets_size = 0, .manifest_size = 20});
  EXPECT_FALSE(DecodeFooter(footer, 84).ok());
  footer = EncodeFooter({.assets_size = 20, .manifest_size = 0});
  EXPECT_FALSE(DecodeFooter(footer, 84).ok());
}

TEST(ManifestTest, GoldenText) {
  const auto text = EncodeManifest(Sample());
  ASSERT_TRUE(text.ok());
  EXPECT_EQ(*text, R"({
  "mode": "container",
  "image": "local:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc",
  "digest": "sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc",
  "platform": "linux/arm64",
  "entrypoint": [
    "/init"
  ],
  "cmd": [],
  "env": [
    "PATH=/bin",
    "X=a b=c"
  ],
  "workdir": "/srv",
  "user": "agent",
  "cpus": 2,
  "mem": 512,
  "image_size": 0,
  "network": false,
  "gpu": false,
  "cuda": false,
  "host_platform": "linux/arm64",
  "created": "2026-01-02T03:04:05Z",
  "smolvm_version": "1.32.2+bottled.2",
  "assets": {
    "libraries": [],
    "agent_rootfs": {
      "path": "agent-rootfs.tar",
      "size": 0
    },
    "layers": [
      {
        "digest": "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "path": "layers/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.tar",
        "size": 10240
      }
    ]
  }
})");
}

TEST(ManifestTest, LeavesOutWhatIsEmptyAndDatesFromTheEpoch) {
  ImageConfig config;
  config.platform = {"linux", "amd64", ""};
  const auto text =
      EncodeManifest(MakeManifest(config, DigestOf('c'), {}, DigestOf('a'), 1));
  ASSERT_TRUE(text.ok());
  EXPECT_EQ(text->find("workdir"), std::string::npos);
  EXPECT_EQ(text->find("\"user\""), std::string::npos);
  EXPECT_EQ(text->find("null"), std::string::npos);
  EXPECT_THAT(*text, HasSubstr("\"entrypoint\": []"));
  EXPECT_THAT(*text, HasSubstr("\"created\": \"1970-01-01T00:00:00Z\""));
}

TEST(ManifestTest, ReadsItsOwn) {
  SidecarManifest manifest = Sample();
  manifest.env.push_back("Q=\"\\\n\t\x01 \xc3\xa9 \xf0\x9f\x98\x80");
  const auto text = EncodeManifest(manifest);
  ASSERT_TRUE(text.ok());
  const auto read = DecodeManifest(*text);
  ASSERT_TRUE(read.ok()) << read.status().ToString();
  EXPECT_EQ(*read, manifest);
}

TEST(ManifestTest, RefusesWhatIsNotUtf8) {
  for (const char* bad : {"\xff", "\xc3", "\xed\xa0\x80", "\xc0\x80"}) {
    SidecarManifest manifest = Sample();
    manifest.user = bad;
    EXPECT_TRUE(HasReason(EncodeManifest(manifest).status(), "UNPACKABLE"));
  }
}

TEST(ManifestTest, RefusesMoreThan16MiB) {
  SidecarManifest manifest = Sample();
  manifest.env = {"A=" + std::string(15 << 20, 'x')};
  EXPECT_TRUE(EncodeManifest(manifest).ok());
  manifest.env = {"A=" + std::string(16 << 20, 'x')};
  EXPECT_TRUE(HasReason(EncodeManifest(manifest).status(), "UNPACKABLE"));
}

// The shape that the real `pack create` of smolvm 1.32.2 writes.
TEST(ManifestTest, ReadsSmolvmsOwn) {
  const std::string hex(64, 'b');
  const auto read = DecodeManifest(R"({
  "mode": "container",
  "image": "local:)" + hex + R"(",
  "digest": "packed",
  "platform": "linux/amd64",
  "cmd": ["/bin/sh"],
  "env": ["PATH=/bin"],
  "workdir": "/home/agent",
  "user": "agent",
  "cpus": 4, "mem": 8192, "image_size": 0,
  "network": false, "gpu": false, "cuda": false,
  "host_platform": "linux/amd64",
  "created": "2026-01-02T03:04:05.678901234Z",
  "smolvm_version": "1.32.2",
  "assets": {
    "libraries": [{"path": "lib/libkrun.so", "size": 7384952}],
    "agent_rootfs": {"path": "agent-rootfs.tar", "size": 36310016},
    "layers": [{"digest": "sha256:)" +
                                   hex + R"(",
                "path": "layers/)" +
                                   hex + R"(.tar", "size": 20480}],
    "storage_template": {"path": "storage.ext4", "size": 21474836480}
  }
})");
  ASSERT_TRUE(read.ok()) << read.status().ToString();
  EXPECT_TRUE(read->config_digest.empty());
  EXPECT_THAT(read->entrypoint, IsEmpty());
  EXPECT_THAT(read->cmd, ElementsAre("/bin/sh"));
  EXPECT_EQ(read->user, "agent");
  EXPECT_EQ(read->layer_size, 20480);
  EXPECT_EQ(read->layer_digest.hex(), hex);
}

struct Damage {
  const char* from;
  const char* to;
  const char* message;
};

class DamagedManifestTest : public testing::TestWithParam<Damage> {};

TEST_P(DamagedManifestTest, IsRefused) {
  std::string text = *EncodeManifest(Sample());
  const Damage& damage = GetParam();
  const size_t at = text.find(damage.from);
  ASSERT_NE(at, std::string::npos);
  text.replace(at, std::string(damage.from).size(), damage.to);
  const absl::Status status = DecodeManifest(text).status();
  EXPECT_TRUE(HasReason(status, "SIDECAR_INVALID"));
  EXPECT_THAT(std::string(status.message()), HasSubstr(damage.message));
}

INSTANTIATE_TEST_SUITE_P(
    All, DamagedManifestTest,
    testing::Values(
        Damage{"{", "[{", "not JSON"}, Damage{"{", "\xef\xbb\xbf{", "order"},
        Damage{"{", "{} {", "not JSON"}, Damage{"/srv", "\xff", "not JSON"},
        Damage{"/srv", "\\ud800", "not JSON"},
        Damage{"\"cmd\"", "\"env\"", "comes twice"},
        Damage{"\"libraries\"", "\"layers\"", "comes twice"},
        Damage{"\"image\"", "\"imago\"", "image is missing"},
        Damage{"\"digest\"", "\"digit\"", "digest is missing"},
        Damage{"\"platform\"", "\"platforms\"", "platform is missing"},
        Damage{"\"linux/arm64\"", "\"linux/arm64/v8\"", "platform"},
        Damage{"\"linux/arm64\"", "\"linux\"", "platform"},
        Damage{"\"cpus\": 2", "\"cpus\": 0", "cpus"},
        Damage{"\"cpus\": 2", "\"cpus\": 256", "cpus"},
        Damage{"\"cpus\": 2", "\"cpus\": \"2\"", "cpus"},
        Damage{"\"cpus\": 2", "\"cpus\": 2.0", "cpus"},
        Damage{"\"mem\": 512", "\"mem\": 63", "mem"},
        Damage{"\"mem\": 512", "\"mem\": 99999999999999999999", "mem"},
        Damage{"\"mem\": 512", "\"mem\": 1e999", "not JSON"},
        Damage{"\"cmd\": []", "\"cmd\": null", "cmd is no array"},
        Damage{"\"cmd\": []", "\"cmd\": [1]", "cmd holds"},
        Damage{"\"user\": \"agent\"", "\"user\": 7", "user is no string"},
        Damage{"\"gpu\": false", "\"gpu\": null", "gpu"},
        Damage{"\"mode\": \"container\"", "\"mode\": \"vm\"", "mode"},
        Damage{"\"mode\": \"container\"", "\"mode\": null", "mode"},
        Damage{"\"cuda\": false", "\"secret_refs\": {\"a\": {}}",
               "secret_refs"},
        Damage{"\"cuda\": false", "\"secret_refs\": null", "secret_refs"},
        Damage{"\"cuda\": false", "\"checkpoint\": {}", "checkpoint"},
        Damage{"\"assets\"", "\"assert\"", "assets is missing"},
        Damage{"\"libraries\": []", "\"libraries\": {}", "libraries"},
        Damage{"\"agent_rootfs\"", "\"agent\"", "agent_rootfs is missing"},
        Damage{"\"size\": 0", "\"size\": -1", "size"},
        Damage{"\"layers\": [", "\"layers\": [{},", "exactly one layer"},
        Damage{"sha256:aa", "sha256:Aa", "layers[0].digest"},
        Damage{"layers/aa", "layers/ab", "layers[0].path"},
        Damage{"layers/aa", "../layers/aa", "layers[0].path"}));

TEST(ManifestTest, AcceptsNullWhereSmolvmDoes) {
  std::string text = *EncodeManifest(Sample());
  text.replace(text.find("\"/srv\""), 6, "null");
  text.replace(text.find("\"agent\""), 7, "null");
  const auto read = DecodeManifest(text + "\n");
  ASSERT_TRUE(read.ok()) << read.status().ToString();
  EXPECT_EQ(read->workdir, "");
  EXPECT_EQ(read->user, "");
}

TEST(ManifestTest, RefusesEveryPrefix) {
  const std::string text = *EncodeManifest(Sample());
  for (size_t size = 0; size < text.size(); ++size) {
    EXPECT_FALSE(DecodeManifest(text.substr(0, size)).ok()) << size;
  }
}

TEST(ManifestTest, RefusesDeepNesting) {
  EXPECT_THAT(DecodeManifest(std::string(1 << 20, '[')).status().ToString(),
              HasSubstr("nested"));
}

}  // namespace
}  // namespace bottled
