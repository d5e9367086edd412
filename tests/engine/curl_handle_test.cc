// TLS, against the openssl program's server: it takes whole HTTP answers from
// files, so no code of ours is on the other side.
#include "engine/curl_handle.h"

#include <array>
#include <cstdlib>
#include <optional>

#include "engine/child.h"
#include "engine/tools.h"

namespace bottled {
namespace {

using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::TempDir;

class TlsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!testing::HaveProgram("openssl")) {
      BOTTLED_MISSING("openssl");
    }
    const std::string dir = dir_.path().string();
    ASSERT_TRUE(testing::Run(
        {"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:P-256", "-nodes", "-keyout", dir + "/key.pem",
         "-out", dir + "/cert.pem", "-subj", "/CN=localhost", "-addext",
         "subjectAltName=DNS:localhost", "-days", "2"}));
    // Signed by itself, so it is its own authority; both sides use it.
    std::filesystem::copy(dir_.path() / "cert.pem", dir_.path() / "ca.pem");
    dir_.Write("_ping",
               "HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\n"
               "Content-Length: 2\r\nConnection: close\r\n\r\nOK");
  }

  // Serves until the test ends; gives the endpoint.
  EngineEndpoint Serve(const std::vector<std::string>& more) {
    std::array<int, 2> pipe{};
    EXPECT_EQ(::pipe(pipe.data()), 0);
    Fd read_end(pipe[0]);
    const Fd write_end(pipe[1]);
    const std::string dir = dir_.path().string();
    ProcessSpec spec;
    // The server's files are found through its working directory, which a shell
    // can change.
    spec.argv = {"sh",       "-c",       "cd \"$1\" && shift && exec \"$@\"",
                 "sh",       dir,        "openssl",
                 "s_server", "-accept",  "127.0.0.1:0",
                 "-cert",    "cert.pem", "-key",
                 "key.pem",  "-HTTP"};
    spec.argv.insert(spec.argv.end(), more.begin(), more.end());
    spec.env = testing::InheritedEnvironment();
    spec.stdout_fd = write_end.get();
    auto process = Process::Start(spec);
    EXPECT_THAT(process, IsOk());
    if (process.ok()) {
      server_ = std::move(process).value();
    }
    // "ACCEPT 127.0.0.1:40123"
    std::string text;
    std::array<char, 256> block{};
    while (text.find("ACCEPT ") == std::string::npos ||
           text.find('\n', text.find("ACCEPT ")) == std::string::npos) {
      const ssize_t got = ::read(read_end.get(), block.data(), block.size());
      if (got <= 0) {
        ADD_FAILURE() << "openssl s_server: " << text;
        break;
      }
      text.append(block.data(), static_cast<size_t>(got));
    }
    const size_t line = text.find("ACCEPT ");
    const size_t colon = text.find(':', line);
    EngineEndpoint endpoint;
    endpoint.host = "tcp://localhost:" +
                    text.substr(colon + 1, text.find('\n', line) - colon - 1);
    endpoint.tls_dir = dir;
    output_ = std::move(read_end);
    return endpoint;
  }

  TempDir dir_;
  std::optional<Process> server_;
  Fd output_;
};

TEST_F(TlsTest, ChecksTheServerAndShowsItsOwnCertificate) {
  const EngineEndpoint endpoint =
      Serve({"-CAfile", "ca.pem", "-Verify", "1", "-verify_return_error"});
  const auto info = EngineClient(endpoint).Negotiate({});
  ASSERT_THAT(info, IsOk());
  EXPECT_EQ(info->api, (ApiVersion{1, 41}));
}

TEST_F(TlsTest, AServerThatTheAuthorityDoesNotKnowIsRefused) {
  EngineEndpoint endpoint = Serve({});
  const TempDir other;
  ASSERT_TRUE(
      testing::Run({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                    (other.path() / "ca-key.pem").string(), "-out",
                    (other.path() / "ca.pem").string(), "-subj", "/CN=other"}));
  endpoint.tls_dir = other.path().string();
  const auto refused = EngineClient(endpoint).Negotiate({});
  ASSERT_THAT(refused, FailsWith("ENGINE_UNREACHABLE"));
  EXPECT_THAT(testing::MessageOf(refused.status()), HasSubstr("certificate"));
  endpoint.skip_tls_verify = true;
  EXPECT_THAT(EngineClient(endpoint).Negotiate({}), IsOk());
}

TEST_F(TlsTest, AServerOfAnotherNameIsRefused) {
  EngineEndpoint endpoint = Serve({});
  endpoint.host.replace(endpoint.host.find("localhost"), 9, "127.0.0.1");
  EXPECT_THAT(EngineClient(endpoint).Negotiate({}),
              FailsWith("ENGINE_UNREACHABLE"));
}

TEST_F(TlsTest, MissingFilesAreNamed) {
  EngineEndpoint endpoint = Serve({});
  std::filesystem::remove(dir_.path() / "key.pem");
  const auto keyless = EngineClient(endpoint).Negotiate({});
  ASSERT_THAT(keyless, FailsWith("ENGINE_UNREACHABLE"));
  EXPECT_THAT(testing::MessageOf(keyless.status()), HasSubstr("no key.pem"));
  EXPECT_THAT(GetErrorDetail(keyless.status()).remedy,
              HasSubstr(endpoint.tls_dir));
  endpoint.tls_dir += "/gone";
  EXPECT_THAT(testing::MessageOf(EngineClient(endpoint).Negotiate({}).status()),
              HasSubstr("there is no " + endpoint.tls_dir));
}

TEST_F(TlsTest, NoCertificateOfOursIsRefusedByTheServer) {
  EngineEndpoint endpoint =
      Serve({"-CAfile", "ca.pem", "-Verify", "1", "-verify_return_error"});
  std::filesystem::remove(dir_.path() / "cert.pem");
  EXPECT_THAT(EngineClient(endpoint).Negotiate({}),
              FailsWith("ENGINE_UNREACHABLE"));
}

}  // namespace
}  // namespace bottled
