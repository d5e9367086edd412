#include "client/user_sink.h"

#include <chrono>
#include <string>

#include "base/strings.h"
#include "client/json.h"
#include "client/progress.h"
#include "fmt/format.h"

namespace bottled::client {
namespace {

// Events to the user: JSON lines, or a progress view on stderr.
class UserSink : public EventSink {
 public:
  explicit UserSink(Output& out)
      : out_(out),
        view_({.terminal = out.terminal(),
               .width = out.width(),
               .color = out.color()},
              Now()) {}

  void OnEvent(const v1::JobEvent& event) override {
    if (out_.json()) {
      out_.JsonLine("event", ToJson(event));
    } else if (!out_.quiet()) {
      out_.Progress(view_.OnEvent(event, Now()));
    }
  }
  void OnTick() override {
    if (!out_.json() && !out_.quiet()) {
      out_.Progress(view_.OnTick(Now()));
    }
  }
  void OnNotice(const std::string& line) override {
    if (!out_.quiet()) {
      out_.Progress(view_.Line(line, Now()));
    }
  }
  absl::Status status() const override { return out_.status(); }

  void Close() { out_.Progress(view_.Clear()); }

 private:
  static TimePoint Now() { return std::chrono::steady_clock::now(); }

  Output& out_;
  ProgressView view_;
};

}  // namespace

absl::StatusOr<v1::Artifact> FollowForUser(Session& session,
                                           const FollowSpec& spec,
                                           Output& out) {
  UserSink sink(out);
  absl::StatusOr<v1::Artifact> artifact = Follow(session, spec, sink);
  sink.Close();
  return artifact;
}

void PrintNotes(const v1::Artifact& artifact, Output& out) {
  for (const v1::PackNote& note : artifact.notes()) {
    out.Info(fmt::format("note: {} (\u00d7{}, first {}) [{}]",
                         Printable(note.message()), note.count(),
                         Printable(note.example()), Printable(note.kind())));
  }
}

}  // namespace bottled::client
