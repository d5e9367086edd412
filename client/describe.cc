#include "client/describe.h"

#include <algorithm>
#include <vector>

#include "base/strings.h"
#include "client/progress.h"
#include "client/table.h"
#include "fmt/format.h"

namespace bottled::client {
namespace {

int64_t ToMs(const google::protobuf::Timestamp& time) {
  // FormatTimeMs() takes any value, but the product must not overflow.
  constexpr int64_t kMaxSeconds = 253'402'300'799;
  return std::clamp(time.seconds(), -kMaxSeconds, kMaxSeconds) * 1000 +
         time.nanos() / 1'000'000;
}

bool IsSet(const google::protobuf::Timestamp& time) {
  return time.seconds() != 0 || time.nanos() != 0;
}

std::string Percent(const v1::Progress& progress) {
  if (progress.total() <= 0) {
    return "";
  }
  const double part = static_cast<double>(progress.current()) /
                      static_cast<double>(progress.total());
  return fmt::format(" {:.0f}%", std::clamp(part, 0.0, 1.0) * 100);
}

std::string Join(const google::protobuf::RepeatedPtrField<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) {
    out += (out.empty() ? "" : ", ") + text;
  }
  return out;
}

}  // namespace

std::string FormatAge(const google::protobuf::Timestamp& time, int64_t now_ms) {
  if (!IsSet(time)) {
    return "-";
  }
  const int64_t seconds = std::max<int64_t>(0, now_ms - ToMs(time)) / 1000;
  if (seconds < 10) {
    return "just now";
  }
  if (seconds < 60) {
    return fmt::format("{} s ago", seconds);
  }
  if (seconds < 3600) {
    return fmt::format("{} min ago", seconds / 60);
  }
  if (seconds < 2 * 86400) {
    return fmt::format("{} h ago", seconds / 3600);
  }
  return fmt::format("{} d ago", seconds / 86400);
}

std::string FormatTimestamp(const google::protobuf::Timestamp& time) {
  return IsSet(time) ? FormatTimeMs(ToMs(time)) : "";
}

std::string ShortDigest(std::string_view digest) {
  constexpr std::string_view kPrefix = "sha256:";
  if (digest.starts_with(kPrefix)) {
    digest.remove_prefix(kPrefix.size());
  }
  return std::string(digest.substr(0, 12));
}

std::string DescribeJobs(const v1::ListJobsResponse& response, int64_t now_ms) {
  Table table(
      {"JOB", "STATE", "STAGE", "WHY", ">CALLERS", "CREATED", "SOURCE"});
  for (const v1::Job& job : response.jobs()) {
    const bool running = job.state() == v1::JOB_STATE_RUNNING;
    std::string stage;
    if (running) {
      stage = StageWord(job.stage()) + Percent(job.progress());
    } else if (job.has_failure()) {
      stage = job.failure().reason();
    }
    std::string state = StateWord(job.state());
    if (job.attempt() > 1) {
      state += fmt::format(" (attempt {})", job.attempt());
    }
    table.Add({job.id(), state, stage, job.miss().reason(),
               fmt::format("{}", job.interest_count()),
               FormatAge(job.created_at(), now_ms), job.source()});
  }
  return table.Format();
}

std::string DescribeArtifacts(const v1::ListArtifactsResponse& response,
                              int64_t now_ms) {
  Table table({"DIGEST", ">SIZE", "USED", "PLATFORM", "SOURCE"});
  for (const v1::Artifact& artifact : response.artifacts()) {
    table.Add({ShortDigest(artifact.digest()),
               FormatBytes(artifact.size_bytes()),
               FormatAge(artifact.last_used_at(), now_ms), artifact.platform(),
               artifact.references().empty() ? "-" : artifact.references(0)});
  }
  return table.Format();
}

std::string DescribeLeases(const v1::ListLeasesResponse& response) {
  Table table({"LEASE", "ARTIFACT", "ENDS", "HOLDER"});
  for (const v1::Lease& lease : response.leases()) {
    std::string ends = "with its connection";
    if (!lease.stream()) {
      ends = lease.pid() != 0 ? fmt::format("with process {}", lease.pid())
                              : FormatTimestamp(lease.expires_at());
    }
    table.Add(
        {lease.id(), ShortDigest(lease.artifact()), ends, lease.holder()});
  }
  return table.Format();
}

std::string DescribeArtifact(const v1::GetArtifactResponse& response) {
  const v1::Artifact& artifact = response.artifact();
  std::string out = FormatPairs({
      {"Digest", artifact.digest()},
      {"Path", artifact.path()},
      {"Size", FormatBytes(artifact.size_bytes())},
      {"Unpacked",
       fmt::format("{} in {} entries", FormatBytes(artifact.unpacked_bytes()),
                   artifact.entry_count())},
      {"Platform", artifact.platform()},
      {"Sources", Join(artifact.references())},
      {"Image config", artifact.config_digest()},
      {"Content key", artifact.content_key()},
      {"Packer", artifact.packer()},
      {"Created", FormatTimestamp(artifact.created_at())},
      {"Last used", FormatTimestamp(artifact.last_used_at())},
      {"Held", Join(response.holders())},
      {"Key inputs", response.key_inputs_json()},
  });
  Table notes({"NOTE", ">COUNT", "FIRST", "MEANING"});
  for (const v1::PackNote& note : artifact.notes()) {
    notes.Add({note.kind(), fmt::format("{}", note.count()), note.example(),
               note.message()});
  }
  return out + notes.Format();
}

namespace {

std::string DescribeQuarantine(const v1::Quarantine& quarantine) {
  return fmt::format("{} files, {}", quarantine.file_count(),
                     FormatBytes(quarantine.bytes()));
}

std::string DescribeScrub(const v1::ScrubRound& round) {
  std::string out =
      fmt::format("{}: {} artifacts, {}, {} damaged",
                  FormatTimestamp(round.finished_at()), round.artifact_count(),
                  FormatBytes(round.bytes()), round.damaged_count());
  if (round.unread_count() > 0) {
    out += fmt::format(", {} could not be read", round.unread_count());
  }
  return out;
}

}  // namespace

std::string DescribeVerifications(const v1::VerifyArtifactsResponse& response,
                                  bool repaired) {
  Table table({"DIGEST", "RESULT", ">READ", "PROBLEM"});
  for (const v1::Verification& each : response.verifications()) {
    const char* result = "ok";
    if (!each.ok()) {
      result = each.quarantined() ? "quarantined" : "damaged";
    }
    table.Add({ShortDigest(each.digest()), result,
               FormatBytes(each.bytes_read()), each.problem()});
  }
  std::string out = table.Format();
  if (!response.repairs().empty()) {
    Table repairs({"DONE", "SUBJECT", "WHY"});
    for (const v1::RepairAction& each : response.repairs()) {
      repairs.Add({each.kind(), each.subject(), each.detail()});
    }
    out += repairs.Format();
  } else if (repaired) {
    out += "nothing to repair\n";
  }
  if (response.quarantine().file_count() > 0) {
    out += "in quarantine: " + DescribeQuarantine(response.quarantine()) + "\n";
  }
  return out;
}

std::string DescribeCollection(const v1::CollectGarbageResponse& response,
                               bool dry_run) {
  Table table({"DIGEST", ">SIZE", dry_run ? "WOULD" : "DID", "REASON", ""});
  for (const v1::Verdict& each : response.verdicts()) {
    table.Add({ShortDigest(each.digest()), FormatBytes(each.size_bytes()),
               each.remove() ? "remove" : "keep", each.reason(),
               each.detail()});
  }
  return table.Format() +
         fmt::format(
             "{} {} artifacts, {}; there were {}, of at most {}; free "
             "were {}, at least {} shall be\n"
             "in use {}, could go {}, in the trash {}, reserved by jobs {}\n"
             "{} {} of kept layers, {}\n",
             dry_run ? "would remove" : "removed", response.removed_count(),
             FormatBytes(response.removed_bytes()),
             FormatBytes(response.artifact_bytes()),
             FormatBytes(response.max_bytes()),
             FormatBytes(response.free_bytes()),
             FormatBytes(response.min_free_bytes()),
             FormatBytes(response.held_bytes()),
             FormatBytes(response.reclaimable_bytes()),
             FormatBytes(response.trash_bytes()),
             FormatBytes(response.reserved_bytes()),
             dry_run ? "would remove" : "removed",
             FormatBytes(response.removed_kept_layer_bytes()),
             FormatBytes(response.kept_layer_bytes()));
}

namespace {

std::string DescribeRoom(const v1::GetInfoResponse& info) {
  const v1::DiskInfo& disk = info.disk();
  std::string text = FormatBytes(info.free_bytes());
  if (disk.min_free_bytes() > 0) {
    text += fmt::format(", at least {} to be kept",
                        FormatBytes(disk.min_free_bytes()));
  }
  if (disk.reserved_bytes() > 0) {
    text += fmt::format(", {} reserved by jobs",
                        FormatBytes(disk.reserved_bytes()));
  }
  if (disk.trash_bytes() > 0) {
    text += fmt::format(", {} soon back", FormatBytes(disk.trash_bytes()));
  }
  return disk.full() ? fmt::format("{}; FULL, no new jobs: {}", text,
                                   Printable(disk.message()))
                     : text;
}

}  // namespace

std::string DescribeInfo(const v1::GetInfoResponse& info) {
  const v1::Limits& limits = info.limits();
  return FormatPairs({
      {"Version", info.version()},
      {"Pid", fmt::format("{}", info.pid())},
      {"Started", FormatTimestamp(info.started_at())},
      {"Socket", info.socket_path()},
      {"State", info.state_dir()},
      {"Cache", info.cache_dir()},
      {"Artifacts",
       fmt::format("{}, {}{}", info.artifact_count(),
                   FormatBytes(info.artifact_bytes()),
                   info.disk().max_bytes() > 0
                       ? ", at most " + FormatBytes(info.disk().max_bytes())
                       : "")},
      {"Kept layers", FormatBytes(info.kept_layer_bytes())},
      {"Quarantine", info.quarantine().file_count() > 0
                         ? DescribeQuarantine(info.quarantine())
                         : ""},
      {"Last scrub",
       info.has_last_scrub() ? DescribeScrub(info.last_scrub()) : ""},
      {"Free space", DescribeRoom(info)},
      {"Jobs", fmt::format("{} active, at most {} at once and {} waiting",
                           info.active_job_count(), limits.max_running_jobs(),
                           limits.max_queued_jobs())},
      {"Watchers", fmt::format("{}, at most {}", info.watcher_count(),
                               limits.max_watchers())},
      {"Largest image",
       fmt::format("{} in {} entries", FormatBytes(limits.max_unpacked_bytes()),
                   limits.max_entries())},
      {"Packer", info.packer()},
      {"Default engine",
       info.has_default_engine()
           ? fmt::format("{} ({})", info.default_engine().host(),
                         info.default_engine().origin())
           : ""},
      {"Features", Join(info.features())},
  });
}

}  // namespace bottled::client
