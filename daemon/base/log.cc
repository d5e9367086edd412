#include "base/log.h"

#include <functional>
#include <map>
#include <string>
#include <utility>

#include "base/mutex.h"
#include "base/strings.h"
#include "spdlog/common.h"
#include "spdlog/pattern_formatter.h"
#include "spdlog/sinks/stdout_sinks.h"

namespace bottled {
namespace {

// Messages quote foreign text (paths, an engine's answers); on the way out
// none of it may forge a line or move a terminal's cursor.
class PrintableMessage final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&,
              spdlog::memory_buf_t& out) override {
    const std::string text = Printable(
        std::string_view(message.payload.data(), message.payload.size()));
    out.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<spdlog::custom_flag_formatter> clone() const override {
    return std::make_unique<PrintableMessage>();
  }
};

class Loggers {
 public:
  Loggers() : sink_(std::make_shared<spdlog::sinks::stderr_sink_mt>()) {
    Configure(spdlog::level::info, true);
  }

  void Configure(spdlog::level::level_enum level, bool with_time) {
    auto formatter = std::make_unique<spdlog::pattern_formatter>(
        spdlog::pattern_time_type::utc);
    formatter->add_flag<PrintableMessage>('*');
    formatter->set_pattern(with_time ? "%Y-%m-%dT%H:%M:%S.%eZ %l %n: %*"
                                     : "%l %n: %*");
    MutexLock lock(mu_);
    sink_->set_formatter(std::move(formatter));
    level_ = level;
    for (const auto& [name, logger] : loggers_) {
      logger->set_level(level);
    }
  }

  std::shared_ptr<spdlog::logger> Get(std::string_view layer) {
    MutexLock lock(mu_);
    if (const auto it = loggers_.find(layer); it != loggers_.end()) {
      return it->second;
    }
    auto logger = std::make_shared<spdlog::logger>(std::string(layer), sink_);
    logger->set_level(level_);
    loggers_.emplace(layer, logger);
    return logger;
  }

 private:
  const std::shared_ptr<spdlog::sinks::stderr_sink_mt> sink_;
  Mutex mu_;
  spdlog::level::level_enum level_ ABSL_GUARDED_BY(mu_) = spdlog::level::info;
  std::map<std::string, std::shared_ptr<spdlog::logger>, std::less<>> loggers_
      ABSL_GUARDED_BY(mu_);
};

Loggers& AllLoggers() {
  // Leaked, so that threads may still log while the process exits.
  static auto* const loggers = new Loggers;
  return *loggers;
}

}  // namespace

bool InitLogging(std::string_view level, bool with_time) {
  static const std::map<std::string_view, spdlog::level::level_enum> kLevels = {
      {"debug", spdlog::level::debug},
      {"info", spdlog::level::info},
      {"warn", spdlog::level::warn},
      {"error", spdlog::level::err}};
  const auto it = kLevels.find(level);
  if (it == kLevels.end()) {
    return false;
  }
  AllLoggers().Configure(it->second, with_time);
  return true;
}

std::shared_ptr<spdlog::logger> Log(std::string_view layer) {
  return AllLoggers().Get(layer);
}

}  // namespace bottled
