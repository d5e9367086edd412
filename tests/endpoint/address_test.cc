#include "endpoint/address.h"

#include <string>

#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bottled {
namespace {

using testing::HasSubstr;
using testing::Not;

struct GoodCase {
  std::string text;
  std::string canonical;
  bool tls = false;
};

class GoodAddress : public testing::TestWithParam<GoodCase> {};

TEST_P(GoodAddress, HasACanonicalForm) {
  const auto address = ParseEngineAddress(GetParam().text, GetParam().tls);
  ASSERT_TRUE(address.ok()) << address.status();
  EXPECT_EQ(*address, GetParam().canonical);
  // Canonical forms stay as they are.
  EXPECT_EQ(*ParseEngineAddress(*address, GetParam().tls), *address);
}

INSTANTIATE_TEST_SUITE_P(
    All, GoodAddress,
    testing::Values(
        GoodCase{"unix:///run/docker.sock", "unix:///run/docker.sock"},
        GoodCase{"unix://", "unix:///var/run/docker.sock"},
        GoodCase{" unix:///a b.sock\n", "unix:///a b.sock"},
        GoodCase{"unix:///" + std::string(106, 's'),
                 "unix:///" + std::string(106, 's')},
        GoodCase{"tcp://", "tcp://localhost:2375"},
        GoodCase{"tcp://", "tcp://localhost:2376", true},
        GoodCase{"tcp://h", "tcp://h:2375"},
        GoodCase{"tcp://h/", "tcp://h:2375"},
        GoodCase{"tcp://h:", "tcp://h:2375"},
        GoodCase{"tcp://:1234", "tcp://localhost:1234"},
        GoodCase{"tcp://10.0.0.1:65535", "tcp://10.0.0.1:65535"},
        GoodCase{"tcp://[::1]:80", "tcp://[::1]:80"},
        GoodCase{"tcp://[fe80::1%eth0]", "tcp://[fe80::1%eth0]:2375"},
        GoodCase{"localhost:2375", "tcp://localhost:2375"},
        GoodCase{"ssh://host", "ssh://host"},
        GoodCase{"ssh://me@host:22", "ssh://me@host:22"},
        GoodCase{"ssh://me@[::1]:22/", "ssh://me@[::1]:22"},
        GoodCase{"ssh://a.b-c_d@h-1.example", "ssh://a.b-c_d@h-1.example"}));

class BadAddress : public testing::TestWithParam<std::string> {};

TEST_P(BadAddress, IsRefused) {
  const auto address = ParseEngineAddress(GetParam(), false);
  EXPECT_TRUE(HasReason(address.status(), "BAD_ENGINE_ADDRESS")) << *address;
  EXPECT_NE(GetErrorDetail(address.status()).remedy, "");
}

INSTANTIATE_TEST_SUITE_P(
    All, BadAddress,
    testing::Values(
        "", "  ", "http://h:1", "https://h", "npipe:////./pipe/docker", "fd://",
        "://", "/var/run/docker.sock", "unix://relative.sock", "unix://./x",
        "unix:///a\nb", "unix:///" + std::string(107, 's'), "tcp://h:0",
        "tcp://h:65536", "tcp://h:-1", "tcp://h:1x", "tcp://h:1:2",
        "tcp://h/path", "tcp://h?q", "tcp://u@h", "tcp://[::1", "tcp://[]:1",
        "tcp://[::1]1", "tcp://[a b]:1", "tcp://-h:1", "tcp://h h",
        "tcp://::1:80", "ssh://", "ssh://me@", "ssh://@h", "ssh://-oProxy=x",
        "ssh://-l@h", "ssh://me:secret@h", "ssh://h/run/docker.sock",
        "ssh://h\tx", "ssh://h;x", "ssh://h:22x", "ssh://me @h",
        "tcp://" + std::string(5000, 'h')));

TEST(BadAddress, NoPasswordInMessages) {
  for (const char* text : {"ssh://me:hunter2@h", "tcp://me:hunter2@h:1",
                           "https://me:hunter2@h", "me:hunter2@h:1"}) {
    const auto address = ParseEngineAddress(text, false);
    ASSERT_FALSE(address.ok()) << text;
    EXPECT_THAT(address.status().ToString(), Not(HasSubstr("hunter2")));
  }
}

}  // namespace
}  // namespace bottled
