#include "jobs/miss.h"

#include <algorithm>

#include "base/log.h"
#include "base/strings.h"
#include "fmt/format.h"
#include "jobs/errors.h"

namespace bottled {
namespace {

constexpr size_t kSpelledOut = 3;
constexpr size_t kMaxRuleBytes = 512;

std::string Spell(const InputChange& change) {
  const auto value = [](const std::string& text) {
    return text.empty() ? std::string("none") : text;
  };
  return fmt::format("{}: {} → {}", change.name, value(change.before),
                     value(change.after));
}

std::string SpellAll(const std::vector<InputChange>& changes) {
  if (changes.empty()) {
    return "which ones is no longer known";
  }
  std::string out;
  const size_t shown = std::min(changes.size(), kSpelledOut);
  for (size_t i = 0; i < shown; ++i) {
    out += (out.empty() ? "" : "; ") + Spell(changes[i]);
  }
  if (shown < changes.size()) {
    out += fmt::format("; and {} more", changes.size() - shown);
  }
  return out;
}

std::string Went(const Miss& miss, const char* how) {
  std::string out = fmt::format("{} on {}", how, FormatTimeMs(miss.at_ms));
  if (!miss.rule.empty()) {
    out += fmt::format(" ({})", Printable(miss.rule, kMaxRuleBytes));
  }
  return out;
}

}  // namespace

std::string MissSentence(const Miss& miss) {
  if (miss.reason == "NEVER_BUILT") {
    return "it was never made here, or so long ago that this is forgotten";
  }
  if (miss.reason == "INPUT_CHANGED") {
    return "its inputs have changed: " + SpellAll(miss.changes);
  }
  if (miss.reason == "FORMAT_CHANGED") {
    return "the packer makes another format now: " + SpellAll(miss.changes);
  }
  if (miss.reason == "EVICTED") {
    return Went(miss, "it was collected");
  }
  if (miss.reason == "QUARANTINED") {
    std::string out = Went(miss, "it was found damaged");
    if (miss.suspect()) {
      out += fmt::format(
          ", for the {}. time in 24 hours: the disk or the memory is suspect",
          miss.quarantines);
    }
    return out;
  }
  if (miss.reason == "MISSING") {
    return Went(miss, "its file was found gone");
  }
  if (miss.reason == "REMOVED") {
    return Went(miss, "it was removed");
  }
  return miss.reason == "FORCED" ? "it was asked for" : "";
}

Miss ExplainMiss(Index& index, const Clock& clock, const Digest& key,
                 const std::string& inputs, const std::string& reference,
                 bool force) {
  Miss miss;
  if (force) {
    miss.reason = "FORCED";
    return miss;
  }
  absl::StatusOr<Miss> found =
      index.Explain(key, inputs, reference, clock.NowMs());
  if (!found.ok()) {
    Log("jobs")->warn("cannot say why {} is not cached: {}", key.ToString(),
                      std::string(found.status().message()));
    return miss;
  }
  return *std::move(found);
}

absl::Status NoteMiss(Index& index, Job& job, const Miss& miss) {
  if (miss.reason.empty()) {
    return absl::OkStatus();
  }
  job.SetMiss(miss);
  job.events().AddLine(
      fmt::format("made because {} [{}]", MissSentence(miss), miss.reason),
      /*warning=*/miss.suspect());
  LogFailure(job, "cannot note why it is made",
             index.SetJobMiss(job.id(), miss));
  return miss.suspect() && job.job_class() == JobClass::kWarm
             ? DiskSuspect(job.source(), miss.quarantines)
             : absl::OkStatus();
}

}  // namespace bottled
