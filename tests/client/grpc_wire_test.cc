#include "client/grpc_wire.h"

#include <random>
#include <string>

#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bottled::client {
namespace {

std::string Framed(const std::string& message) {
  return MessagePrefix(message.size()) + message;
}

TEST(GrpcWireTest, PrefixIsFlagAndBigEndianLength) {
  EXPECT_EQ(MessagePrefix(0), std::string(5, '\0'));
  EXPECT_EQ(MessagePrefix(0x01020304), std::string("\0\1\2\3\4", 5));
}

TEST(GrpcWireTest, AssemblesHoweverTheBytesAreCut) {
  const std::string stream = Framed("one") + Framed("") + Framed("three");
  for (size_t cut = 1; cut <= stream.size(); ++cut) {
    MessageAssembler assembler;
    for (size_t at = 0; at < stream.size(); at += cut) {
      ASSERT_TRUE(assembler.Add(stream.substr(at, cut)).ok());
    }
    EXPECT_EQ(assembler.Take(), "one");
    EXPECT_EQ(assembler.Take(), "");
    EXPECT_EQ(assembler.Take(), "three");
    EXPECT_EQ(assembler.Take(), std::nullopt);
    EXPECT_FALSE(assembler.InMessage());
  }
}

TEST(GrpcWireTest, KnowsThatAMessageIsNotWhole) {
  MessageAssembler assembler;
  ASSERT_TRUE(assembler.Add(std::string_view("\0\0", 2)).ok());
  EXPECT_TRUE(assembler.InMessage());
  EXPECT_EQ(assembler.Take(), std::nullopt);
}

TEST(GrpcWireTest, RefusesALengthBeforeItsBytesArrive) {
  MessageAssembler assembler(100);
  EXPECT_TRUE(
      HasReason(assembler.Add(MessagePrefix(101)), "MESSAGE_TOO_LARGE"));
}

TEST(GrpcWireTest, RefusesManyWaitingMessages) {
  MessageAssembler assembler(100);
  const std::string message = Framed(std::string(100, 'x'));
  absl::Status status;
  for (int i = 0; i < 10 && status.ok(); ++i) {
    status = assembler.Add(message);
  }
  EXPECT_TRUE(HasReason(status, "MESSAGE_TOO_LARGE"));
}

TEST(GrpcWireTest, RefusesACompressedMessage) {
  MessageAssembler assembler;
  EXPECT_EQ(assembler.Add(std::string_view("\1\0\0\0\1x", 6)).code(),
            absl::StatusCode::kInternal);
}

TEST(GrpcWireTest, DecodesPercentAndLeavesMalformedEscapes) {
  EXPECT_EQ(PercentDecode("a%20b%C3%a9"), "a b\xc3\xa9");
  EXPECT_EQ(PercentDecode("100%"), "100%");
  EXPECT_EQ(PercentDecode("%4"), "%4");
  EXPECT_EQ(PercentDecode("%zz%41"), "%zzA");
}

TEST(GrpcWireTest, DecodesBase64WithAndWithoutPadding) {
  EXPECT_EQ(Base64Decode(""), "");
  EXPECT_EQ(Base64Decode("Zg"), "f");
  EXPECT_EQ(Base64Decode("Zg=="), "f");
  EXPECT_EQ(Base64Decode("Zm8"), "fo");
  EXPECT_EQ(Base64Decode("Zm9vYmFy"), "foobar");
  EXPECT_EQ(Base64Decode("//79"), "\xff\xfe\xfd");
}

TEST(GrpcWireTest, RefusesMalformedBase64) {
  for (const char* text : {"Z", "Zg=a", "Z g", "Zm9vY", "Zg\n", "Z-_g"}) {
    EXPECT_EQ(Base64Decode(text), std::nullopt) << text;
  }
}

TEST(GrpcWireTest, ReadsStatusCodes) {
  EXPECT_EQ(ParseStatusCode("0"), absl::StatusCode::kOk);
  EXPECT_EQ(ParseStatusCode("5"), absl::StatusCode::kNotFound);
  EXPECT_EQ(ParseStatusCode("16"), absl::StatusCode::kUnauthenticated);
  for (const char* text : {"", "17", "-1", "5x", "99999999999", " 5"}) {
    EXPECT_EQ(ParseStatusCode(text), absl::StatusCode::kUnknown) << text;
  }
}

TEST(GrpcWireTest, RandomBytesEndInMessagesOrOneError) {
  std::mt19937 random(7);
  for (int run = 0; run < 300; ++run) {
    MessageAssembler assembler(1 << 12);
    for (int i = 0; i < 20; ++i) {
      std::string bytes(random() % 64, '\0');
      for (char& c : bytes) {
        c = static_cast<char>(random() % 4 == 0 ? random() : 0);
      }
      if (!assembler.Add(bytes).ok()) {
        break;
      }
      while (const auto message = assembler.Take()) {
        EXPECT_LE(message->size(), size_t{1} << 12);
      }
    }
  }
}

}  // namespace
}  // namespace bottled::client
