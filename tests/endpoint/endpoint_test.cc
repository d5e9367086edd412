#include "endpoint/endpoint.h"

#include <sys/stat.h>

#include <filesystem>
#include <map>
#include <string>

#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "platform/file.h"
#include "platform/temp_dir.h"

namespace bottled {
namespace {

using testing::HasSubstr;

// printf '%s' colima | sha256sum
constexpr char kColimaId[] =
    "f24fd3749c1368328e2b149bec149cb6795619f244c5b584e844961215dadd16";

// A home directory with docker's files, and an environment.
class EndpointTest : public testing::Test {
 protected:
  EndpointTest() { env_["HOME"] = home_.path().native(); }

  void WriteConfig(const std::string& text) {
    Write(home_ / ".docker/config.json", text);
  }
  void WriteColima(const std::string& text) {
    Write(ColimaDir("meta") / "meta.json", text);
  }
  std::filesystem::path ColimaDir(const char* kind) {
    return home_.path() / ".docker/contexts" / kind / kColimaId;
  }
  static void Write(const std::filesystem::path& path,
                    const std::string& text) {
    std::filesystem::create_directories(path.parent_path());
    ASSERT_TRUE(WriteFileAtomic(path, text, 0600).ok());
  }

  absl::StatusOr<EngineEndpoint> Resolve(const std::string& flag = "") {
    return ResolveEndpoint(
        [this](const char* name) -> std::optional<std::string> {
          const auto it = env_.find(name);
          return it == env_.end() ? std::nullopt : std::optional(it->second);
        },
        flag);
  }
  // The endpoint, which must exist and pass the check of the other side.
  EngineEndpoint Good(const std::string& flag = "") {
    const auto endpoint = Resolve(flag);
    EXPECT_TRUE(endpoint.ok()) << endpoint.status();
    if (!endpoint.ok()) {
      return {};
    }
    EXPECT_TRUE(ValidateEndpoint(*endpoint).ok())
        << ValidateEndpoint(*endpoint);
    return *endpoint;
  }
  std::string Reason(const std::string& flag = "") {
    const auto endpoint = Resolve(flag);
    return endpoint.ok() ? "OK " + endpoint->host
                         : GetErrorDetail(endpoint.status()).reason;
  }

  const TempDir home_;
  std::map<std::string, std::string> env_;
};

constexpr char kColima[] =
    R"({"Name":"colima","Metadata":{},"Endpoints":{"docker":)"
    R"({"Host":"unix:///colima.sock","SkipTLSVerify":false}}})";

TEST_F(EndpointTest, Default) {
  const EngineEndpoint expected = {.host = "unix:///var/run/docker.sock",
                                   .tls_dir = "",
                                   .skip_tls_verify = false,
                                   .origin = "default"};
  EXPECT_EQ(Good(), expected);
  env_.clear();
  EXPECT_EQ(Good(), expected);
  EXPECT_EQ(Good("default"), expected);
}

TEST_F(EndpointTest, OrderOfPrecedence) {
  WriteColima(kColima);
  WriteConfig(R"({"auths":{},"currentContext":"colima"})");
  EXPECT_EQ(Good().host, "unix:///colima.sock");
  EXPECT_EQ(Good().origin, "context colima");

  // DOCKER_CONTEXT beats the file.
  env_["DOCKER_CONTEXT"] = "default";
  EXPECT_EQ(Good().origin, "default");
  env_["DOCKER_CONTEXT"] = "colima";
  EXPECT_EQ(Good().origin, "context colima");

  // DOCKER_HOST beats DOCKER_CONTEXT.
  env_["DOCKER_HOST"] = "unix:///host.sock";
  EXPECT_EQ(Good().host, "unix:///host.sock");
  EXPECT_EQ(Good().origin, "DOCKER_HOST");

  // The flag beats all; "default" means what DOCKER_HOST says.
  EXPECT_EQ(Good("colima").origin, "context colima");
  EXPECT_EQ(Good("unix:///flag.sock").host, "unix:///flag.sock");
  EXPECT_EQ(Good("unix:///flag.sock").origin, "--engine");
  EXPECT_EQ(Good("localhost:1234").host, "tcp://localhost:1234");
  EXPECT_EQ(Good("default").host, "unix:///host.sock");
}

TEST_F(EndpointTest, EmptyVariablesCountAsUnset) {
  env_["DOCKER_HOST"] = "";
  env_["DOCKER_CONTEXT"] = "";
  env_["DOCKER_CONFIG"] = "";
  env_["DOCKER_TLS_VERIFY"] = "";
  WriteColima(kColima);
  WriteConfig(R"({"currentContext":"colima"})");
  EXPECT_EQ(Good().origin, "context colima");
}

TEST_F(EndpointTest, DockerConfigMovesTheDirectory) {
  WriteColima(kColima);
  const TempDir other;
  env_["DOCKER_CONFIG"] = other.path().native();
  EXPECT_EQ(Good().origin, "default");
  EXPECT_EQ(Reason("colima"), "ENGINE_CONTEXT_NOT_FOUND");
  std::filesystem::rename(home_ / ".docker/contexts", other / "contexts");
  Write(other / "config.json", R"({"currentContext":"colima"})");
  EXPECT_EQ(Good().origin, "context colima");
}

TEST_F(EndpointTest, AMissingContextIsNotTheDefaultOne) {
  EXPECT_EQ(Reason("nowhere"), "ENGINE_CONTEXT_NOT_FOUND");
  env_["DOCKER_CONTEXT"] = "nowhere";
  EXPECT_EQ(Reason(), "ENGINE_CONTEXT_NOT_FOUND");
  EXPECT_THAT(std::string(Resolve().status().message()),
              HasSubstr("DOCKER_CONTEXT"));
  env_.erase("DOCKER_CONTEXT");
  WriteConfig(R"({"currentContext":"../../etc"})");
  EXPECT_EQ(Reason(), "ENGINE_CONTEXT_NOT_FOUND");
  env_.clear();
  EXPECT_EQ(Reason("colima"), "ENGINE_CONTEXT_NOT_FOUND");
}

TEST_F(EndpointTest, DamagedConfig) {
  for (const char* text : {"", "{", "[]", "3", "\xff", "{\"currentContext\":1}",
                           "{\"currentContext\":{}}"}) {
    WriteConfig(text);
    EXPECT_EQ(Reason(), "DOCKER_CONFIG_INVALID") << text;
  }
  WriteConfig(std::string(5 << 20, ' '));
  EXPECT_EQ(Reason(), "DOCKER_CONFIG_INVALID");
  WriteConfig(std::string(1 << 20, '['));
  EXPECT_EQ(Reason(), "DOCKER_CONFIG_INVALID");
  // Nobody asks the file when something else decides.
  EXPECT_EQ(Good("unix:///x").host, "unix:///x");
  WriteConfig(R"({"currentContext":null})");
  EXPECT_EQ(Good().origin, "default");
  WriteConfig("{}");
  EXPECT_EQ(Good().origin, "default");
}

TEST_F(EndpointTest, ConfigThatIsNoFile) {
  std::filesystem::create_directories(home_ / ".docker");
  ASSERT_EQ(::mkfifo((home_ / ".docker/config.json").c_str(), 0600), 0);
  EXPECT_EQ(Reason(), "DOCKER_CONFIG_INVALID");
}

TEST_F(EndpointTest, DamagedContext) {
  for (const char* text :
       {"", "[]", "{}", R"({"Endpoints":[]})", R"({"Endpoints":{}})",
        R"({"Endpoints":{"docker":3}})", R"({"Endpoints":{"docker":{}}})",
        R"({"Endpoints":{"docker":{"Host":7}}})",
        R"({"Endpoints":{"docker":{"Host":""}}})",
        R"({"Endpoints":{"docker":{"Host":"http://x"}}})",
        R"({"Endpoints":{"kubernetes":{"Host":"unix:///x"}}})"}) {
    WriteColima(text);
    EXPECT_EQ(Reason("colima"), "DOCKER_CONFIG_INVALID") << text;
  }
}

TEST_F(EndpointTest, TlsOfAContext) {
  WriteColima(
      R"({"Endpoints":{"docker":{"Host":"tcp://h","SkipTLSVerify":false}}})");
  EXPECT_EQ(Good("colima").host, "tcp://h:2375");
  EXPECT_EQ(Good("colima").tls_dir, "");

  Write(ColimaDir("tls") / "docker/ca.pem", "pem");
  EXPECT_EQ(Good("colima").host, "tcp://h:2376");
  EXPECT_EQ(Good("colima").tls_dir, (ColimaDir("tls") / "docker").native());
  EXPECT_FALSE(Good("colima").skip_tls_verify);

  // The environment's TLS is not a context's.
  env_["DOCKER_TLS_VERIFY"] = "1";
  env_["DOCKER_CERT_PATH"] = "/certs";
  EXPECT_EQ(Good("colima").tls_dir, (ColimaDir("tls") / "docker").native());

  WriteColima(
      R"({"Endpoints":{"docker":{"Host":"tcp://h:1","SkipTLSVerify":true}}})");
  EXPECT_TRUE(Good("colima").skip_tls_verify);
  EXPECT_NE(Good("colima").tls_dir, "");

  // Certificates beside a socket are left over from something else.
  WriteColima(kColima);
  EXPECT_EQ(Good("colima").tls_dir, "");
}

TEST_F(EndpointTest, TlsOfTheEnvironment) {
  env_["DOCKER_HOST"] = "tcp://h";
  env_["DOCKER_CERT_PATH"] = "/certs";
  EXPECT_EQ(Good().tls_dir, "") << "the path alone turns nothing on";
  EXPECT_EQ(Good().host, "tcp://h:2375");

  env_["DOCKER_TLS_VERIFY"] = "0";  // Any value counts, as in docker.
  EXPECT_EQ(Good().host, "tcp://h:2376");
  EXPECT_EQ(Good().tls_dir, "/certs");
  EXPECT_FALSE(Good().skip_tls_verify);
  EXPECT_EQ(Good("tcp://flag:1").tls_dir, "/certs");

  env_.erase("DOCKER_CERT_PATH");
  EXPECT_EQ(Good().tls_dir, (home_ / ".docker").native());

  env_.erase("DOCKER_TLS_VERIFY");
  env_["DOCKER_TLS"] = "1";
  EXPECT_TRUE(Good().skip_tls_verify);

  env_["DOCKER_HOST"] = "unix:///x";
  EXPECT_EQ(Good().tls_dir, "");
  EXPECT_FALSE(Good().skip_tls_verify);

  env_.erase("DOCKER_HOST");
  EXPECT_EQ(Good().host, "tcp://localhost:2376");
}

TEST_F(EndpointTest, ARelativeCertificatePathIsMadeAbsolute) {
  env_["DOCKER_HOST"] = "tcp://h";
  env_["DOCKER_TLS_VERIFY"] = "1";
  env_["DOCKER_CERT_PATH"] = "certs";
  EXPECT_EQ(Good().tls_dir, std::filesystem::current_path() / "certs");
}

TEST_F(EndpointTest, BadAddresses) {
  env_["DOCKER_HOST"] = "http://x";
  EXPECT_EQ(Reason(), "BAD_ENGINE_ADDRESS");
  EXPECT_EQ(Reason("/var/run/docker.sock"), "BAD_ENGINE_ADDRESS");
  EXPECT_EQ(Reason("ssh://-oProxyCommand=x"), "BAD_ENGINE_ADDRESS");
}

TEST(ValidateEndpoint, RefusesWhatResolveNeverMakes) {
  const EngineEndpoint good = {.host = "tcp://h:2376",
                               .tls_dir = "/certs",
                               .skip_tls_verify = true,
                               .origin = "DOCKER_HOST"};
  EXPECT_TRUE(ValidateEndpoint(good).ok());
  const auto reason = [](const EngineEndpoint& endpoint) {
    const absl::Status status = ValidateEndpoint(endpoint);
    return status.ok() ? "OK" : GetErrorDetail(status).reason;
  };
  for (const char* host :
       {"", "h:2376", "tcp://h", "tcp://h:02376", " tcp://h:2376", "unix://",
        "unix:///x", "ssh://h", "ssh://-oX", "tcp://h:2376/"}) {
    EngineEndpoint bad = good;
    bad.host = host;
    EXPECT_EQ(reason(bad), "BAD_ENGINE_ADDRESS") << host;
  }
  for (const std::string& dir :
       {std::string("certs"), std::string("/a\nb"), std::string("/a\0b", 4),
        "/" + std::string(5000, 'x')}) {
    EngineEndpoint bad = good;
    bad.tls_dir = dir;
    EXPECT_EQ(reason(bad), "BAD_ENGINE_ADDRESS") << dir;
  }
  EngineEndpoint bad = good;
  bad.tls_dir = "";
  EXPECT_EQ(reason(bad), "BAD_ENGINE_ADDRESS");
  bad = good;
  bad.origin = "a\x1b[31m";
  EXPECT_EQ(reason(bad), "BAD_ENGINE_ADDRESS");
  bad.origin = std::string(5000, 'o');
  EXPECT_EQ(reason(bad), "BAD_ENGINE_ADDRESS");
}

}  // namespace
}  // namespace bottled
