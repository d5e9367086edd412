#include "bottle/manifest_memo.h"

#include <utility>

#include "base/status_macros.h"

namespace bottled {
namespace {

// Of each kind.
constexpr size_t kMaxEntries = 128;
constexpr size_t kMaxContent = size_t{16} << 10;

}  // namespace

template <typename Parsed, typename Parse>
absl::StatusOr<std::shared_ptr<const Parsed>> ManifestMemo::Get(
    Entries<Parsed> ManifestMemo::* entries, const std::string& key,
    const std::string& content, Parse parse) {
  {
    MutexLock lock(mu_);
    const auto found = (this->*entries).find(key);
    if (found != (this->*entries).end() && found->second.content == content) {
      return found->second.parsed;
    }
  }
  ASSIGN_OR_RETURN(Parsed parsed, parse());
  auto shared = std::make_shared<const Parsed>(std::move(parsed));
  if (content.size() <= kMaxContent) {
    MutexLock lock(mu_);
    // More than anybody has at work: which ones go does not matter.
    if ((this->*entries).size() >= kMaxEntries) {
      (this->*entries).clear();
    }
    (this->*entries)[key] = {.content = content, .parsed = shared};
  }
  return shared;
}

absl::StatusOr<std::shared_ptr<const PartialAgent>> ManifestMemo::Agent(
    const ManifestText& text) {
  return Get(&ManifestMemo::agents_, text.path, text.content,
             [&] { return ParseAgent(text.content, text.path); });
}

absl::StatusOr<std::shared_ptr<const PartialBottle>> ManifestMemo::Bottle(
    const ManifestText& text, const std::string& home) {
  return Get(&ManifestMemo::bottles_, text.path + '\0' + home, text.content,
             [&] { return ParseBottle(text.content, text.path, home); });
}

}  // namespace bottled
