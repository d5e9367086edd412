// An environment for tests.

#ifndef BOTTLED_TESTS_PLATFORM_MAP_ENV_H_
#define BOTTLED_TESTS_PLATFORM_MAP_ENV_H_

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "platform/places.h"

namespace bottled {

inline GetEnv MapEnv(std::map<std::string, std::string> variables) {
  return [variables = std::move(variables)](
             const char* name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) {
      return std::nullopt;
    }
    return found->second;
  };
}

}  // namespace bottled

#endif  // BOTTLED_TESTS_PLATFORM_MAP_ENV_H_
