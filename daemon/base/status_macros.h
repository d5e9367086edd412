// RETURN_IF_ERROR and ASSIGN_OR_RETURN for absl::Status.

#ifndef BOTTLED_BASE_STATUS_MACROS_H_
#define BOTTLED_BASE_STATUS_MACROS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// Returns from the current function when `expr` is an error.
#define RETURN_IF_ERROR(expr)                  \
  do {                                         \
    absl::Status status_macro_status = (expr); \
    if (!status_macro_status.ok()) {           \
      return status_macro_status;              \
    }                                          \
  } while (false)

#define BOTTLED_STATUS_CONCAT_INNER(a, b) a##b
#define BOTTLED_STATUS_CONCAT(a, b) BOTTLED_STATUS_CONCAT_INNER(a, b)

#define BOTTLED_ASSIGN_OR_RETURN_IMPL(tmp, lhs, expr) \
  auto tmp = (expr);                                  \
  if (!tmp.ok()) {                                    \
    return std::move(tmp).status();                   \
  }                                                   \
  lhs = std::move(tmp).value()

// Evaluates `expr`, a StatusOr<T>; returns its error from the current function
// or assigns its value to `lhs`, which may declare a variable.
#define ASSIGN_OR_RETURN(lhs, expr)                                          \
  BOTTLED_ASSIGN_OR_RETURN_IMPL(BOTTLED_STATUS_CONCAT(status_or_, __LINE__), \
                                lhs, expr)

#endif  // BOTTLED_BASE_STATUS_MACROS_H_
