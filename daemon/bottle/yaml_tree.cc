#include "bottle/yaml_tree.h"

#include <algorithm>
#include <exception>
#include <map>
#include <sstream>
#include <utility>

#include "base/status_macros.h"
#include "bottle/manifest_errors.h"
#include "yaml-cpp/eventhandler.h"
#include "yaml-cpp/exceptions.h"
#include "yaml-cpp/mark.h"
#include "yaml-cpp/parser.h"

namespace bottled {
namespace {

enum class EventType { kNull, kText, kMap, kMapEnd, kList, kListEnd };

struct Event {
  EventType type;
  size_t position = 0;  // in the source, in bytes; not of the two ends
  int line = 0;
  int column = 0;
  std::string text;
  bool quoted = false;
};

bool IsEnd(const Event& event) {
  return event.type == EventType::kMapEnd || event.type == EventType::kListEnd;
}

// False for a quoted text without its second quote, which yaml-cpp takes when
// the document ends there: it would swallow all the keys after it.
bool IsClosed(std::string_view text) {
  const char quote = text.empty() ? '\0' : text.front();
  if (quote != '"' && quote != '\'') {
    return true;
  }
  for (size_t i = 1; i < text.size(); ++i) {
    const bool doubled = text.substr(i).starts_with("''");
    if ((quote == '"' && text[i] == '\\') || (quote == '\'' && doubled)) {
      ++i;
    } else if (text[i] == quote) {
      return true;
    }
  }
  return false;
}

// Carries a refusal out of yaml-cpp's parser; caught below.
struct Refused {
  absl::Status status;
};

// Writes yaml-cpp's events down, and stops it at what is not allowed: before
// its recursion is deep and its output large.
class Recorder : public YAML::EventHandler {
 public:
  Recorder(std::string_view source, std::string_view file, int first_line)
      : source_(source), file_(file), first_line_(first_line) {}

  const std::vector<Event>& events() const { return events_; }
  Origin At(int line, int column) const {
    return {file_, std::max(line, 0) + first_line_, std::max(column, 0) + 1};
  }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) {
      throw Refused{ManifestYamlDocuments(At(mark.line, mark.column))};
    }
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Add(EventType::kNull, mark, "?", anchor);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    throw Refused{ManifestYamlAnchor(At(mark.line, mark.column))};
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag,
                YAML::anchor_t anchor, const std::string& value) override {
    Event& event = Add(EventType::kText, mark, tag, anchor);
    event.text = value;
    event.quoted = tag == "!";
    if (event.quoted && !IsClosed(From(event.position))) {
      throw Refused{ManifestYamlSyntax(At(mark.line, mark.column),
                                       "a quoted text has no end")};
    }
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag,
                       YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Add(EventType::kList, mark, tag, anchor);
    Descend(mark);
  }
  void OnSequenceEnd() override { Ascend(EventType::kListEnd); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag,
                  YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    Add(EventType::kMap, mark, tag, anchor);
    Descend(mark);
  }
  void OnMapEnd() override { Ascend(EventType::kMapEnd); }

 private:
  Event& Add(EventType type, const YAML::Mark& mark, const std::string& tag,
             YAML::anchor_t anchor) {
    const Origin at = At(mark.line, mark.column);
    const auto position = static_cast<size_t>(std::max(mark.pos, 0));
    const char first = position < source_.size() ? source_[position] : '\0';
    // A node that has properties begins at them.
    if (anchor != YAML::NullAnchor || first == '&') {
      throw Refused{ManifestYamlAnchor(at)};
    }
    if ((tag != "?" && tag != "!") || first == '!') {
      throw Refused{ManifestYamlTag(at)};
    }
    if (++nodes_ > kMaxYamlNodes) {
      throw Refused{ManifestYamlTooManyNodes(at)};
    }
    events_.push_back({type, position, at.line, at.column, "", false});
    return events_.back();
  }
  std::string_view From(size_t position) const {
    return source_.substr(std::min(position, source_.size()));
  }
  void Descend(const YAML::Mark& mark) {
    if (++depth_ > kMaxYamlDepth) {
      throw Refused{ManifestYamlTooDeep(At(mark.line, mark.column))};
    }
  }
  void Ascend(EventType type) {
    --depth_;
    events_.push_back({type, 0, 0, 0, "", false});
  }

  const std::string_view source_;
  const std::string file_;
  const int first_line_;
  std::vector<Event> events_;
  size_t nodes_ = 0;
  size_t depth_ = 0;
  int documents_ = 0;
};

// Makes the tree of the events.
class Builder {
 public:
  Builder(const Recorder& recorder, std::string_view source,
          std::string_view file)
      : events_(recorder.events()), source_(source), file_(file) {}

  // There is at least one event, and all that begin also end.
  absl::StatusOr<YamlNode> Build() { return BuildNode(nullptr); }

 private:
  absl::StatusOr<YamlNode> BuildNode(const Event* key) {
    const size_t index = next_++;
    const Event& event = events_[index];
    YamlNode node;
    node.line = event.line;
    node.column = event.column;
    switch (event.type) {
      case EventType::kText:
        node.kind = YamlNode::Kind::kText;
        node.text = event.text;
        node.quoted = event.quoted;
        break;
      case EventType::kMap:
        node.kind = YamlNode::Kind::kMap;
        RETURN_IF_ERROR(FillMap(node));
        break;
      case EventType::kList:
        node.kind = YamlNode::Kind::kList;
        while (!IsEnd(events_[next_])) {
          ASSIGN_OR_RETURN(YamlNode child, BuildNode(nullptr));
          node.children.push_back(std::move(child));
        }
        ++next_;
        break;
      default:
        if (!WroteNothing(index, key)) {
          node.kind = YamlNode::Kind::kText;
          node.text = NullWord(event.position);
        }
    }
    return node;
  }

  absl::Status FillMap(YamlNode& map) {
    std::map<std::string, int, std::less<>> lines;
    while (!IsEnd(events_[next_])) {
      const Event& event = events_[next_++];
      std::string key = event.text;
      if (event.type == EventType::kNull) {
        key = NullWord(event.position);
      }
      const Origin at = {std::string(file_), event.line, event.column};
      const bool text =
          event.type == EventType::kText || event.type == EventType::kNull;
      if (!text || key.empty()) {
        return ManifestYamlComplexKey(at);
      }
      if (key == "<<") {
        return ManifestYamlMergeKey(at);
      }
      const auto [place, is_new] = lines.emplace(key, event.line);
      if (!is_new) {
        return ManifestDuplicateKey(at, key, place->second);
      }
      ASSIGN_OR_RETURN(YamlNode child, BuildNode(&event));
      child.key = std::move(key);
      child.key_line = event.line;
      child.key_column = event.column;
      map.children.push_back(std::move(child));
    }
    ++next_;
    return absl::OkStatus();
  }

  // yaml-cpp has one event for a value that is not there and for a plain null
  // or ~, and forgets which. The first kind bears the mark of what comes after
  // it, which is the next event's, or of its own key.
  bool WroteNothing(size_t index, const Event* key) const {
    const size_t position = events_[index].position;
    if (NullWord(position).empty() ||
        (key != nullptr && key->position == position)) {
      return true;
    }
    size_t after = index + 1;
    while (after < events_.size() && IsEnd(events_[after])) {
      ++after;
    }
    return after < events_.size() && events_[after].position == position;
  }

  std::string NullWord(size_t position) const {
    const std::string_view rest =
        source_.substr(std::min(position, source_.size()));
    for (const std::string_view word : {"~", "null", "Null", "NULL"}) {
      if (rest.starts_with(word)) {
        return std::string(word);
      }
    }
    return "";
  }

  const std::vector<Event>& events_;
  const std::string_view source_;
  const std::string_view file_;
  size_t next_ = 0;
};

// What yaml-cpp ignores or would take for more than it is. A line cannot begin
// with these inside of a document's values either.
absl::Status CheckMarkers(std::string_view yaml, const Recorder& recorder) {
  bool in_front = true;
  int number = 0;
  while (!yaml.empty()) {
    const size_t end = std::min(yaml.find('\n'), yaml.size());
    const std::string_view line = yaml.substr(0, end);
    yaml.remove_prefix(std::min(end + 1, yaml.size()));
    const bool marker = line.starts_with("---") || line.starts_with("...");
    if (marker && (line.size() == 3 || line[3] == ' ' || line[3] == '\t')) {
      return ManifestYamlDocuments(recorder.At(number, 0));
    }
    if (in_front && line.starts_with('%')) {
      return ManifestYamlDirective(recorder.At(number, 0));
    }
    const size_t first = line.find_first_not_of(" \t");
    in_front = in_front && (first == std::string_view::npos ||
                            line[first] == '#' || line[first] == '%');
    ++number;
  }
  return absl::OkStatus();
}

absl::Status Record(std::string_view yaml, Recorder& recorder) {
  try {
    std::istringstream in{std::string(yaml)};
    YAML::Parser parser(in);
    while (parser.HandleNextDocument(recorder)) {
    }
    return absl::OkStatus();
  } catch (const Refused& refused) {
    return refused.status;
  } catch (const YAML::Exception& error) {
    // Some messages end with a piece of the text, after a colon.
    const std::string_view why = error.msg;
    return ManifestYamlSyntax(recorder.At(error.mark.line, error.mark.column),
                              why.substr(0, why.find(':')));
  } catch (const std::exception&) {
    return ManifestYamlSyntax(recorder.At(0, 0), "it cannot be parsed");
  }
}

}  // namespace

const YamlNode* YamlNode::Find(std::string_view name) const {
  const auto found =
      std::find_if(children.begin(), children.end(),
                   [name](const YamlNode& child) { return child.key == name; });
  return found == children.end() ? nullptr : &*found;
}

absl::StatusOr<YamlNode> ParseYamlTree(std::string_view yaml,
                                       std::string_view file, int first_line) {
  Recorder recorder(yaml, file, first_line);
  RETURN_IF_ERROR(CheckMarkers(yaml, recorder));
  RETURN_IF_ERROR(Record(yaml, recorder));
  if (recorder.events().empty()) {
    YamlNode nothing;
    nothing.line = first_line;
    nothing.column = 1;
    return nothing;
  }
  return Builder(recorder, yaml, file).Build();
}

}  // namespace bottled
