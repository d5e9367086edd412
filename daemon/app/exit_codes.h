// Exit codes of bottled; the numbers are those of sysexits.h where one fits.

#ifndef BOTTLED_APP_EXIT_CODES_H_
#define BOTTLED_APP_EXIT_CODES_H_

namespace bottled {

enum ExitCode : int {
  kExitOk = 0,
  kExitFailure = 1,
  kExitUsage = 64,
  // Another daemon has the state directory (EX_TEMPFAIL).
  kExitAlreadyRunning = 75,
  // The configuration or the state directory cannot be used (EX_CONFIG).
  kExitConfig = 78,
};

}  // namespace bottled

#endif  // BOTTLED_APP_EXIT_CODES_H_
