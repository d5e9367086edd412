// The seed of a random test: of BOTTLED_TEST_SEED, else a new one. Each test
// prints it where it fails.

#ifndef BOTTLED_TESTS_BASE_SEED_H_
#define BOTTLED_TESTS_BASE_SEED_H_

#include <cstdlib>
#include <random>

namespace bottled {

inline unsigned TestSeed() {
  const char* given = std::getenv("BOTTLED_TEST_SEED");
  return given == nullptr
             ? std::random_device()()
             : static_cast<unsigned>(std::strtoul(given, nullptr, 10));
}

}  // namespace bottled

#endif  // BOTTLED_TESTS_BASE_SEED_H_
