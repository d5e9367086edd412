// Between domain values and messages: the only code that knows both.

#ifndef BOTTLED_RPC_CONVERT_H_
#define BOTTLED_RPC_CONVERT_H_

#include <filesystem>

#include "absl/status/statusor.h"
#include "bottled/v1/bottled.pb.h"
#include "endpoint/endpoint.h"
#include "jobs/event.h"
#include "jobs/job.h"
#include "jobs/pack_service.h"
#include "store/records.h"

namespace bottled {

v1::Stage ToProto(Stage stage);
v1::JobState ToProto(JobState state);
v1::EngineEndpoint ToProto(const EngineEndpoint& endpoint);
v1::Progress ToProto(const Progress& progress);

// `path` is where the artifact's file is.
v1::Artifact ToProto(const ArtifactRecord& record,
                     const std::filesystem::path& path);

v1::Miss ToProto(const Miss& miss);

// Both need the objects' place for an artifact's path.
v1::Job ToProto(const JobSnapshot& job, const Objects& objects);
v1::JobEvent ToProto(const std::string& job_id, const JobEvent& event,
                     const Objects& objects);

// Checks a request's form: one source, absolute paths, options in range, a
// known packer. `default_engine` stands in when the request names none; its
// error is returned only then. INVALID_ARGUMENT, reason BAD_REQUEST.
absl::StatusOr<PackSpec> FromProto(
    const v1::PackRequest& request,
    const absl::StatusOr<EngineEndpoint>& default_engine);

}  // namespace bottled

#endif  // BOTTLED_RPC_CONVERT_H_
