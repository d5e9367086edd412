#include "engine/save_stream.h"

#include <atomic>
#include <chrono>
#include <thread>

#include "engine/tools.h"

namespace bottled {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::Amd64;
using testing::Arm64;
using testing::Drain;
using testing::EndpointOf;
using testing::EngineFixture;
using testing::FailsWith;
using testing::FakeEngine;
using testing::FakeReply;
using testing::FakeRequest;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsOk;
using testing::MessageOf;
using ::testing::Not;
using testing::PatientOptions;

// Bytes that are not the same anywhere, so that a lost or repeated block shows.
std::string Pattern(size_t size) {
  std::string text(size, '\0');
  uint32_t state = 1;
  for (char& c : text) {
    state = state * 1'664'525 + 1'013'904'223;
    c = static_cast<char>(state >> 24);
  }
  return text;
}

class SaveTest : public ::testing::Test {
 protected:
  SaveTest()
      : id_(Digest::FromHex("70d321ec1e110040176c9193876cdea34e08049bdc4dab6c49"
                            "fe0fcba55d9390")),
        get_("/images/" + id_.ToString() + "/get"),
        json_("/images/" + id_.ToString() + "/json"),
        client_(EndpointOf(fake_), PatientOptions()) {}

  absl::StatusOr<std::unique_ptr<ByteSource>> Save(
      const CancelToken& cancel = {}) {
    return client_.SaveImage(id_, Amd64(), cancel);
  }

  void ServeInspect() {
    fake_.Route(json_, FakeReply::Json(EngineFixture(
                           "docker-20.10.24-overlay2/inspect-tiny.json")));
  }

  const Digest id_;
  const std::string get_;
  const std::string json_;
  FakeEngine fake_;
  EngineClient client_;
};

TEST_F(SaveTest, ArrivesWholeWhateverThePieces) {
  for (const size_t size :
       {size_t{0}, size_t{1}, size_t{16'384}, kSaveBlockBytes - 1,
        kSaveBlockBytes, kSaveBlockBytes + 1, 3 * kSaveBlockBytes + 17}) {
    for (const size_t piece :
         {size_t{1'000}, size_t{65'536}, size_t{1} << 23}) {
      FakeReply reply = FakeReply::Tar(Pattern(size));
      reply.write_bytes = piece;
      fake_.Route(get_, reply);
      auto source = Save();
      ASSERT_THAT(source, IsOk());
      std::string got;
      ASSERT_THAT(Drain(**source, &got), IsOk());
      EXPECT_TRUE(got == reply.body) << size << " in pieces of " << piece;
      // The end stays the end.
      const auto after = (*source)->Next();
      ASSERT_THAT(after, IsOk());
      EXPECT_THAT(*after, IsEmpty());
    }
  }
}

TEST_F(SaveTest, ASlowReaderHoldsTheEngineBackAndLosesNothing) {
  const FakeReply reply = FakeReply::Tar(Pattern(8 << 20));
  fake_.Route(get_, reply);
  auto source = Save();
  ASSERT_THAT(source, IsOk());
  std::string got;
  while (true) {
    const auto block = (*source)->Next();
    ASSERT_THAT(block, IsOk());
    if (block->empty()) {
      break;
    }
    EXPECT_LE(block->size(), kSaveBlockBytes);
    got += *block;
    std::this_thread::sleep_for(milliseconds(5));
  }
  EXPECT_TRUE(got == reply.body);
}

TEST_F(SaveTest, AContentLengthWillDo) {
  FakeReply reply = FakeReply::Tar(Pattern(300'000));
  reply.framing = FakeReply::Framing::kLength;
  fake_.Route(get_, reply);
  auto source = Save();
  ASSERT_THAT(source, IsOk());
  std::string got;
  ASSERT_THAT(Drain(**source, &got), IsOk());
  EXPECT_TRUE(got == reply.body);
}

TEST_F(SaveTest, AnEndThatCannotBeToldFromABreakIsRefused) {
  FakeReply reply = FakeReply::Tar("abc");
  reply.framing = FakeReply::Framing::kNone;
  fake_.Route(get_, reply);
  EXPECT_THAT(Save(), FailsWith("ENGINE_ERROR"));
}

TEST_F(SaveTest, ACutIsAnErrorAfterTheBytesThatCame) {
  for (const auto framing :
       {FakeReply::Framing::kChunked, FakeReply::Framing::kLength}) {
    for (const int64_t cut : {0, 1, 70'000, 1'500'000}) {
      FakeReply reply = FakeReply::Tar(Pattern(2'000'000));
      reply.framing = framing;
      reply.cut_at = cut;
      fake_.Route(get_, reply);
      auto source = Save();
      ASSERT_THAT(source, IsOk());
      std::string got;
      EXPECT_THAT(Drain(**source, &got), FailsWith("ENGINE_STREAM_BROKEN"));
      EXPECT_TRUE(got == reply.body.substr(0, static_cast<size_t>(cut))) << cut;
      EXPECT_THAT((*source)->Next(), FailsWith("ENGINE_STREAM_BROKEN"));
    }
  }
}

TEST_F(SaveTest, ACleanEndAfterACutIsClean) {
  // Measured on the containerd store; only the archive can tell.
  FakeReply reply = FakeReply::Tar(Pattern(100'000));
  reply.cut_at = 50'000;
  reply.append = "{\"error\":\"blob not found\"}\r\n";
  reply.cut_clean = true;
  fake_.Route(get_, reply);
  auto source = Save();
  ASSERT_THAT(source, IsOk());
  std::string got;
  ASSERT_THAT(Drain(**source, &got), IsOk());
  EXPECT_TRUE(got == reply.body.substr(0, 50'000) + reply.append);
}

TEST_F(SaveTest, StallsAreErrorsBeforeAndAfterTheFirstByte) {
  EngineClient::Options options = PatientOptions();
  FakeReply reply = FakeReply::Tar(Pattern(100'000));
  reply.stall_at = 40'000;
  fake_.Route(get_, reply);
  options.stall_timeout = milliseconds(200);
  EngineClient impatient(EndpointOf(fake_), options);
  auto source = impatient.SaveImage(id_, Amd64(), {});
  ASSERT_THAT(source, IsOk());
  std::string got;
  EXPECT_THAT(Drain(**source, &got), FailsWith("ENGINE_STALLED"));
  EXPECT_EQ(got.size(), 40'000U);
  // The connection is gone, though the source is still there.
  EXPECT_TRUE(fake_.WaitForAborted(1, seconds(30)));

  reply.stall_at = 0;
  fake_.Route(get_, reply);
  options = PatientOptions();
  options.first_byte_timeout = milliseconds(200);
  EngineClient waiting(EndpointOf(fake_), options);
  source = waiting.SaveImage(id_, Amd64(), {});
  ASSERT_THAT(source, IsOk());
  EXPECT_THAT((*source)->Next(), FailsWith("ENGINE_STALLED"));
}

TEST_F(SaveTest, TheFirstByteMayTakeLongerThanTheOthers) {
  EngineClient::Options options = PatientOptions();
  options.stall_timeout = milliseconds(1);
  FakeReply reply = FakeReply::Tar("abc");
  reply.delay = milliseconds(300);
  fake_.Route(get_, reply);
  EngineClient client(EndpointOf(fake_), options);
  auto source = client.SaveImage(id_, Amd64(), {});
  ASSERT_THAT(source, IsOk());
  const auto block = (*source)->Next();
  ASSERT_THAT(block, IsOk());
  EXPECT_EQ(*block, "abc");
}

TEST_F(SaveTest, NoHeadInTimeIsATimeout) {
  EngineClient::Options options = PatientOptions();
  options.first_byte_timeout = milliseconds(200);
  FakeReply reply;
  reply.delay = seconds(60);
  fake_.Route(get_, reply);
  EngineClient client(EndpointOf(fake_), options);
  EXPECT_THAT(client.SaveImage(id_, Amd64(), {}), FailsWith("ENGINE_TIMEOUT"));
}

TEST_F(SaveTest, CancellingClosesTheConnectionAtOnce) {
  FakeReply reply = FakeReply::Tar(Pattern(100'000));
  reply.stall_at = 40'000;
  fake_.Route(get_, reply);
  CancelSource cancel;
  auto source = Save(cancel.token());
  ASSERT_THAT(source, IsOk());
  ASSERT_THAT((*source)->Next(), IsOk());
  std::thread canceller([&] { cancel.Cancel(); });
  std::string got;
  EXPECT_THAT(Drain(**source, &got), FailsWith("CANCELLED"));
  canceller.join();
  EXPECT_TRUE(fake_.WaitForAborted(1, seconds(30)));
  EXPECT_THAT((*source)->Next(), FailsWith("CANCELLED"));
}

TEST_F(SaveTest, CancellingEndsTheWaitForTheFirstByte) {
  FakeReply reply;
  reply.delay = seconds(60);
  fake_.Route(get_, reply);
  CancelSource cancel;
  std::thread canceller([&] {
    EXPECT_TRUE(fake_.WaitForRequest(get_, seconds(30)));
    cancel.Cancel();
  });
  EXPECT_THAT(Save(cancel.token()), FailsWith("CANCELLED"));
  canceller.join();
  EXPECT_TRUE(fake_.WaitForAborted(1, seconds(30)));
}

TEST_F(SaveTest, DestructionClosesTheConnection) {
  FakeReply reply = FakeReply::Tar(Pattern(1 << 20));
  reply.repeat = 100;
  fake_.Route(get_, reply);
  auto source = Save();
  ASSERT_THAT(source, IsOk());
  ASSERT_THAT((*source)->Next(), IsOk());
  source->reset();
  EXPECT_TRUE(fake_.WaitForAborted(1, seconds(30)));
}

TEST_F(SaveTest, SendsThePlatformOnlyWhereItIsUnderstood) {
  fake_.Route(get_, FakeReply::Tar("x"));
  const struct {
    const char* newest;
    bool podman;
    bool asks;
  } cases[] = {{"1.47", false, false},
               {"1.48", false, true},
               {"1.55", false, true},
               {"1.55", true, false}};
  for (const auto& expected : cases) {
    fake_.SetVersions(expected.newest, "1.24");
    fake_.SetPodman(expected.podman);
    EngineClient client(EndpointOf(fake_), PatientOptions());
    ASSERT_THAT(client.SaveImage(id_, Arm64(), {}), IsOk());
    const FakeRequest last = fake_.requests().back();
    EXPECT_EQ(last.path, get_);
    EXPECT_EQ(last.query.find("arm64") != std::string::npos, expected.asks)
        << expected.newest << expected.podman;
  }
}

TEST_F(SaveTest, AnImageThatIsGoneIsNotFound) {
  for (const int status : {404, 500}) {
    fake_.Route(get_,
                FakeReply::Error(status,
                                 "failed to get digest sha256:70: open "
                                 "/var/lib/docker/image/x: no such file"));
    EXPECT_THAT(Save(), FailsWith("IMAGE_NOT_FOUND")) << status;
  }
}

TEST_F(SaveTest, AnImageThatLostAPartIsUnsavable) {
  ServeInspect();
  for (const int status : {404, 500}) {
    fake_.Route(get_,
                FakeReply::Error(
                    status, "open /var/lib/docker/merged/small: no such file"));
    const auto source = Save();
    ASSERT_THAT(source, FailsWith("IMAGE_UNSAVABLE")) << status;
    EXPECT_THAT(MessageOf(source.status()), HasSubstr("open small: no such"));
    EXPECT_THAT(MessageOf(source.status()), Not(HasSubstr("/var/lib")));
  }
}

TEST_F(SaveTest, AnImageForAnotherPlatformIsAMismatch) {
  ServeInspect();
  fake_.Route(get_, FakeReply::Error(500,
                                     "no suitable export target found for "
                                     "platform linux/arm64"));
  const auto source = client_.SaveImage(id_, Arm64(), {});
  ASSERT_THAT(source, FailsWith("ARCHITECTURE_MISMATCH"));
  EXPECT_THAT(MessageOf(source.status()), HasSubstr("linux/amd64"));
}

TEST_F(SaveTest, AStoreThatIsAwayIsAskedOnceMore) {
  ServeInspect();
  std::atomic<int> calls = 0;
  fake_.Route(get_, [&](const FakeRequest&) {
    return ++calls == 1 ? FakeReply::Error(500, "Unavailable: connection error")
                        : FakeReply::Tar("abc");
  });
  EXPECT_THAT(Save(), IsOk());
  EXPECT_EQ(calls, 2);
  fake_.Route(get_, FakeReply::Error(500, "Unavailable: connection error"));
  EXPECT_THAT(Save(), FailsWith("IMAGE_UNSAVABLE"));
  EXPECT_EQ(fake_.CountRequests(get_), 4);
}

TEST_F(SaveTest, OtherFailuresAreTheEngines) {
  fake_.Route(get_, FakeReply::Error(503, "busy"));
  EXPECT_THAT(Save(), FailsWith("ENGINE_ERROR"));
}

}  // namespace
}  // namespace bottled
