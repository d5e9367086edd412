#include "store/object_record.h"

#include "base/status_macros.h"
#include "fmt/format.h"
#include "nlohmann/json.hpp"
#include "store/errors.h"

namespace bottled {
namespace {

using nlohmann::json;

constexpr int kVersion = 1;

std::string TextMember(const json& object, const char* member) {
  const auto it = object.find(member);
  return it != object.end() && it->is_string() ? it->get<std::string>() : "";
}

absl::StatusOr<int64_t> Number(const json& object, const char* member) {
  const auto it = object.find(member);
  // Numbers beyond int64 are stored as unsigned by the library.
  if (it == object.end() || !it->is_number_integer() ||
      (it->is_number_unsigned() &&
       it->get<uint64_t>() > static_cast<uint64_t>(INT64_MAX)) ||
      it->get<int64_t>() < 0) {
    return BadObjectRecordError(fmt::format("{} is not a count", member));
  }
  return it->get<int64_t>();
}

// Empty digests are left to the caller.
absl::StatusOr<Digest> GetDigest(const json& object, const char* member) {
  if (TextMember(object, member).empty()) {
    return Digest();
  }
  absl::StatusOr<Digest> digest = Digest::Parse(TextMember(object, member));
  if (!digest.ok()) {
    return BadObjectRecordError(fmt::format("{} is not a digest", member));
  }
  return digest;
}

json ToJson(const std::vector<Note>& notes) {
  json array = json::array();
  for (const Note& note : notes) {
    array.push_back({{"kind", note.kind},
                     {"count", note.count},
                     {"example", note.example},
                     {"message", note.message}});
  }
  return array;
}

std::vector<Note> ToNotes(const json& array) {
  std::vector<Note> notes;
  if (!array.is_array()) {
    return notes;
  }
  for (const json& item : array) {
    if (!item.is_object()) {
      continue;
    }
    const absl::StatusOr<int64_t> count = Number(item, "count");
    if (count.ok()) {
      notes.push_back({.kind = TextMember(item, "kind"),
                       .count = *count,
                       .example = TextMember(item, "example"),
                       .message = TextMember(item, "message")});
    }
  }
  return notes;
}

// Paths in notes need not be UTF-8; the default handler would throw.
std::string Dump(const json& value, int indent) {
  return value.dump(indent, ' ', false, json::error_handler_t::replace);
}

}  // namespace

std::string EncodeObjectRecord(const ArtifactRecord& record) {
  const json object = {
      {"version", kVersion},
      {"digest", record.digest.ToString()},
      {"content_key", record.content_key.ToString()},
      {"key_inputs", record.key_inputs},
      {"size_bytes", record.size_bytes},
      {"unpacked_bytes", record.unpacked_bytes},
      {"entry_count", record.entry_count},
      {"platform", record.platform},
      {"config_digest", record.config_digest.ToString()},
      {"layer_digest", record.layer_digest.ToString()},
      {"packer", record.packer},
      {"created_ms", record.created_ms},
      {"notes", ToJson(record.notes)},
      {"references", record.references},
  };
  return Dump(object, 1) + "\n";
}

absl::StatusOr<ArtifactRecord> DecodeObjectRecord(std::string_view text) {
  const json object = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) {
    return BadObjectRecordError("no JSON object");
  }
  ASSIGN_OR_RETURN(const int64_t version, Number(object, "version"));
  if (version != kVersion) {
    return BadObjectRecordError(fmt::format("version {}", version));
  }
  ArtifactRecord record;
  ASSIGN_OR_RETURN(record.digest, GetDigest(object, "digest"));
  ASSIGN_OR_RETURN(record.content_key, GetDigest(object, "content_key"));
  ASSIGN_OR_RETURN(record.config_digest, GetDigest(object, "config_digest"));
  ASSIGN_OR_RETURN(record.layer_digest, GetDigest(object, "layer_digest"));
  if (record.digest.empty() || record.content_key.empty()) {
    return BadObjectRecordError("it names no object");
  }
  ASSIGN_OR_RETURN(record.size_bytes, Number(object, "size_bytes"));
  ASSIGN_OR_RETURN(record.unpacked_bytes, Number(object, "unpacked_bytes"));
  ASSIGN_OR_RETURN(record.entry_count, Number(object, "entry_count"));
  ASSIGN_OR_RETURN(record.created_ms, Number(object, "created_ms"));
  record.last_used_ms = record.created_ms;
  record.key_inputs = TextMember(object, "key_inputs");
  record.platform = TextMember(object, "platform");
  record.packer = TextMember(object, "packer");
  if (const auto notes = object.find("notes"); notes != object.end()) {
    record.notes = ToNotes(*notes);
  }
  if (const auto references = object.find("references");
      references != object.end() && references->is_array()) {
    for (const json& reference : *references) {
      if (reference.is_string()) {
        record.references.push_back(reference.get<std::string>());
      }
    }
  }
  return record;
}

std::string EncodeNotes(const std::vector<Note>& notes) {
  return Dump(ToJson(notes), -1);
}

std::vector<Note> DecodeNotes(std::string_view text) {
  return ToNotes(json::parse(text, nullptr, /*allow_exceptions=*/false));
}

}  // namespace bottled
