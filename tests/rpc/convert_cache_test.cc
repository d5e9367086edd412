#include "rpc/convert_cache.h"

#include "base/error.h"
#include "gtest/gtest.h"

namespace bottled {
namespace {

v1::LeaseSpec SpecOf(const std::string& holder) {
  v1::LeaseSpec spec;
  spec.set_holder(holder);
  return spec;
}

TEST(ConvertCacheTest, TakesTheThreeKindsOfLeases) {
  v1::LeaseSpec ttl = SpecOf("a");
  ttl.set_ttl_seconds(90);
  const auto time = FromProto(ttl);
  ASSERT_TRUE(time.ok()) << time.status();
  EXPECT_EQ(time->kind, LeaseKind::kTtl);
  EXPECT_EQ(time->ttl, std::chrono::seconds(90));
  v1::LeaseSpec pid = SpecOf("b");
  pid.set_pid(7);
  const auto process = FromProto(pid);
  ASSERT_TRUE(process.ok()) << process.status();
  EXPECT_EQ(process->kind, LeaseKind::kPid);
  EXPECT_EQ(process->pid, 7);
  v1::LeaseSpec call = SpecOf("c");
  call.set_stream(true);
  const auto stream = FromProto(call);
  ASSERT_TRUE(stream.ok()) << stream.status();
  EXPECT_EQ(stream->kind, LeaseKind::kStream);
  EXPECT_EQ(stream->holder, "c");
}

TEST(ConvertCacheTest, RefusesALeaseOfNoKind) {
  v1::LeaseSpec no_stream = SpecOf("a");
  no_stream.set_stream(false);
  for (const v1::LeaseSpec& spec : {SpecOf("a"), no_stream}) {
    EXPECT_EQ(GetErrorDetail(FromProto(spec).status()).reason, "BAD_REQUEST");
  }
}

TEST(ConvertCacheTest, TellsWhenALeaseEnds) {
  ArtifactLease lease = {.id = "x",
                         .kind = LeaseKind::kTtl,
                         .holder = "me",
                         .created_ms = 1000,
                         .expires_ms = 3000};
  EXPECT_EQ(ToProto(lease).expires_at().seconds(), 3);
  EXPECT_FALSE(ToProto(lease).stream());
  lease.kind = LeaseKind::kPid;
  lease.pid = 7;
  EXPECT_EQ(ToProto(lease).pid(), 7);
  EXPECT_FALSE(ToProto(lease).has_expires_at());
  lease.kind = LeaseKind::kStream;
  EXPECT_TRUE(ToProto(lease).stream());
  EXPECT_FALSE(ToProto(lease).has_expires_at());
}

}  // namespace
}  // namespace bottled
