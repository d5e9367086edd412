// What people are told about who keeps an artifact: one wording for the index,
// which refuses a removal, and for the collector, which foresees it.

#ifndef BOTTLED_STORE_HOLDERS_H_
#define BOTTLED_STORE_HOLDERS_H_

#include <string>

#include "store/records.h"

namespace bottled {

// "leased by HOLDER until 2026-01-02T03:04:05.678Z", "leased by HOLDER
// (process 123)" or "leased by HOLDER while connected". Printable. Pure.
std::string HolderSentence(const ArtifactLease& lease);

// "pinned: NOTE", or "pinned" without one. Printable. Pure.
std::string HolderSentence(const ArtifactPin& pin);

}  // namespace bottled

#endif  // BOTTLED_STORE_HOLDERS_H_
