// The daemon's log: one spdlog logger per layer, all writing to stderr, which
// systemd, launchd or `bottlectl daemon start` directs somewhere.
//
// Never log environments, build arguments, credentials or image config values.
// Thread-safe after InitLogging().

#ifndef BOTTLED_BASE_LOG_H_
#define BOTTLED_BASE_LOG_H_

#include <memory>
#include <string_view>

#include "spdlog/logger.h"

namespace bottled {

// Sets the level ("debug", "info", "warn", "error") and the line format: with
// the time unless a supervisor adds one. Call once, before other threads start.
// False when the level is unknown.
bool InitLogging(std::string_view level, bool with_time);

// The logger of a layer, made on first use; for example Log("jobs").
std::shared_ptr<spdlog::logger> Log(std::string_view layer);

}  // namespace bottled

#endif  // BOTTLED_BASE_LOG_H_
