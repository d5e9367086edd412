#include "rpc/server.h"

#include <utility>

#include "absl/status/status.h"
#include "base/status_macros.h"
#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/health_check_service_interface.h"
#include "grpcpp/resource_quota.h"
#include "grpcpp/server_builder.h"
#include "grpcpp/server_posix.h"

namespace bottled {
namespace {

// A stopped client would keep its streams, and so its interest, for ever.
constexpr int kKeepaliveMs = 20'000;
constexpr int kKeepaliveTimeoutMs = 10'000;
// gRPC's default refuses client pings more frequent than five minutes.
constexpr int kMinClientPingMs = 10'000;
constexpr int kMaxStreams = 1024;
constexpr int kMaxMetadataBytes = 8 * 1024;
// 1 MiB of an upload and what is around it.
constexpr int kMaxReceivedBytes = (1 << 20) + (64 << 10);
constexpr size_t kMaxMemoryBytes = size_t{256} << 20;

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const Options& options,
                                                      std::vector<Fd> sockets,
                                                      BottledService& service) {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS,
                             kKeepaliveTimeoutMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  builder.AddChannelArgument(
      GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, kMinClientPingMs);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxStreams);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMaxMetadataBytes);
  grpc::ResourceQuota quota("bottled");
  quota.Resize(kMaxMemoryBytes);
  builder.SetResourceQuota(quota);
  builder.SetMaxReceiveMessageSize(kMaxReceivedBytes);
  builder.RegisterService(&service);
  std::unique_ptr<grpc::Server> grpc_server = builder.BuildAndStart();
  if (grpc_server == nullptr) {
    return absl::InternalError("gRPC did not start");
  }
  std::unique_ptr<Server> server(new Server(std::move(grpc_server)));
  grpc::Server* const raw = server->server_.get();
  ASSIGN_OR_RETURN(
      server->listener_,
      Listener::Start(
          {.uid = options.uid,
           .max_connections = options.max_connections,
           .max_connections_per_process = options.max_connections_per_process,
           .peers = options.peers},
          std::move(sockets), [raw](Fd connection) {
            grpc::AddInsecureChannelFromFd(raw, connection.Release());
          }));
  // Clients may ask for the whole server or for the service by its name.
  server->server_->GetHealthCheckService()->SetServingStatus(true);
  server->server_->GetHealthCheckService()->SetServingStatus(
      v1::Bottled::service_full_name(), true);
  return server;
}

Server::~Server() { Shutdown(std::chrono::milliseconds(0)); }

void Server::StopAccepting() {
  if (listener_ != nullptr) {
    listener_->Stop();
  }
}

void Server::Shutdown(std::chrono::milliseconds grace) {
  if (server_ == nullptr) {
    return;
  }
  // gRPC drops connections that it gets after Shutdown() without closing them.
  StopAccepting();
  server_->GetHealthCheckService()->SetServingStatus(false);
  server_->Shutdown(std::chrono::system_clock::now() + grace);
  server_->Wait();
  server_.reset();
}

}  // namespace bottled
