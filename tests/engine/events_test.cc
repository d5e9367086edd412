#include "engine/events.h"

#include <chrono>
#include <string>
#include <vector>

#include "engine/client_fixture.h"
#include "engine/tools.h"

namespace bottled {
namespace {

using std::chrono::seconds;
using testing::ClientTest;
using ::testing::Each;
using ::testing::ElementsAre;
using testing::EngineFixture;
using testing::FailsWith;
using testing::FakeReply;
using ::testing::Field;
using ::testing::IsEmpty;
using testing::IsOk;
using testing::kRecordedEngines;
using ::testing::Not;

constexpr char kTagged[] =
    R"({"Type":"image","Action":"tag","Actor":{"ID":"sha256:00",)"
    R"("Attributes":{"name":"fx/evt:t"}}})"
    "\n";

std::vector<ImageEvent> Read(std::string_view text, size_t piece) {
  ImageEventLines lines;
  std::vector<ImageEvent> events;
  for (; !text.empty(); text.remove_prefix(std::min(piece, text.size()))) {
    lines.Add(text.substr(0, piece), events);
  }
  return events;
}

std::vector<ImageEvent> Read(std::string_view text) {
  return Read(text, text.size());
}

TEST(ImageEventLines, ReadsWhatEnginesWrite) {
  for (const std::string engine : kRecordedEngines) {
    SCOPED_TRACE(engine);
    const std::string text = EngineFixture(engine + "/events.jsonl");
    const std::vector<ImageEvent> events = Read(text);
    EXPECT_THAT(events, Not(IsEmpty()));
    EXPECT_THAT(events, Each(Field(&ImageEvent::action, Not(IsEmpty()))));
    EXPECT_THAT(events, Each(Field(&ImageEvent::action, Not("save"))));
    EXPECT_TRUE(
        std::any_of(events.begin(), events.end(), [](const ImageEvent& event) {
          return event.action == "tag" &&
                 event.reference.find("fx/evt:t") != std::string::npos;
        }));
    EXPECT_EQ(Read(text, 1), events);
    EXPECT_EQ(Read(text, 7), events);
  }
}

TEST(ImageEventLines, WhatCannotBeReadMayBeAnything) {
  EXPECT_THAT(Read("no json\n"), ElementsAre(ImageEvent{}));
  EXPECT_THAT(Read("[1]\n"), ElementsAre(ImageEvent{}));
  EXPECT_THAT(Read(R"({"Type":"image","Action":7})"
                   "\n"),
              ElementsAre(ImageEvent{}));
  EXPECT_THAT(Read("{\"a\":\"" + std::string(1 << 20, 'x') + "\"}\n" + kTagged),
              ElementsAre(ImageEvent{}, ImageEvent{.action = "tag",
                                                   .reference = "fx/evt:t"}));
}

TEST(ImageEventLines, LeavesOutWhatChangesNothing) {
  EXPECT_THAT(Read("\n\r\n"), IsEmpty());
  EXPECT_THAT(Read(R"({"Type":"image","Action":"save"})"
                   "\n"),
              IsEmpty());
  EXPECT_THAT(Read(R"({"Type":"container","Action":"create"})"
                   "\n"),
              IsEmpty());
  // Not ended: more of it may come.
  EXPECT_THAT(Read(R"({"Type":"image","Action":"tag"})"), IsEmpty());
}

TEST(ImageEventLines, AnIdIsNoReference) {
  const std::string id = "sha256:" + std::string(64, 'a');
  EXPECT_THAT(Read(R"({"Type":"image","Action":"untag","Actor":{"Attributes":)"
                   R"({"name":")" +
                   id + "\"}}}\n"),
              ElementsAre(ImageEvent{.action = "untag", .reference = ""}));
}

class ImageEventsTest : public ClientTest {
 protected:
  std::unique_ptr<ImageEvents> Open(FakeReply reply) {
    fake_.Route("/events", std::move(reply));
    auto events = ImageEvents::Open(client_, CancelToken());
    EXPECT_THAT(events, IsOk());
    return events.ok() ? *std::move(events) : nullptr;
  }
};

TEST_F(ImageEventsTest, GivesEventsAsTheyComeAndTheEndAsAnError) {
  FakeReply reply = FakeReply::Tar(std::string(kTagged) + kTagged);
  reply.write_bytes = 100;
  const std::unique_ptr<ImageEvents> events = Open(std::move(reply));
  ASSERT_NE(events, nullptr);
  size_t seen = 0;
  while (seen < 2) {
    const auto some = events->Next(seconds(60), CancelToken());
    ASSERT_THAT(some, IsOk());
    ASSERT_THAT(*some, Not(IsEmpty()));
    seen += some->size();
  }
  EXPECT_EQ(seen, 2U);
  EXPECT_THAT(events->Next(seconds(60), CancelToken()),
              FailsWith("ENGINE_STREAM_BROKEN"));
  EXPECT_EQ(Last("/events").query,
            "filters=%7B%22type%22%3A%5B%22image%22%5D%7D");
}

TEST_F(ImageEventsTest, SilenceAndCancellationEndIt) {
  FakeReply reply = FakeReply::Tar(kTagged);
  reply.stall_at = 0;
  const std::unique_ptr<ImageEvents> events = Open(std::move(reply));
  ASSERT_NE(events, nullptr);
  EXPECT_THAT(events->Next(std::chrono::milliseconds(1), CancelToken()),
              FailsWith("ENGINE_STALLED"));
  CancelSource cancel;
  cancel.Cancel();
  EXPECT_THAT(events->Next(seconds(60), cancel.token()),
              FailsWith("CANCELLED"));
}

TEST_F(ImageEventsTest, ARefusalIsTheEnginesError) {
  fake_.Route("/events", FakeReply::Error(500, "no events today"));
  EXPECT_THAT(ImageEvents::Open(client_, CancelToken()),
              FailsWith("ENGINE_ERROR"));
  fake_.Stop();
  EXPECT_THAT(ImageEvents::Open(client_, CancelToken()),
              FailsWith("ENGINE_UNREACHABLE"));
}

}  // namespace
}  // namespace bottled
