// The one place where errors become gRPC's.

#ifndef BOTTLED_RPC_GRPC_STATUS_H_
#define BOTTLED_RPC_GRPC_STATUS_H_

#include "absl/status/status.h"
#include "bottled/v1/job.pb.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/status.h"

namespace bottled {

// The trailer that carries a serialised bottled.v1.Failure.
inline constexpr char kErrorTrailer[] = "bottled-error-bin";

// A failure message of a status that is not OK.
v1::Failure ToFailure(const absl::Status& status);

// The canonical code and the message, at most 4 KiB of it because headers are
// bounded; for an error the whole failure goes into the trailer of `context`.
grpc::Status ToGrpcStatus(grpc::ServerContextBase* context,
                          const absl::Status& status);

}  // namespace bottled

#endif  // BOTTLED_RPC_GRPC_STATUS_H_
