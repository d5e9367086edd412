#include "jobs/upload.h"

#include <memory>
#include <string>
#include <thread>

#include "base/error.h"
#include "gtest/gtest.h"
#include "jobs/tools.h"

namespace bottled {
namespace {

constexpr std::chrono::milliseconds kLong(60'000);

std::string ReadAll(ByteSource& source, absl::Status& status) {
  std::string all;
  while (true) {
    const auto block = source.Next();
    status = block.status();
    if (!block.ok() || block->empty()) {
      return all;
    }
    all += *block;
  }
}

class UploadTest : public ::testing::Test {
 protected:
  Uploads::Upload Create(std::chrono::milliseconds timeout = kLong) {
    auto upload = uploads_.Create(timeout);
    EXPECT_TRUE(upload.ok()) << upload.status();
    return *std::move(upload);
  }
  std::unique_ptr<UploadWriter> Take(const std::string& id) {
    auto writer = uploads_.Take(id);
    EXPECT_TRUE(writer.ok()) << writer.status();
    return writer.ok() ? *std::move(writer) : nullptr;
  }

  Uploads uploads_;
  CancelSource cancel_;
};

TEST_F(UploadTest, CarriesBytesWhateverTheirNumber) {
  const Uploads::Upload upload = Create();
  std::string sent;
  for (int i = 0; i < 300'000; ++i) {
    sent += std::to_string(i);
    sent += '\0';
  }
  ASSERT_GT(sent.size(), UploadChannel::kMaxWaiting * 0.9);
  sent += sent + sent;
  std::thread sender([&] {
    const auto writer = Take(upload.id);
    for (size_t at = 0; at < sent.size(); at += 70'001) {
      const auto written = writer->Write(
          std::string_view(sent).substr(at, 70'001), cancel_.token());
      ASSERT_TRUE(written.ok() && *written);
      // An empty message is no end.
      ASSERT_TRUE(writer->Write("", cancel_.token()).ok());
    }
    writer->Close();
  });
  const auto source = upload.reader->Open(cancel_.token());
  absl::Status status;
  EXPECT_EQ(ReadAll(*source, status), sent);
  EXPECT_TRUE(status.ok()) << status;
  sender.join();
  EXPECT_TRUE(source->Next()->empty()) << "the end stays the end";
}

TEST_F(UploadTest, AVanishedSenderIsNoEnd) {
  const Uploads::Upload upload = Create();
  auto writer = Take(upload.id);
  ASSERT_TRUE(writer->Write("half", cancel_.token()).ok());
  writer.reset();
  const auto source = upload.reader->Open(cancel_.token());
  absl::Status status;
  EXPECT_EQ(ReadAll(*source, status), "half");
  EXPECT_TRUE(HasReason(status, "UPLOAD_BROKEN")) << status;
  EXPECT_FALSE(source->Next().ok());
}

TEST_F(UploadTest, ASenderThatDoesNotComeIsAnError) {
  const Uploads::Upload upload = Create(std::chrono::milliseconds(1));
  absl::Status status;
  ReadAll(*upload.reader->Open(cancel_.token()), status);
  EXPECT_TRUE(HasReason(status, "UPLOAD_BROKEN")) << status;
  EXPECT_TRUE(HasReason(uploads_.Take(upload.id).status(), "UPLOAD_NOT_FOUND"));
}

TEST_F(UploadTest, CanBeTakenOnce) {
  const Uploads::Upload upload = Create();
  const auto writer = Take(upload.id);
  EXPECT_TRUE(HasReason(uploads_.Take(upload.id).status(), "UPLOAD_NOT_FOUND"));
  EXPECT_TRUE(HasReason(uploads_.Take("nope").status(), "UPLOAD_NOT_FOUND"));
}

TEST_F(UploadTest, IsGoneWithItsReader) {
  Uploads::Upload upload = Create();
  upload.reader.reset();
  EXPECT_TRUE(HasReason(uploads_.Take(upload.id).status(), "UPLOAD_NOT_FOUND"));
}

TEST_F(UploadTest, ABlockedSenderStopsWhenTheJobEnds) {
  Uploads::Upload upload = Create();
  const auto writer = Take(upload.id);
  const std::string block(UploadChannel::kMaxWaiting, 'x');
  ASSERT_TRUE(*writer->Write(block, cancel_.token()));
  std::thread sender([&] {
    const auto written = writer->Write(block, cancel_.token());
    ASSERT_TRUE(written.ok()) << written.status();
    EXPECT_FALSE(*written);
  });
  upload.reader.reset();
  sender.join();
}

TEST_F(UploadTest, ABlockedSenderStopsWhenItsCallIsCancelled) {
  const Uploads::Upload upload = Create();
  const auto writer = Take(upload.id);
  const std::string block(UploadChannel::kMaxWaiting, 'x');
  ASSERT_TRUE(*writer->Write(block, cancel_.token()));
  std::thread sender([&] {
    EXPECT_EQ(writer->Write(block, cancel_.token()).status().code(),
              absl::StatusCode::kCancelled);
  });
  cancel_.Cancel();
  sender.join();
}

TEST_F(UploadTest, AWaitingReaderStopsWhenTheJobIsCancelled) {
  const Uploads::Upload upload = Create();
  const auto writer = Take(upload.id);
  std::thread reader([&] {
    const auto source = upload.reader->Open(cancel_.token());
    EXPECT_EQ(source->Next().status().code(), absl::StatusCode::kCancelled);
  });
  cancel_.Cancel();
  reader.join();
}

TEST_F(UploadTest, BoundsHowManyWait) {
  std::vector<Uploads::Upload> uploads;
  for (int i = 0; i < Uploads::kMaxWaiting; ++i) {
    uploads.push_back(Create());
  }
  EXPECT_TRUE(HasReason(uploads_.Create(kLong).status(), "TOO_MANY_UPLOADS"));
  uploads.pop_back();
  EXPECT_TRUE(uploads_.Create(kLong).ok());
}

}  // namespace
}  // namespace bottled
