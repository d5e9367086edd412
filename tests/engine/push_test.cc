#include "engine/push.h"

#include <chrono>
#include <string>
#include <vector>

#include "engine/client_fixture.h"
#include "engine/tools.h"

namespace bottled {
namespace {

using std::chrono::milliseconds;
using testing::ClientTest;
using testing::EndpointOf;
using testing::FailsWith;
using testing::FakeReply;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsOk;
using testing::MessageOf;
using ::testing::Not;
using testing::PatientOptions;

constexpr char kPushed[] =
    "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
constexpr char kPushPath[] = "/images/127.0.0.1:5001/r/fx/push";

// As dockerd 20.10 writes it, without and with its success marker.
constexpr char kProgressLines[] =
    "{\"status\":\"The push refers to repository [127.0.0.1:5001/r/fx]\"}\r\n"
    "{\"status\":\"Preparing\",\"progressDetail\":{},\"id\":\"l1\"}\r\n"
    "{\"status\":\"Pushing\",\"progressDetail\":{\"current\":100,"
    "\"total\":1000},\"progress\":\"[>  ]\",\"id\":\"l1\"}\r\n"
    "{\"status\":\"Layer already exists\",\"progressDetail\":{},"
    "\"id\":\"l2\"}\r\n"
    "{\"status\":\"Pushing\",\"progressDetail\":{\"current\":300,"
    "\"total\":500},\"id\":\"l3\"}\r\n";

std::string StatusLine(const std::string& status, const std::string& id,
                       const std::string& detail = "{}") {
  return "{\"status\":\"" + status + "\",\"progressDetail\":" + detail +
         ",\"id\":\"" + id + "\"}\r\n";
}

std::string AuxLine() {
  return std::string(
             "{\"progressDetail\":{},\"aux\":{\"Tag\":\"1\","
             "\"Digest\":\"") +
         kPushed + "\",\"Size\":528}}\r\n";
}

std::string DigestLine() {
  return std::string("{\"status\":\"1: digest: ") + kPushed +
         " size: 528\"}\r\n";
}

std::string ErrorLine(const std::string& text) {
  return "{\"errorDetail\":{\"message\":\"" + text + "\"},\"error\":\"" + text +
         "\"}\r\n";
}

TransferStream Fed(const std::string& text) {
  TransferStream stream;
  stream.Add(text);
  stream.Finish();
  return stream;
}

TEST(TransferStream, CountsBytesOverAllLayers) {
  TransferStream stream;
  stream.Add(kProgressLines);
  EXPECT_EQ(stream.done_bytes(), 400);
  EXPECT_EQ(stream.total_bytes(), 1500);
  stream.Add(StatusLine("Pushed", "l1") + StatusLine("Pushed", "l3"));
  EXPECT_EQ(stream.done_bytes(), 1500);
  stream.Add(AuxLine());
  stream.Finish();
  EXPECT_THAT(stream.error(), IsEmpty());
  EXPECT_EQ(stream.digest().ToString(), kPushed);
}

TEST(TransferStream, PiecesMayEndAnywhere) {
  const std::string text = kProgressLines + DigestLine();
  for (size_t piece = 1; piece < 100; ++piece) {
    TransferStream stream;
    for (size_t at = 0; at < text.size(); at += piece) {
      stream.Add(std::string_view(text).substr(at, piece));
    }
    stream.Finish();
    ASSERT_EQ(stream.done_bytes(), 400) << piece;
    ASSERT_EQ(stream.total_bytes(), 1500) << piece;
    ASSERT_EQ(stream.digest().ToString(), kPushed) << piece;
    ASSERT_THAT(stream.error(), IsEmpty()) << piece;
  }
}

TEST(TransferStream, FollowsAPull) {
  TransferStream stream;
  stream.Add("{\"status\":\"Pulling from library/registry\",\"id\":\"2\"}\r\n" +
             StatusLine("Pulling fs layer", "l1") +
             StatusLine("Already exists", "l2") +
             StatusLine("Downloading", "l1", R"({"current":10,"total":80})") +
             StatusLine("Downloading", "l3", R"({"current":5,"total":20})"));
  EXPECT_EQ(stream.done_bytes(), 15);
  EXPECT_EQ(stream.total_bytes(), 100);
  stream.Add(StatusLine("Download complete", "l1") +
             // dockerd 29 counts seconds here.
             StatusLine("Extracting", "l1", R"({"current":1,"units":"s"})") +
             StatusLine("Pull complete", "l1") +
             StatusLine("Pull complete", "l3"));
  EXPECT_EQ(stream.done_bytes(), 100);
  EXPECT_EQ(stream.total_bytes(), 100);
}

TEST(TransferStream, ReadsErrorsInEveryForm) {
  const struct {
    std::string text;
    const char* error;
  } cases[] = {
      {kProgressLines + ErrorLine("denied"), "denied"},
      {"{\"error\":\"no such tag\"}", "no such tag"},
      {"{\"errorDetail\":{\"code\":1}}", "no message"},
      {"{\"cause\":\"c\",\"message\":\"podman says\",\"response\":500}",
       "podman says"},
      {ErrorLine("open /var/lib/docker/x/y: gone\\u001b[31m"),
       "open y: gone\\x1b[31m"},
      // The first says why; what follows is its consequence.
      {ErrorLine("one") + ErrorLine("two"), "one"},
      {std::string(kProgressLines) + "panic: runtime error",
       "panic: runtime error"},
      {std::string(kProgressLines) + "{\"status\":\"Push",
       "{\"status\":\"Push"},
      {"<html>\n", "<html>"},
      {"[]", "[]"},
  };
  for (const auto& expected : cases) {
    EXPECT_EQ(Fed(expected.text).error(), expected.error) << expected.text;
  }
  // Text between lines is none, nor are empty lines.
  EXPECT_THAT(Fed("warning: x\r\n" + DigestLine() + "\r\n \n").error(),
              IsEmpty());
  EXPECT_THAT(Fed("").error(), IsEmpty());
}

TEST(TransferStream, DigestsThatAreNoneAreNotSaid) {
  for (const char* text :
       {"{\"status\":\"1: digest: sha256:12 size: 1\"}", "{\"aux\":{}}",
        "{\"aux\":{\"Digest\":1}}", "{\"aux\":\"x\"}",
        "{\"aux\":{\"Digest\":\"sha512:00\"}}", "{\"status\":1}"}) {
    EXPECT_TRUE(Fed(text).digest().empty()) << text;
    EXPECT_THAT(Fed(text).error(), IsEmpty()) << text;
  }
}

TEST(TransferStream, NumbersStayWithinReason) {
  for (const char* detail :
       {R"({"current":-5,"total":-1})", R"({"current":1e300,"total":true})",
        R"({"current":18446744073709551615,"total":18446744073709551615})",
        R"({"current":700,"total":100})", "7", "null"}) {
    TransferStream stream;
    for (int i = 0; i < 5000; ++i) {
      stream.Add(StatusLine("Pushing", std::to_string(i), detail));
    }
    EXPECT_GE(stream.done_bytes(), 0) << detail;
    EXPECT_LE(stream.done_bytes(), stream.total_bytes()) << detail;
    EXPECT_LE(stream.total_bytes(), int64_t{4096} << 50) << detail;
  }
}

TEST(TransferStream, LongLinesAreCut) {
  TransferStream stream;
  for (int i = 0; i < 100; ++i) {
    stream.Add(std::string(10'000, 'x'));
  }
  stream.Add("\n");
  stream.Add(DigestLine());
  EXPECT_EQ(stream.digest().ToString(), kPushed);
  stream.Add("{\"status\":\"" + std::string(100'000, 'y'));
  stream.Finish();
  EXPECT_THAT(stream.error(), HasSubstr("yyy"));
  EXPECT_LE(stream.error().size(), 2048U);
}

class PushTest : public ClientTest {
 protected:
  absl::StatusOr<Digest> Push() {
    return PushImage(client_, "127.0.0.1:5001/r/fx", "1",
                     [this](int64_t done, int64_t total) {
                       progress_.emplace_back(done, total);
                     },
                     {});
  }

  std::vector<std::pair<int64_t, int64_t>> progress_;
};

TEST_F(PushTest, TagsById) {
  const std::string path = std::string("/images/") + kPushed + "/tag";
  const Digest id = *Digest::Parse(kPushed);
  fake_.Route(path, FakeReply::Json("", 201));
  ASSERT_THAT(TagImage(client_, id, "127.0.0.1:5001/r/fx", "1", {}), IsOk());
  EXPECT_EQ(Last(path).method, "POST");
  EXPECT_EQ(Last(path).query, "repo=127.0.0.1%3A5001%2Fr%2Ffx&tag=1");
  fake_.Route(path, FakeReply::Error(404, "No such image"));
  EXPECT_THAT(TagImage(client_, id, "127.0.0.1:5001/r/fx", "1", {}),
              FailsWith("IMAGE_NOT_FOUND"));
  fake_.Route(path, FakeReply::Error(500, "no"));
  EXPECT_THAT(TagImage(client_, id, "127.0.0.1:5001/r/fx", "1", {}),
              FailsWith("ENGINE_ERROR"));
}

TEST_F(PushTest, PushesAndReportsProgress) {
  for (const std::string& marker : {AuxLine(), DigestLine()}) {
    FakeReply reply = FakeReply::Json(kProgressLines + marker);
    reply.framing = FakeReply::Framing::kChunked;
    reply.write_bytes = 100;
    fake_.Route(kPushPath, reply);
    progress_.clear();
    const auto digest = Push();
    ASSERT_THAT(digest, IsOk());
    EXPECT_EQ(digest->ToString(), kPushed);
    ASSERT_THAT(progress_, Not(IsEmpty()));
    EXPECT_EQ(progress_.back(), (std::pair<int64_t, int64_t>(400, 1500)));
  }
  EXPECT_EQ(Last(kPushPath).method, "POST");
  EXPECT_EQ(Last(kPushPath).query, "tag=1");
  EXPECT_EQ(Last(kPushPath).fields.at("x-registry-auth"), "e30=");
  // Progress is not wanted by all.
  EXPECT_THAT(PushImage(client_, "127.0.0.1:5001/r/fx", "1", nullptr, {}),
              IsOk());
}

TEST_F(PushTest, PodmanMustBeToldToDoWithoutTls) {
  fake_.SetPodman(true);
  fake_.Route(kPushPath, FakeReply::Json(StatusLine("Pushed", "l1")));
  const auto digest = Push();
  ASSERT_THAT(digest, IsOk());
  EXPECT_TRUE(digest->empty());
  EXPECT_EQ(Last(kPushPath).query, "tag=1&tlsVerify=false");
}

TEST_F(PushTest, FailuresInsideOfA200AreFailures) {
  const struct {
    const char* text;
    absl::StatusCode code;
  } cases[] = {
      {"Get http://127.0.0.1:5001/v2/: dial tcp 127.0.0.1:5001: connect: "
       "connection refused",
       absl::StatusCode::kUnavailable},
      {"write tcp 127.0.0.1:4->127.0.0.1:5001: write: broken pipe",
       absl::StatusCode::kUnavailable},
      {"Put http://127.0.0.1:5001/v2/x: EOF", absl::StatusCode::kUnavailable},
      {"http: server gave HTTP response to HTTPS client",
       absl::StatusCode::kFailedPrecondition},
      {"An image does not exist locally with the tag: x",
       absl::StatusCode::kFailedPrecondition}};
  for (const auto& expected : cases) {
    fake_.Route(kPushPath,
                FakeReply::Json(kProgressLines + ErrorLine(expected.text)));
    const auto digest = Push();
    ASSERT_THAT(digest, FailsWith("PUSH_FAILED")) << expected.text;
    EXPECT_EQ(digest.status().code(), expected.code) << expected.text;
    EXPECT_THAT(MessageOf(digest.status()), HasSubstr(expected.text));
    EXPECT_THAT(MessageOf(digest.status()), HasSubstr("127.0.0.1:5001/r/fx:1"));
  }
  fake_.Route(kPushPath, FakeReply::Error(404, "No such image"));
  EXPECT_THAT(Push(), FailsWith("PUSH_FAILED"));
  EXPECT_EQ(fake_.CountRequests(kPushPath), 6);
}

TEST_F(PushTest, StreamsThatEndOrStallAreTheEnginesFault) {
  FakeReply reply = FakeReply::Json(kProgressLines);
  reply.framing = FakeReply::Framing::kChunked;
  reply.cut_at = 200;
  fake_.Route(kPushPath, reply);
  EXPECT_THAT(Push(), FailsWith("ENGINE_UNREACHABLE"));
  // A clean end in the middle of a line is no success.
  reply.cut_clean = true;
  fake_.Route(kPushPath, reply);
  EXPECT_THAT(Push(), FailsWith("PUSH_FAILED"));
  reply.cut_at.reset();
  reply.stall_at = 200;
  fake_.Route(kPushPath, reply);
  EngineClient::Options options = PatientOptions();
  options.stall_timeout = milliseconds(100);
  EngineClient impatient(EndpointOf(fake_), options);
  EXPECT_THAT(PushImage(impatient, "127.0.0.1:5001/r/fx", "1", nullptr, {}),
              FailsWith("ENGINE_TIMEOUT"));
}

TEST_F(PushTest, PullsOneTagOrDigest) {
  fake_.Route("/images/create",
              FakeReply::Json(StatusLine("Pull complete", "l1")));
  const struct {
    const char* reference;
    const char* query;
  } cases[] = {
      {"registry:2", "fromImage=docker.io%2Flibrary%2Fregistry&tag=2"},
      {"registry", "fromImage=docker.io%2Flibrary%2Fregistry&tag=latest"},
      {"127.0.0.1:5001/a/b:x", "fromImage=127.0.0.1%3A5001%2Fa%2Fb&tag=x"}};
  for (const auto& expected : cases) {
    ASSERT_THAT(PullImage(client_, expected.reference, nullptr, {}), IsOk());
    EXPECT_EQ(Last("/images/create").query, expected.query);
  }
  ASSERT_THAT(
      PullImage(client_, std::string("registry:2@") + kPushed, nullptr, {}),
      IsOk());
  EXPECT_THAT(Last("/images/create").query, HasSubstr("&tag=sha256%3Aaaaa"));
  EXPECT_THAT(PullImage(client_, "A//B", nullptr, {}),
              FailsWith("BAD_REFERENCE"));
}

TEST_F(PushTest, FailedPullsCarryTheEnginesWords) {
  for (const FakeReply& reply :
       {FakeReply::Error(404, "manifest unknown"),
        FakeReply::Error(500, "manifest unknown"),
        FakeReply::Json(ErrorLine("manifest unknown"))}) {
    fake_.Route("/images/create", reply);
    const absl::Status status = PullImage(client_, "registry:2", nullptr, {});
    ASSERT_THAT(status, FailsWith("IMAGE_PULL_FAILED"));
    EXPECT_THAT(MessageOf(status), HasSubstr("manifest unknown"));
    EXPECT_THAT(GetErrorDetail(status).remedy,
                HasSubstr("docker pull registry:2"));
  }
}

}  // namespace
}  // namespace bottled
