// Whether this build has a sanitizer: random tests take fewer turns then, as
// each costs ten times as much; and UBSan itself needs descriptors to look at a
// vptr, so that tests without any are skipped.

#ifndef BOTTLED_TESTS_BASE_SANITIZED_H_
#define BOTTLED_TESTS_BASE_SANITIZED_H_

namespace bottled {

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define BOTTLED_TESTS_SANITIZED 1
#endif
#endif

#if defined(__has_feature)
#if __has_feature(undefined_behavior_sanitizer)
#define BOTTLED_TESTS_UBSAN 1
#endif
#endif

#ifdef BOTTLED_TESTS_UBSAN
inline constexpr bool kUbsan = true;
#else
inline constexpr bool kUbsan = false;
#endif

#ifdef BOTTLED_TESTS_SANITIZED
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

// `turns`, or a tenth of them.
constexpr int Turns(int turns) { return kSanitized ? turns / 10 : turns; }

}  // namespace bottled

#endif  // BOTTLED_TESTS_BASE_SANITIZED_H_
